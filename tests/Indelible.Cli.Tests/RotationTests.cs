using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>A ledger is closed and its successor opened while the database goes on changing, with the real binary,
/// which is killed on the way.</summary>
public sealed class RotationTests
{
    private const string Successor = "example.org/live-2";
    private const int SeedDefault = 41;

    /// <summary>Durable steps of a rotation, in their order: the call, the file below the command's directory,
    /// where <c>{n}</c> is any segment's number, and which of these calls it is.</summary>
    private static readonly (string Call, string File, int Count)[] Steps =
    [
        ("rename", "next/opening.new", 1), ("rename", "next/keyring/keyring.json.new", 1), ("fdatasync", "next/journal/{n}.journal", 1),
        ("rename", "next/keyring/guard.new", 1),
        ("rename", "next/ledger/checkpoint.new", 1), ("fdatasync", "journal/{n}.journal", 2), ("rename", "keyring/guard.new", 1),
        ("rename", "ledger/checkpoint.new", 1),
        ("fdatasync", "next/journal/{n}.journal", 1), ("fdatasync", "next/journal/{n}.journal", 2),
        ("fdatasync", "next/journal/{n}.journal", 2), ("rename", "next/keyring/guard.new", 2),
        ("rename", "next/ledger/checkpoint.new", 1), ("rename", "next/indelible.json.new", 1), ("unlink", "next/opening", 1),
    ];

