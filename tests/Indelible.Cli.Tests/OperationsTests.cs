using System.Buffers.Binary;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>docs/operations.md, step by step: backup, loss of the host, restore; and what was written by a newer program.</summary>
public sealed class OperationsTests
{
    [Fact]
    public async Task A_lost_host_is_restored_from_a_copy_of_the_ledger_a_keyring_backup_and_the_master_key()
    {
        await using LiveRun live = await LiveRun.StartAsync(31);
        string home = live.Indelible.Home, backup = Directory.CreateDirectory(Path.Combine(home, "backup")).FullName;
        LedgerPaths paths = LedgerPaths.For(live.Ledger);
        await live.ProtectAsync();
        live.Launch();
        await live.ListeningAsync();
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'in the backup', code = 'kept' WHERE id < 4");
        await live.CaughtUpAsync();
        await live.Indelible.RunAsync("show", "0");     // publishes what is sealed
        await BackUpAsync(live, backup);
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'after it', code = 'lost' WHERE id < 3",
            "INSERT INTO people VALUES (900, 'new', 'new')");
        await live.CaughtUpAsync();
        await live.StopAsync();

        foreach (string directory in (string[])[paths.Ledger, paths.Journal, paths.Index, paths.Keyring])
            Directory.Delete(directory, recursive: true);
        await Copying.AsIsAsync(Path.Combine(backup, "ledger"), paths.Ledger);
        Dictionary<string, string> master = new() { ["INDELIBLE_MASTER_KEY_FILE"] = Path.Combine(backup, "master.key") };
        await OkAsync(live, master, "keys", "restore", Path.Combine(backup, "crm.keyring"));
        File.Copy(Path.Combine(backup, "crm.password"), Path.Combine(paths.Keyring, "crm.password"));
        await OkAsync(live, master, "verify", "--older", Path.Combine(backup, "ledger", "checkpoint"));
        IndelibleProcess.Result refused = await live.Indelible.RunAsync(master, "run", "--listen", "127.0.0.1:0");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("keys accept-head", refused.Error, StringComparison.Ordinal);
        Assert.Contains(
            "indelible keys accept-head   #", (await live.Indelible.RunAsync(master, "doctor")).Output, StringComparison.Ordinal);
        await OkAsync(live, master, "keys", "accept-head");
        live.Launch(environment: master);
        await live.CaughtUpAsync();
        Stopwatch waited = Stopwatch.StartNew();
        while (await GapsAsync(live, master) is var found && (found.Count == 0 || found.Any(gap => (bool)gap!["open"]!)))
        {
            Assert.True(waited.Elapsed < Patience.Max, found.ToJsonString());
            await Task.Delay(200);
        }
        await live.StopAsync();

