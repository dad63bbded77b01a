using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>What a successor begins with, and what is refused, with a real PostgreSQL behind it.</summary>
public sealed class RotationTests : IDisposable
{
    private const string Next = "example.org/t-2";
    private readonly string _root = Directory.CreateTempSubdirectory("indelible-rotation-").FullName;

    private string Home => Path.Combine(_root, "next");
    private LedgerPaths Own => LedgerPaths.For(Path.Combine(Home, "ledger"));

    public void Dispose() => Directory.Delete(_root, recursive: true);

    [Fact]
    public async Task Every_kind_of_row_is_restated_and_the_successor_needs_nothing_of_the_closed_ledger()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        await using LiveLedger live = await LiveLedger.CreateAsync(
            server, ["people.ssn", "people.note", "codes.code", "visits.what", "parts.v"],
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, note text)",
            "INSERT INTO people SELECT n, 's' || n, NULL FROM generate_series(1, 20) n",
            "CREATE TABLE codes (code text PRIMARY KEY)", "INSERT INTO codes VALUES ('a'), ('b'), ('c')",
            "CREATE TABLE visits (id int PRIMARY KEY, what text)", "INSERT INTO visits SELECT n, 'w' || n FROM generate_series(1, 5) n",
            "CREATE TABLE parts (id int PRIMARY KEY, v text) PARTITION BY RANGE (id)",
            "CREATE TABLE parts1 PARTITION OF parts FOR VALUES FROM (0) TO (10)",
            "CREATE TABLE parts2 PARTITION OF parts FOR VALUES FROM (10) TO (20)",
            "INSERT INTO parts SELECT n, 'p' || n FROM generate_series(1, 19) n");
        await live.SealAsync(
            "UPDATE people SET ssn = 'changed' WHERE id <= 5", "UPDATE people SET note = repeat('long', 20000) WHERE id = 3",
            "DELETE FROM people WHERE id = 4", "UPDATE people SET id = 104 WHERE id = 10",
            "DELETE FROM codes WHERE code = 'a'", "UPDATE codes SET code = 'd' WHERE code = 'b'", "TRUNCATE visits",
            "INSERT INTO visits VALUES (1, 'again')", "TRUNCATE parts1", "UPDATE parts SET v = 'q' WHERE id = 12");
        RotatedLedger rotated = await NewRotation(live).RunAsync(CancellationToken.None);
        Assert.Equal((19 + 2 + 1 + 10, 0), (rotated.Rows, rotated.Unknown));
        Directory.Move(live.Paths.Ledger, Path.Combine(_root, "cold"));
        foreach (string directory in (string[])[live.Paths.Index, live.Paths.Journal, live.Paths.Keyring])
            Directory.Delete(directory, recursive: true);

        await LiveLedger.RunningAsync(OpenAsync(), async host =>
        {
            await live.ExecuteAsync("UPDATE people SET ssn = 'next' WHERE id IN (3, 7, 104)",
                "UPDATE codes SET code = 'e' WHERE code = 'd'", "DELETE FROM codes WHERE code = 'c'",
                "UPDATE parts SET v = 'r' WHERE id IN (12, 13)", "DELETE FROM visits");
            await CaughtUpAsync(live, host);
            CrosscheckReport report = await new Crosscheck(host, live.Source, host.Config.Sources[live.Source], static _ => { })
                .RunAsync(CancellationToken.None);
            Assert.Equal((0, 0, 0), (report.Differences.Count, (int)report.UnknownValues, (int)report.LockedValues));
        });
        List<Entry> entries = LiveLedger.EntriesOf(Own);
        Assert.DoesNotContain(entries, entry => entry.Header.Code is GuardCode.Gap or GuardCode.Continuity);
        Assert.Equal(Succession.SucceedsCode, entries[0].Header.Code);
        await LedgerCheck.AllAsync(Own.Ledger, Next, CancellationToken.None);
        using LedgerView view = await LedgerView.OpenAsync(Own, NullLogger.Instance, CancellationToken.None);
        Entry third =
            entries.Single(entry => entry.Header is { Kind: EntryKind.Baseline, Relation.Name: "people", Key.Columns: [{ Value: "3" }] });
        Assert.Equal("changed", Text(view, third, "ssn"));
        Assert.Equal(80_000, Text(view, third, "note")!.Length);
    }

    [Fact]
    public async Task A_rotation_waits_until_as_many_copies_as_must_hold_a_position_hold_the_closing_entry()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        string vault = Path.Combine(_root, "vault"), told = "";
        people.Config.Targets["vault"] = new TargetConfig { Path = vault, EverySeconds = 3600 };
        people.Config.ConfirmAfter = 1;
        using CancellationTokenSource stop = new();
        Rotation rotation = new(people.Paths, people.Config, TimeProvider.System, static _ => { })
        {
            Origin = Next, Directory = Home, By = "a test", Targets = new Dictionary<string, string> { ["vault"] = "" },
            Waiting = what =>
            {
                told = what;
                stop.Cancel();
            },
        };
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => rotation.RunAsync(stop.Token));
        Assert.StartsWith("waiting for vault to hold the", told, StringComparison.Ordinal);
        Assert.Contains("expected a directory for a copy", told, StringComparison.Ordinal);
        Assert.False(Path.Exists(Path.Combine(Home, "indelible.json")));
        // not whole yet
        await Assert.ThrowsAsync<IndelibleException>(
            () => LedgerHost.OpenAsync(
                Own, new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None));
        Directory.CreateDirectory(vault);
        RotatedLedger rotated = await rotation.RunAsync(CancellationToken.None);
        Assert.Equal(rotated.ClosedSize, new LedgerReader(vault).ReadCheckpoint().Size);
    }

    [Fact]
    public async Task A_chain_verifies_as_one_and_a_link_that_does_not_fit_is_found()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        await people.RunningAsync(async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'before' WHERE id <= 5");
            await people.CaughtUpAsync(host);
        });
        string older = Path.Combine(_root, "older");
        await Copying.AsIsAsync(people.Paths.Ledger, older);
        await new Rotation(people.Paths, people.Config, TimeProvider.System, static _ => { }) { Origin = Next, Directory = Home,
            By = "a test", Reason = "a year is over" }.RunAsync(CancellationToken.None);
        await LiveLedger.RunningAsync(OpenAsync(), async host =>
        {
            await people.ExecuteAsync("UPDATE people SET ssn = 'after' WHERE id <= 5");
            await KeyRotation.RunAsync(host, "a test", null, CancellationToken.None);     // the closed ledger names the key before
            await people.CaughtUpAsync(host);
        });
        VerificationReport whole = Verify(people.Paths.Ledger);
        Assert.Equal(Verdict.Verified, whole.Verdict);
        Assert.Equal(("example.org/t", true), (Assert.Single(whole.Chain).Ledger.Origin, whole.Chain[0].Report!.IsSound));
        Assert.Contains("closed ledger example.org/t", string.Join('\n', Verify(null).NotChecked), StringComparison.Ordinal);
        Assert.Equal(Verdict.Verified, Verify(null).Verdict);
        Assert.Contains(Verify(older).Findings,
            finding => finding.Rule == Rules.Succession && finding.Message.Contains("rolled back", StringComparison.Ordinal));

        Entry closing = people.Entries()[^1];
        Assert.Equal(("closed", Next), (closing.Header.Code, closing.Header.Facts!["successor"]));
        using LedgerView view = LedgerView.Open(Own, NullLogger.Instance);
        Assert.Equal("a year is over", Text(view, closing, "reason"));            // with the successor's keyring

        await using LedgerHost closed = await people.OpenAsync();
        Assert.Contains("is closed",
            (await Assert.ThrowsAsync<IndelibleException>(() => closed.SealAsync(Guard(closed), CancellationToken.None))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_rotated_is_said_and_nothing_is_changed()
    {
        await using PeopleLedger people = await PeopleLedger.StartAsync();
        Rotation rotation = new(people.Paths, people.Config, TimeProvider.System, static _ => { }) { Origin = "example.org/t",
            Directory = Home, By = "a test" };
        Assert.Contains("an origin that no ledger had before",
            (await Assert.ThrowsAsync<IndelibleException>(() => rotation.RunAsync(CancellationToken.None))).Message,
            StringComparison.Ordinal);
        Directory.CreateDirectory(Home);
        await File.WriteAllTextAsync(Path.Combine(Home, "somebody's"), "");
        Rotation other =
            new(people.Paths, people.Config, TimeProvider.System, static _ => { }) { Origin = Next, Directory = Home, By = "a test" };
        Assert.Contains("expected an empty directory",
            (await Assert.ThrowsAsync<IndelibleException>(() => other.RunAsync(CancellationToken.None))).Message, StringComparison.Ordinal);
        people.Config.Targets["vault"] = new Replication.TargetConfig { Path = _root };
        Assert.Contains("--target vault=DIR",
            (await Assert.ThrowsAsync<IndelibleException>(() => other.RunAsync(CancellationToken.None))).Message, StringComparison.Ordinal);
        people.Config.Targets.Clear();
        await using (LedgerHost host = await people.OpenAsync())
        {
            EntryBatch gap = new();
            host.NewMaker("crm").AddGap(gap, "slot-lost", new Lsn(1), new Lsn(2), "a test");
            await host.SealAsync(gap, CancellationToken.None);
        }
        IndelibleException owed = await Assert.ThrowsAsync<IndelibleException>(() => other.RunAsync(CancellationToken.None));
        Assert.Equal(ExitCode.Finding, owed.ExitCode);
        Assert.Contains("a gap is open", owed.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(people.Entries(), entry => entry.Header.Code == Succession.ClosedCode);
    }

    [Fact]
    public async Task A_held_ledger_is_not_disposed_of_and_the_hold_goes_with_the_chain()
    {
        LedgerPaths paths = LedgerPaths.For(Path.Combine(_root, "first", "ledger"));
        await NewLedger.CreateAsync(paths, "example.org/t", CancellationToken.None);
        await using (LedgerHost host = await LedgerHost.OpenAsync(
            paths, new IndelibleConfig(), TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None))
        {
            Assert.Contains(
                "not held", (await Assert.ThrowsAsync<IndelibleException>(() => HoldAsync(host, false))).Message, StringComparison.Ordinal);
            await HoldAsync(host, true);
            Assert.Contains("held already", (await Assert.ThrowsAsync<IndelibleException>(() => HoldAsync(host, true))).Message,
                StringComparison.Ordinal);
        }
        await new Rotation(paths, new IndelibleConfig(), TimeProvider.System, static _ => { }) { Origin = Next, Directory = Home,
            By = "a test" }.RunAsync(CancellationToken.None);
        await using (LedgerHost host = await OpenAsync())
        {
            Entry held = host.View.Entry(LegalHolds.InForce(host.View)["example.org/t"].Index);
            Assert.Equal(("a judge", "case 4711"), (held.Header.Facts!["by"], Text(host.View, held, "reason")));
            Assert.Contains(
                "legal hold", (await Assert.ThrowsAsync<IndelibleException>(() => DisposeAsync(host))).Message, StringComparison.Ordinal);
            Assert.True(Directory.Exists(paths.Ledger));
            await HoldAsync(host, false);
            long size = host.Writer.TreeSize;
            using (DurableFile.TryLockDirectory(paths.Ledger))
                Assert.True((await Assert.ThrowsAsync<IndelibleException>(() => DisposeAsync(host))).IsBusy);
            Assert.Equal(size, host.Writer.TreeSize);
            long disposed = await DisposeAsync(host);
            Assert.False(Directory.Exists(paths.Ledger));
            await host.PublishAsync(CancellationToken.None);
            Assert.Equal(
                ("disposed", "example.org/t"), (host.View.Entry(disposed).Header.Code, host.View.Entry(disposed).Header.Facts!["ledger"]));
            Assert.Contains(
                "not at hand", (await Assert.ThrowsAsync<IndelibleException>(() => DisposeAsync(host))).Message, StringComparison.Ordinal);
        }
        Assert.Equal(Verdict.Verified, Verify(null).Verdict);

        static Task<long?> HoldAsync(LedgerHost host, bool isHeld) =>
            LegalHolds.SealAsync(host, "example.org/t", isHeld, "a judge", "case 4711", CancellationToken.None);
        static async Task<long> DisposeAsync(LedgerHost host)
        {
            using ClosedLedgers closed = await ClosedLedgers.OpenAsync(host.View, host.Config, NullLogger.Instance, CancellationToken.None);
            return await LegalHolds.DisposeAsync(host, closed, "example.org/t", "a clerk", "ten years are over", CancellationToken.None);
        }
    }

    private Rotation NewRotation(LiveLedger live) =>
        new(live.Paths, live.Config, TimeProvider.System, static _ => { }) { Origin = Next, Directory = Home, By = "a test" };

    private async Task<LedgerHost> OpenAsync()
    {
        IndelibleConfig read = ConfigFile.Load(Path.Combine(Home, "indelible.json"), required: true);
        read.Listen = "127.0.0.1:0";
        return await LedgerHost.OpenAsync(Own, read, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
    }

    private static async Task CaughtUpAsync(LiveLedger live, LedgerHost host)
    {
        await live.CaughtUpAsync(host);
        await host.PublishAsync(CancellationToken.None);
    }

    private static EntryBatch Guard(LedgerHost host)
    {
        EntryBatch entries = new();
        host.NewMaker("").AddGuard(entries, GuardCode.Rights);
        return entries;
    }

    private static string? Text(LedgerView view, Entry entry, string field) =>
        view.Values.Open(entry, entry.Fields.Single(one => one.Name == field),
            Side.After) is { Fault: OpenFault.None, Value.IsMissing: false } opened
                ? System.Text.Encoding.UTF8.GetString(opened.Value.Bytes.Span)
                : null;

    private VerificationReport Verify(string? predecessor)
    {
        Assert.True(VerifierKey.Parse(Keyring.ReadPublic(Own.Keyring).VerifierKey, out VerifierKey? key).IsNone);
        using LedgerFetch files = LedgerFetch.FromDirectory(Own.Ledger);
        VerificationReport newest =
            new LedgerVerifier(files.Fetch, files.OpenFile) { Policy = Policy.ForKey(key!) }.Verify(CancellationToken.None);
        using LedgerFetch? before = predecessor is null ? null : LedgerFetch.FromDirectory(predecessor);
        return new ChainVerifier(_ => before is null ? null : new LedgerSource(before.Fetch, before.OpenFile))
            .Follow(newest, CancellationToken.None);
    }
}