    [Fact]
    public Task Killed_at_a_few_steps_a_rotation_goes_on_and_nothing_is_lost_or_doubled() => RotateAsync(
        [Steps[1], Steps[5], Steps[9], Steps[13]]);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "rotate")]
    public Task Killed_at_every_step() => RotateAsync(Steps);

    private static async Task RotateAsync((string Call, string File, int Count)[] steps)
    {
        int seed = Campaign.Seed(SeedDefault), hit = 0;
        await using LiveRun live = await LiveRun.StartAsync(seed);
        await live.ProtectAsync();
        string next = Path.Combine(live.Indelible.Home, "next");
        await using (new BusySessions(live.Server, live.Database, seed, ChangeAsync).Begin())
        {
            await live.CaughtUpAsync();
            await live.StopAsync();
            foreach ((string call, string file, int count) in steps)
            {
                if (await KilledAsync(live, call, file, count)) hit++;
                if (new LedgerReader(live.Ledger).ReadSuccessor() is not null || Sealed(live)) continue;
                await live.CaughtUpAsync();                              // not closed: as before
                await live.StopAsync();
            }
            IndelibleProcess.Result rotated = await RotateAsync(live);
            Assert.True(rotated.ExitCode == 0, live.Story(rotated.Output + rotated.Error));
            await RefusesAsync(live);
            Assert.Equal(0, (await RotateAsync(live)).ExitCode);         // done already
            live.Home = next;
            await live.CaughtUpAsync();
        }
        await live.CaughtUpAsync();
        await live.StopAsync();
        await CheckAsync(live, Path.Combine(live.Indelible.Home, "ledger"), next);
        await QueryAsync(live, next);
        Campaign.Tell("rotate", ("seed", seed), ("steps", steps.Length), ("killed", hit), ("failures", 0));
        Assert.True(hit == steps.Length, live.Story($"{hit} of {steps.Length} steps were met"));
    }

    /// <summary>Some changes all the time: the ledger stays small, and every row changes again and again.</summary>
    private static async Task ChangeAsync(NpgsqlConnection connection, Random random)
    {
        int id = random.Next(1, 50);
        long from = random.NextInt64(1000, long.MaxValue / 2);
        string value = string.Create(CultureInfo.InvariantCulture, $"v{random.Next()}");
        string sql = random.Next(4) switch
        {
            0 => $"DELETE FROM people WHERE id = {50 + id}; INSERT INTO people VALUES ({50 + id}, '{value}', '{value}')",
            1 => $"INSERT INTO people SELECT n, '{value}', '{value}' FROM generate_series({from}, {from + 29}) n",
            _ => $"UPDATE people SET ssn = '{value}', code = '{value}' WHERE id BETWEEN {id} AND {id + 2}",
        };
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync();
        await Task.Delay(random.Next(50, 200));
    }

    private static Task<IndelibleProcess.Result> RotateAsync(LiveRun live) =>
        live.Indelible.RunAsync("rotate", "--successor", Successor, "--to", "next", "--reason", "a test", "--json");

    /// <summary>The entry that closes it is sealed, and perhaps not published.</summary>
    private static bool Sealed(LiveRun live) => Directory.EnumerateFiles(Path.Combine(live.Home, "journal"), "*.journal")
        .Any(path => File.ReadAllBytes(path).AsSpan().IndexOf("successor-key"u8) >= 0);

    /// <summary>Rotates until the call was done so often, and kills the process before it does anything more;
    /// true if it came to that.</summary>
    private static async Task<bool> KilledAsync(LiveRun live, string call, string file, int count)
    {
        (bool isKilled, string story) = await Tracer.KilledAsync(
            live.Indelible, ["rotate", "--successor", Successor, "--to", "next", "--reason", "a test"], call, file, count);
        live.Told(story);
        return isKilled;
    }

    private static async Task RefusesAsync(LiveRun live)
    {
        IndelibleProcess.Result protect = await live.Indelible.RunAsync(live.ProtectArguments),
            reveal = await live.Indelible.RunAsync("reveal", "0", "--column", "ssn", "--reason", "a test");
        Assert.True(
            protect.ExitCode == 2 && protect.Error.Contains($"its successor is {Successor}", StringComparison.Ordinal), protect.Error);
        Assert.Equal(2, reveal.ExitCode);
    }

    /// <summary>Both ledgers hold together what was committed; as one chain they verify, with the newer key alone;
    /// and what the newer one says is what the database holds.</summary>
    private static async Task CheckAsync(LiveRun live, string closed, string next)
    {
        string config = Path.Combine(next, "indelible.json"), key = Keyring.ReadPublic(Path.Combine(next, "keyring")).VerifierKey;
        IndelibleProcess.Result verify = await live.Indelible.CallAsync("verify", "--config", config, "--key", key, "--json");
        Assert.True(verify.ExitCode == 0, live.Story(verify.Output + verify.Error));
        JsonNode chained = Assert.Single(verify.Json["chain"]!.AsArray())!;
        Assert.Equal((LiveRun.Origin, "verified"), ((string)chained["origin"]!, (string)chained["verdict"]!));
        using Process small = Process.Start(
            new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "indelible-verify"),
                ["--key", key, "--chain", closed, "--json", Path.Combine(next, "ledger")]) { RedirectStandardOutput = true })!;
        string told = await small.StandardOutput.ReadToEndAsync();
        await small.WaitForExitAsync();
        Assert.True(small.ExitCode == 0 && (string)JsonNode.Parse(told)!["chain"]![0]!["verdict"]! == "verified", live.Story(told));
        IndelibleProcess.Result crosscheck = await live.Indelible.CallAsync("crosscheck", "--config", config);
        Assert.True(crosscheck.ExitCode == 0, live.Story(crosscheck.Output + crosscheck.Error));
        IReadOnlyList<byte[]> older = await LedgerCheck.AllAsync(closed, LiveRun.Origin, CancellationToken.None),
            newer = await LedgerCheck.AllAsync(Path.Combine(next, "ledger"), Successor, CancellationToken.None);
        IndexCheck.All(Path.Combine(next, "index"), Successor, newer);
        List<Entry> entries = [
            .. newer.Select(entry => EntryCodec.Decode(entry, out Entry decoded) == EntryFault.None
                ? decoded
                : throw new InvalidOperationException())];
        Assert.DoesNotContain(entries, entry => entry.Header.Code is "gap" or "continuity");
        Assert.Contains(entries, entry => entry.Header.Kind == EntryKind.Change);
        try
        {
            Assert.True(await GroundTruth.CompareAsync(live.Server, live.Database, [.. older, .. newer], isWhole: true) > 0);
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(live.Story(e.Message));
        }
    }

    /// <summary>A row's life goes through both; what is not at hand is said.</summary>
    private static async Task QueryAsync(LiveRun live, string next)
    {
        string[] config = ["--config", Path.Combine(next, "indelible.json")];
        List<JsonNode> entries = [];
        string? after = null;
        do
        {
            IndelibleProcess.Result page = await live.Indelible.CallAsync(
                ["history", "people", "1", "--limit", "7", "--json", .. after is null ? (string[])[] : ["--after", after], .. config]);
            Assert.True(page.ExitCode == 0, page.Error);
            entries.AddRange(page.Json["entries"]!.AsArray().Select(entry => entry!));
            after = (string?)page.Json["next"];
        }
        while (after is not null);
        List<JsonNode> closed = [.. entries.Where(entry => (string?)entry["closedLedger"] == LiveRun.Origin)];
        Assert.True(closed.Count > 1 && entries.Count > closed.Count && entries.Take(closed.Count).SequenceEqual(closed),
            live.Story($"{closed.Count} of {entries.Count}"));
        Assert.Equal(entries.Count, entries.DistinctBy(entry => ((string?)entry["closedLedger"], (long)entry["index"]!)).Count());
        string index = ((long)closed[0]["index"]!).ToString(CultureInfo.InvariantCulture), early = (string)closed[^1]["sealedAt"]!;
        IndelibleProcess.Result revealed = await live.Indelible.CallAsync(
            ["reveal", index, "--of", LiveRun.Origin, "--column", "ssn", "--reason", "a test", "--json", .. config]);
        Assert.True(revealed.ExitCode == 0 && (string)revealed.Json["after"]!["value"]! == "s1", revealed.Output + revealed.Error);
        IndelibleProcess.Result then = await live.Indelible.CallAsync(["history", "people", "1", "--as-of", early, "--json", .. config]);
        Assert.Equal(LiveRun.Origin, (string)then.Json["closedLedger"]!);

        Directory.Move(Path.Combine(live.Indelible.Home, "ledger"), Path.Combine(live.Indelible.Home, "cold"));
        IndelibleProcess.Result rest = await live.Indelible.CallAsync(["history", "people", "1", .. config]),
            verify = await live.Indelible.CallAsync(["verify", .. config]),
            crosscheck = await live.Indelible.CallAsync(["crosscheck", .. config]);
        Assert.Equal((0, 0, 0), (rest.ExitCode, verify.ExitCode, crosscheck.ExitCode));
        Assert.Contains($"the closed ledger {LiveRun.Origin} is not at hand", rest.Error, StringComparison.Ordinal);
        Assert.Contains("NOT AT HAND", verify.Output, StringComparison.Ordinal);
        IndelibleProcess.Result back = await live.Indelible.CallAsync(["verify", Path.Combine(next, "ledger"), "--chain", "cold"]);
        Assert.True(
            back.ExitCode == 0 && back.Output.Contains($"{LiveRun.Origin} before it", StringComparison.Ordinal)
                && !back.Output.Contains("NOT AT HAND", StringComparison.Ordinal), back.Output + back.Error);
    }
}