        await OkAsync(live, master, "verify", "--older", Path.Combine(backup, "ledger", "checkpoint"));
        await OkAsync(live, master, "verify", "--since", Path.Combine(backup, "ledger", "checkpoint"));
        Assert.Equal(2, (await live.Indelible.RunAsync(master, "verify", "--since", "one", "--older", "another")).ExitCode);
        await OkAsync(live, master, "crosscheck");
        JsonArray gaps = await GapsAsync(live, master);
        Assert.Contains(gaps, gap => (string)gap!["reason"]! == "slot-ahead" && !(bool)gap["open"]!);
        JsonNode history =
            (await live.Indelible.RunAsync(
                master, "history", "people", "1", "--as-of", "0s", "--reason", "after the restore", "--json")).Json;
        Assert.Equal(
            "after it", (string)history["fields"]!.AsArray().Single(field => (string)field!["column"]! == "ssn")!["value"]!["value"]!);
        IndelibleProcess.Result known = await live.Indelible.RunAsync(master, "history", "people", "1", "--verify");
        Assert.True(known.ExitCode == 0, known.Error);
    }

    [Fact]
    public async Task What_a_newer_program_wrote_is_refused_by_its_version_and_not_called_damaged()
    {
        using IndelibleProcess indelible = new();
        Assert.Equal(0, (await indelible.RunAsync("init", "--origin", LiveRun.Origin)).ExitCode);
        string hint = Path.Combine(indelible.Home, "ledger", "ledger.json"),
            keyring = Path.Combine(indelible.Home, "keyring", "keyring.json");
        await RefusedAsync(indelible, hint, json => json["format"] = 2, "expected a ledger of format 1, found format 2");
        await RefusedAsync(
            indelible, keyring, json => (json["version"], json["novelty"]) = (2, "unknown here"), "expected keyring version 1, found 2");
        Assert.Equal(0, (await indelible.CallAsync("status")).ExitCode);
    }

    [Fact]
    public async Task A_journal_of_a_newer_program_is_refused_by_its_version()
    {
        using IndelibleProcess indelible = new();
        Assert.Equal(0, (await indelible.RunAsync("init", "--origin", LiveRun.Origin)).ExitCode);
        LedgerPaths paths = LedgerPaths.For(Path.Combine(indelible.Home, "ledger"));
        byte[] key = [];
        await OpenedAsync(paths, (_, keys) =>
        {
            key = keys.JournalHmacKey.ToArray();
            return Task.CompletedTask;
        });
        string path = Directory.GetFiles(paths.Journal, "*.journal").Max(StringComparer.Ordinal)!;
        byte[] sound = await File.ReadAllBytesAsync(path), newer = [.. sound];
        newer[JournalVersionAt] = 2;
        // of the first record
        int length = JournalVersionAt + BinaryPrimitives.ReadInt32BigEndian(newer.AsSpan(HMACSHA256.HashSizeInBytes));
        HMACSHA256.HashData(key, newer.AsSpan(..length)).CopyTo(newer.AsSpan(length));
        await File.WriteAllBytesAsync(path, newer);
        await RefusedAsync(indelible, $"expected a journal of version 1, found version 2 in {path}");
        await File.WriteAllBytesAsync(path, sound);
        await OpenedAsync(paths, (writer, _) =>
        {
            Assert.Equal(0, writer.TreeSize);
            return Task.CompletedTask;
        });
    }

    /// <summary>Whatever else is in it: only the version is sure to be where it was.</summary>
    [Fact]
    public async Task An_entry_of_a_newer_program_is_refused_by_its_version_wherever_it_is_read()
    {
        using IndelibleProcess indelible = new();
        Assert.Equal(0, (await indelible.RunAsync("init", "--origin", LiveRun.Origin)).ExitCode);
        LedgerPaths paths = LedgerPaths.For(Path.Combine(indelible.Home, "ledger"));
        EntryBatch batch = new();
        batch.Add([0x82, 0xa2, 0x00, 0x02, 0x18, 0x63, 0x00, 0x80]);   // [{0: 2, 99: 0}, []]
        await OpenedAsync(paths, (writer, _) => writer.SealAsync(batch, TestContext.Current.CancellationToken));
        const string expected = "entry version 2: this program knows 1";
        await RefusedAsync(indelible, expected);
        foreach (string[] command in (string[][])[["log"], ["show", "0"], ["status"]])
        {
            IndelibleProcess.Result refused = await indelible.RunAsync(command);
            Assert.True(refused.ExitCode == 3, $"{command[0]}: {refused.Output}{refused.Error}");
            Assert.Contains(expected, refused.Error, StringComparison.Ordinal);
            Assert.DoesNotContain("contradicts itself", refused.Error, StringComparison.Ordinal);
        }
        IndelibleProcess.Result verify = await indelible.CallAsync("verify");
        Assert.Equal(3, verify.ExitCode);
        Assert.Contains(expected, verify.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("FINDING", verify.Output, StringComparison.Ordinal);
    }

    /// <summary>As after a newer program was tried and the older one put back: it seals on, and what it cannot read is no damage.</summary>
    [Fact]
    public async Task An_entry_of_a_newer_program_in_the_middle_is_told_apart_from_damage_by_verify_and_by_run()
    {
        await using LiveRun live = await LiveRun.StartAsync(49);
        await live.ProtectAsync();
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'before', code = 'before'");
        await live.CaughtUpAsync();
        await live.StopAsync();
        EntryBatch newer = new();
        newer.Add([0x82, 0xa2, 0x00, 0x02, 0x18, 0x63, 0x00, 0x80]);   // [{0: 2, 99: 0}, []]
        LedgerReader reader = new(live.Ledger);
        EntryBatch older = new();
        older.Add(reader.ReadEntries(0, reader.ReadCheckpoint().Size).First(one => EntryCodec.KindOf(one.Entry.Span) == EntryKind.Baseline)
            .Entry.Span);
        long at = 0;
        await OpenedAsync(LedgerPaths.For(live.Ledger), async (writer, _) =>
        {
            at = writer.TreeSize;
            await writer.SealAsync(newer, TestContext.Current.CancellationToken);
            await writer.SealAsync(older, TestContext.Current.CancellationToken);
        });
        string expected = $"entry {at}: entry version 2: this program knows 1";
        IndelibleProcess.Result verify = await live.Indelible.CallAsync("verify"),
            json = await live.Indelible.CallAsync("verify", "--json");
        Assert.Equal((3, 3), (verify.ExitCode, json.ExitCode));
        Assert.Contains(expected, verify.Output, StringComparison.Ordinal);
        Assert.Contains("NOT READ: 1 entry of a newer version, and nothing else is wrong", verify.Output, StringComparison.Ordinal);
        Assert.Equal(("not-read", 1, 0),
            ((string)json.Json["verdict"]!, json.Json["unread"]!.AsArray().Count, json.Json["findings"]!.AsArray().Count));
        live.Launch();
        Assert.Equal(3, await live.EndedAsync());
        Assert.Contains($"entry {at} in ", await live.ProcessLog, StringComparison.Ordinal);
        Assert.Contains("use the program that wrote it, or a newer one", await live.ProcessLog, StringComparison.Ordinal);
        Assert.DoesNotContain("contradicts itself", await live.ProcessLog, StringComparison.Ordinal);
    }

    /// <summary>In its first record: MAC of the one before, length, type, then it. src/Indelible.Ledger/JournalCodec.cs.</summary>
    private const int JournalVersionAt = 32 + 4 + 1;

    private static async Task OpenedAsync(LedgerPaths paths, Func<LedgerWriter, LedgerKeys, Task> useAsync)
    {
        using MasterKey master = MasterKey.Load(paths.Keyring);
        using Keyring keyring = Keyring.Open(paths.Keyring, master);
        await using LedgerWriter writer = await LedgerWriter.OpenAsync(paths, keyring.LedgerKeys, TimeProvider.System, NullLogger.Instance,
            new LedgerOptions(), TestContext.Current.CancellationToken);
        await useAsync(writer, keyring.LedgerKeys);
    }

    /// <summary>The checkpoint first: whatever it covers is there when the rest is copied.
    /// The keyring after the ledger: it must hold every key the copy needs.</summary>
    private static async Task BackUpAsync(LiveRun live, string backup)
    {
        string copy = Directory.CreateDirectory(Path.Combine(backup, "ledger")).FullName;
        File.Copy(Path.Combine(live.Ledger, "checkpoint"), Path.Combine(copy, "checkpoint"));
        foreach (string path in Directory.GetFileSystemEntries(live.Ledger)
            .Where(path => Path.GetFileName(path) is not ("checkpoint" or ".tmp")))
            await Copying.AsIsAsync(path, Path.Combine(copy, Path.GetFileName(path)));
        await OkAsync(live, null, "keys", "export", Path.Combine(backup, "crm.keyring"));
        foreach (string secret in (string[])["master.key", "crm.password"])
            await Copying.AsIsAsync(Path.Combine(live.Indelible.Home, "keyring", secret), Path.Combine(backup, secret));
    }

    private static async Task<JsonArray> GapsAsync(LiveRun live, Dictionary<string, string> environment) =>
        (await live.Indelible.RunAsync(environment, "coverage", "--json")).Json["sources"]![0]!["gaps"]!.AsArray();

    private static async Task OkAsync(LiveRun live, Dictionary<string, string>? environment, params string[] arguments)
    {
        IndelibleProcess.Result result = await live.Indelible.RunAsync(environment, arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.Output}{result.Error}");
    }

    private static async Task RefusedAsync(IndelibleProcess indelible, string path, Action<JsonObject> change, string reason)
    {
        string sound = await File.ReadAllTextAsync(path);
        JsonObject json = JsonNode.Parse(sound)!.AsObject();
        change(json);
        await File.WriteAllTextAsync(path, json.ToJsonString());
        await RefusedAsync(indelible, reason);
        await File.WriteAllTextAsync(path, sound);
    }

    private static async Task RefusedAsync(IndelibleProcess indelible, string reason)
    {
        IndelibleProcess.Result refused = await indelible.RunAsync("run", "--listen", "127.0.0.1:0");
        Assert.True(refused.ExitCode == 3, refused.Error);
        Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
        Assert.Contains("use the program that wrote it, or a newer one", refused.Error, StringComparison.Ordinal);
        IndelibleProcess.Result doctor = await indelible.CallAsync("doctor");
        Assert.Equal(1, doctor.ExitCode);
        Assert.Contains(reason, doctor.Output, StringComparison.Ordinal);
    }
}
