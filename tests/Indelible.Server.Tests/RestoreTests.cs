using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Restoring;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The primary is destroyed, and made again of a copy, with a real PostgreSQL behind it.</summary>
public sealed class RestoreTests : IDisposable
{
    private readonly string _root = Directory.CreateTempSubdirectory("indelible-restore-").FullName;

    private string Copy => Path.Combine(_root, "copy");

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Capture_goes_on_without_loss_where_the_slot_still_has_the_log()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'before' WHERE id <= 5");
            await people.CaughtUpAsync(host);
        });
        VerifierKey key = await MirrorAsync(people);
        await people.ExecuteAsync("UPDATE people SET ssn = 'while nothing ran' WHERE id = 7");
        Checkpoint lost = new LedgerReader(people.Paths.Ledger).ReadCheckpoint();
        Destroy(people);

        RestoredLedger restored = await NewRestore(people, key).RunAsync(CancellationToken.None);
        Assert.Equal((lost.Size, lost.Root, people.Paths.Ledger), (restored.Complete.Size, restored.Complete.Root, restored.Ledger));
        Assert.Equal((true, 0), (restored.Values.HasKeyring, restored.Values.Unreadable));
        Assert.True(restored.Values.Sealed > 25);
        Assert.Equal("crm", Assert.Single(restored.Sources).Source);

        Assert.Contains("accept-head", (await Assert.ThrowsAsync<IndelibleException>(people.OpenAsync)).Message, StringComparison.Ordinal);
        await AcceptHeadAsync(people);
        await people.RunningAsync(people.CaughtUpAsync);
        List<Entry> entries = people.Entries();
        Assert.DoesNotContain(entries, entry => entry.Header.Code == GuardCode.Gap);
        Assert.Single(entries, entry => entry.Header is { Kind: EntryKind.Change, Key.Columns: [{ Value: "7" }] });
        await LedgerCheck.AllAsync(people.Paths.Ledger, "example.org/t", CancellationToken.None);
        Assert.Equal(Verdict.Verified, Verify(people.Paths.Ledger, key).Verdict);
    }

    [Fact]
    public async Task What_no_copy_holds_is_a_gap_and_what_it_changed_is_found()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        VerifierKey key = await SealBeyondTheCopyAsync(people);
        Destroy(people);
        RestoredLedger restored = await NewRestore(people, key).RunAsync(CancellationToken.None);   // nobody is asked: the operator vouches
        await AcceptHeadAsync(people);
        await people.RunningAsync(async host =>
        {
            await people.CaughtUpAsync(host);
            await people.ExecuteAsync("UPDATE people SET ssn = 'after' WHERE id = 9");
            await people.CaughtUpAsync(host);
            await LiveLedger.WholeAsync(host);
        });
        List<Entry> entries = people.Entries();
        Entry gap = Assert.Single(entries, entry => entry.Header.Code == GuardCode.Gap);
        Assert.Equal(("slot-ahead", restored.Sources[0].Confirmable.ToString()), (gap.Header.Facts!["reason"], gap.Header.Facts["from"]));
        Assert.Equal("4", Assert.Single(entries, entry => entry.Header.Operation == Operation.Found).Header.Key!.Columns[0].Value);
        Assert.Single(
            entries, entry => entry.Header is { Kind: EntryKind.Change, Operation: Operation.Update, Key.Columns: [{ Value: "9" }] });
        Assert.Equal(Verdict.Verified, Verify(people.Paths.Ledger, key).Verdict);
    }

    [Fact]
    public async Task Values_whose_keys_are_newer_than_the_keyrings_backup_are_counted_and_named()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        string backup = Path.Combine(_root, "backup");
        await people.RunningAsync(async host =>
        {
            await people.CaughtUpAsync(host);
            host.Keyring.Export(backup);
            await people.ExecuteAsync(
                "UPDATE people SET ssn = 'an older key' WHERE id = 3", "INSERT INTO people VALUES (21, 'a'), (22, 'b')",
                "UPDATE people SET ssn = 'c' WHERE id = 22", "UPDATE people SET ssn = 'an older key' WHERE id = 4");
            await people.CaughtUpAsync(host);
        });
        VerifierKey key = await MirrorAsync(people);
        List<Entry> entries = people.Entries();
        Destroy(people);
        byte[] master = await File.ReadAllBytesAsync(Path.Combine(people.Paths.Keyring, "master.key"));
        using (MasterKey opens = MasterKey.Load(people.Paths.Keyring))
        {
            Directory.Delete(people.Paths.Keyring, recursive: true);
            Keyring.Import(backup, people.Paths.Keyring, opens);
        }
        DurableFile.ReplaceSecret(Path.Combine(people.Paths.Keyring, "master.key"), master);
        ReadableValues values = (await NewRestore(people, key).RunAsync(CancellationToken.None)).Values;
        // Two inserts with one value each, one update with two.
        Assert.Equal((true, 4), (values.HasKeyring, values.Unreadable));
        int[] lost = [.. Enumerable.Range(0, entries.Count).Where(i => entries[i].Header is { Kind: EntryKind.Change,
            Key.Columns: [{ Value: "21" or "22" }] })];
        Assert.Equal((lost[0], lost[^1]), (values.FirstEntry, values.LastEntry));
        Assert.Equal(3, lost.Length);
    }

    [Fact]
    public async Task Below_a_known_head_nothing_goes_on_under_the_same_name_and_a_successor_names_both()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        VerifierKey key = await SealBeyondTheCopyAsync(people);
        string newest = Path.Combine(_root, "newest.checkpoint");
        File.Copy(Path.Combine(people.Paths.Ledger, "checkpoint"), newest);
        Destroy(people);
        IndelibleException refused =
            await Assert.ThrowsAsync<IndelibleException>(() => NewRestore(people, key, newest).RunAsync(CancellationToken.None));
        Assert.Equal(ExitCode.Finding, refused.ExitCode);
        Assert.Contains("would make a second history", refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(people.Paths.Ledger));

        string home = Path.Combine(_root, "second");
        RestoredLedger restored = await NewRestore(people, key, newest, successor: home).RunAsync(CancellationToken.None);
        Assert.True(restored.IsBehind);
        LedgerPaths own = LedgerPaths.For(Path.Combine(home, "ledger"));
        string config = Path.Combine(home, "indelible.json");
        await using (LedgerHost host = await OpenAsync(own, config))
        {
            await new ProtectOperation(host, config, _ => { }) { Source = "crm", Owner = SourceConnection.Parse(people.Database),
                Columns = [ColumnRequest.Parse("people.ssn")], By = "a test",
                CapturePasswordFile = people.Config.Sources["crm"].PasswordFile }.RunAsync(CancellationToken.None);
        }
        await LiveLedger.RunningAsync(OpenAsync(own, config), async host =>
        {
            await people.ExecuteAsync(
                "SELECT indelible.operator('maria', 'a test'); UPDATE people SET ssn = 'in the successor' WHERE id = 11");
            await people.CaughtUpAsync(host);
        });
        List<Entry> entries = LiveLedger.EntriesOf(own);
        EntryHeader first = entries[0].Header;
        Assert.Equal((EntryKind.Admin, "succeeds", "example.org/t-2"), (first.Kind, first.Code, first.Origin));
        Assert.Equal(
            ("example.org/t", $"{restored.Complete.Size}", $"{restored.Complete.Root}", $"{restored.Highest!.Head.Size}",
                $"{restored.Highest.Head.Root}"),
            (first.Facts!["predecessor"], first.Facts["complete-size"], first.Facts["complete-root"], first.Facts["known-size"],
                first.Facts["known-root"]));
        Assert.Equal(restored.Sources[0].Confirmable.ToString(), first.Facts["sealed-to-crm"]);
        Assert.Equal(20, entries.Count(entry => entry.Header.Kind == EntryKind.Baseline));
        Assert.Equal(Grade.Asserted, Assert.Single(entries, entry => entry.Header.Kind == EntryKind.Change).Header.Operator!.Grade);
        Assert.True(VerifierKey.Parse(restored.Successor!.VerifierKey, out VerifierKey? successorKey).IsNone);
        Assert.Equal(Verdict.Verified, Verify(own.Ledger, successorKey!).Verdict);
        Assert.Equal(Verdict.Verified, Verify(LedgerCopy.LedgerBelow(Copy), key).Verdict);       // the copy still proves what it did
    }

    [Fact]
    public async Task What_is_in_the_way_what_contradicts_and_what_cannot_be_read_is_said()
    {
        LedgerPaths paths = LedgerPaths.For(Path.Combine(_root, "one", "ledger"));
        NewLedger made = await NewLedger.CreateAsync(paths, "example.org/t", CancellationToken.None);
        Assert.True(VerifierKey.Parse(made.VerifierKey, out VerifierKey? key).IsNone);
        await SealAsync(paths, 10);
        await Copying.AsIsAsync(Path.Combine(_root, "one"), Path.Combine(_root, "other"));
        await SealAsync(paths, 10);
        LedgerPaths other = LedgerPaths.For(Path.Combine(_root, "other", "ledger"));
        await SealAsync(other, 5);

        Restore restore =
            new(paths, new IndelibleConfig(), TimeProvider.System, _ => { }) { From = paths.Ledger, Key = key!, By = "a test" };
        Assert.Contains("is never overwritten",
            (await Assert.ThrowsAsync<IndelibleException>(() => restore.RunAsync(CancellationToken.None))).Message,
            StringComparison.Ordinal);

        LedgerPaths to = LedgerPaths.For(Path.Combine(_root, "new", "ledger"));
        Restore two = new(to, new IndelibleConfig(), TimeProvider.System, _ => { }) { From = paths.Ledger, Key = key!, By = "a test",
            Heads = [other.Ledger] };
        IndelibleException twice = await Assert.ThrowsAsync<IndelibleException>(() => two.RunAsync(CancellationToken.None));
        Assert.Contains("the ledger's key signed two histories", twice.Message, StringComparison.Ordinal);
        Directory.Delete(Path.Combine(_root, "new"), recursive: true);

        Restore silent = new(to, new IndelibleConfig(), TimeProvider.System, _ => { }) { From = paths.Ledger, Key = key!, By = "a test",
            Heads = ["http://127.0.0.1:1/"] };
        Assert.Equal(
            ExitCode.Environment, (await Assert.ThrowsAsync<IndelibleException>(() => silent.RunAsync(CancellationToken.None))).ExitCode);

        RestoredLedger restored = await new Restore(to, new IndelibleConfig(), TimeProvider.System, _ => { }) { From = paths.Ledger,
            Key = key!, By = "a test", Heads = [paths.Ledger] }.RunAsync(CancellationToken.None);
        Assert.Equal((20, false, false), (restored.Complete.Size, restored.Values.HasKeyring, restored.IsBehind));
    }

    /// <summary>A ledger sealed, and confirmed to the source, beyond what the copy holds.</summary>
    private async Task<VerifierKey> SealBeyondTheCopyAsync(PeopleLedger people)
    {
        VerifierKey? key = null;
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'before' WHERE id = 2");
            await people.CaughtUpAsync(host);
            await host.PublishAsync(CancellationToken.None);
            key = await MirrorAsync(people);
            await people.ExecuteAsync("UPDATE people SET ssn = 'in no copy' WHERE id = 4");
            await people.CaughtUpAsync(host);
        });
        return key!;
    }

    private async Task<VerifierKey> MirrorAsync(PeopleLedger people)
    {
        Assert.True(VerifierKey.Parse(Keyring.ReadPublic(people.Paths.Keyring).VerifierKey, out VerifierKey? key).IsNone);
        using LedgerCopy copy = LedgerCopy.Open(Copy, key!);
        using LedgerFetch source = LedgerFetch.FromDirectory(people.Paths.Ledger);
        Assert.IsType<FollowOutcome.Stored>(
            await new LedgerFollower(copy, source, "the ledger", null, TimeProvider.System).RoundAsync(CancellationToken.None));
        return key!;
    }

    /// <summary>All that was on the host but the keyring, which is restored from its own backup, without the guard.</summary>
    private static void Destroy(PeopleLedger people)
    {
        foreach (string directory in (string[])[people.Paths.Ledger, people.Paths.Journal, people.Paths.Index])
            Directory.Delete(directory, recursive: true);
        File.Delete(new Guard(people.Paths.Keyring).FilePath);
    }

    private Restore NewRestore(PeopleLedger people, VerifierKey key, string? head = null, string? successor = null) =>
        new(people.Paths, people.Config, TimeProvider.System, _ => { })
    {
        From = LedgerCopy.LedgerBelow(Copy), Key = key, By = "a test", Heads = head is null ? [] : [head],
        Successor = successor is null ? null : "example.org/t-2", SuccessorDirectory = successor,
    };

    private static async Task AcceptHeadAsync(PeopleLedger people)
    {
        await using LedgerHost host = await LedgerHost.OpenAsync(
            people.Paths, people.Config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None, acceptMissingGuard: true);
        EntryBatch entries = new();
        host.NewMaker("").AddGuard(entries, GuardCode.HeadAccepted);
        await host.SealAsync(entries, CancellationToken.None);
    }

    private static async Task SealAsync(LedgerPaths paths, int count)
    {
        await using LedgerHost host = await LedgerHost.OpenAsync(
            paths, new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
        EntryBatch entries = new();
        for (int i = 0; i < count; i++) host.NewMaker("").AddGuard(entries, GuardCode.Rights);
        await host.SealAsync(entries, CancellationToken.None);
    }

    private static Task<LedgerHost> OpenAsync(LedgerPaths paths, string config)
    {
        IndelibleConfig read = ConfigFile.Load(config, required: true);
        read.Listen = "127.0.0.1:0";
        return LedgerHost.OpenAsync(paths, read, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
    }

    private static VerificationReport Verify(string ledger, VerifierKey key)
    {
        using LedgerFetch files = LedgerFetch.FromDirectory(ledger);
        return new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(key) }.Verify(CancellationToken.None);
    }
}
