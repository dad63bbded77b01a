using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>What a crosscheck must find, must not find, and must not claim, on a real server.</summary>
public sealed class CrosscheckCasesTests : CrosscheckFixture
{
    [Fact]
    public async Task Differences_of_every_kind_are_found_under_keys_of_every_form_and_nothing_else_is()
    {
        await ExecuteAsync(
            "CREATE TABLE pair (a int, b text, v text, w text, PRIMARY KEY (a, b))",
            @"INSERT INTO pair SELECT n, E'k\t\\é\n' || n, E'v\t\\N\n\\' || n, CASE n % 3 WHEN 0 THEN NULL WHEN 1 THEN '' ELSE '\N' END
                FROM generate_series(1, 1200) n",
            "CREATE TABLE card (pan text PRIMARY KEY, owner text)",
            "INSERT INTO card SELECT 'pan ' || n, 'o' || n FROM generate_series(1, 700) n");
        await ProtectAsync("pair.v", "pair.w", "card.pan", "card.owner");
        CrosscheckReport fine = await CheckAsync();
        Assert.Empty(Lines(fine));
        Assert.Equal((1900, 3800, true), (fine.Rows, fine.Values, fine.IsFine));

        await InTheDarkAsync("pair",
            "UPDATE pair SET w = '' WHERE a = 3", "UPDATE pair SET w = NULL WHERE a = 4", "UPDATE pair SET v = v || ' ' WHERE a = 600",
            "UPDATE pair p SET v = q.v, w = q.w FROM pair q WHERE (p.a, q.a) IN ((1001, 1002), (1002, 1001))",
            "DELETE FROM pair WHERE a = 1200", "INSERT INTO pair VALUES (-1, 'new', 'x', 'y')");
        await InTheDarkAsync("card", "DELETE FROM card WHERE pan = 'pan 7'", "UPDATE card SET pan = 'pan -8' WHERE pan = 'pan 8'");
        CrosscheckReport found = await CheckAsync();
        string[] lines = [.. Lines(found).Select(line => line.Replace("\t\\é\n", "~", StringComparison.Ordinal))];
        Assert.Equal(
            [
                "public.pair a=-1, b=new : in the database, unknown to the ledger",
                "public.pair a=1001, b=k~1001 v: another value than in the ledger",
                "public.pair a=1001, b=k~1001 w: NULL in the database, a value in the ledger",
                "public.pair a=1002, b=k~1002 v: another value than in the ledger",
                "public.pair a=1002, b=k~1002 w: a value in the database, NULL in the ledger",
                "public.pair a=1200, b=k~1200 : in the ledger, missing in the database",
                "public.pair a=3, b=k~3 w: a value in the database, NULL in the ledger",
                "public.pair a=4, b=k~4 w: NULL in the database, a value in the ledger",
                "public.pair a=600, b=k~600 v: another value than in the ledger",
            ],
            lines.Where(line => line.StartsWith("public.pair", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
        string[] cards = [.. lines.Where(line => line.StartsWith("public.card token", StringComparison.Ordinal))
            .Select(line => line[(line.LastIndexOf(':') + 2)..])];
        Assert.Equal(
            ["in the database, unknown to the ledger", "in the ledger, missing in the database", "in the ledger, missing in the database"],
            cards.Order(StringComparer.Ordinal));
        Assert.Equal(9 + 3, found.DifferenceCount);

        await using LedgerHost host = await OpenAsync();
        Assert.Equal(
            ["public.pair a=4, b=k~4 w: NULL in the database, a value in the ledger"], await LinesOfKeyAsync(host, "4", "k\t\\é\n4"));
        Assert.Empty(await LinesOfKeyAsync(host, "5", "k\t\\é\n5"));
        Assert.Equal(
            ["public.pair a=1200, b=k~1200 : in the ledger, missing in the database"], await LinesOfKeyAsync(host, "1200", "k\t\\é\n1200"));
        CrosscheckReport table = await Crosscheck(host,
            new CrosscheckScope { Table = Source.Protection.Tables.Find(one => one.Name == "card") }).RunAsync(CancellationToken.None);
        Assert.Equal((3, "public.card"), (table.DifferenceCount, table.Scope));
        CrosscheckReport sample = await Crosscheck(host, new CrosscheckScope { Sample = 100 }).RunAsync(CancellationToken.None);
        Assert.InRange(sample.Rows, 100, 200);
        CrosscheckReport wide = await Crosscheck(host, new CrosscheckScope { Sample = 20_000 }).RunAsync(CancellationToken.None);
        Assert.True(wide.DifferenceCount >= 8, $"{wide.DifferenceCount} differences in a sample of everything");
    }

    [Fact]
    public async Task One_that_was_stopped_goes_on_where_it_stood_and_one_begun_anew_reads_everything_again()
    {
        await ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, 4000) n");
        await ProtectAsync("t.x");
        await using (LedgerHost host = await OpenAsync())
        {
            using CancellationTokenSource stop = new();
            Crosscheck stopped = Crosscheck(host, progress: what =>
            {
                if (what.StartsWith("public.t: 2000 ", StringComparison.Ordinal)) stop.Cancel();
            });
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => stopped.RunAsync(stop.Token));
        }
        // Behind where it stood and before it; what was recorded meanwhile is no difference.
        await ExecuteAsync("UPDATE t SET x = 'y' WHERE id % 100 = 0", "DELETE FROM t WHERE id IN (10, 3010)",
            "INSERT INTO t VALUES (-5, 'z'), (5000, 'z')", "UPDATE t SET id = -id WHERE id IN (20, 3020)");
        await InTheDarkAsync("t", "UPDATE t SET x = 'forged' WHERE id IN (30, 3030)", "DELETE FROM t WHERE id IN (40, 3040)");
        string state = Path.Combine(Paths.Index, "crosscheck", "crm", "state");
        // it holds row keys
        Assert.DoesNotContain(
            "Ranges", await File.ReadAllTextAsync(state, TestContext.Current.CancellationToken), StringComparison.Ordinal);
        List<string> told = [];
        await using (LedgerHost host = await OpenAsync())
        {
            CrosscheckReport report = await Crosscheck(host, progress: told.Add).RunAsync(CancellationToken.None);
            Assert.Contains(told, what => what.StartsWith("going on where", StringComparison.Ordinal));
            Assert.DoesNotContain(told, what => what.StartsWith("public.t: 500 ", StringComparison.Ordinal));
            Assert.Equal(
                ["public.t id=3030 x: another value than in the ledger", "public.t id=3040 : in the ledger, missing in the database"],
                Lines(report));
            report = await Crosscheck(host, anew: true).RunAsync(CancellationToken.None);
            Assert.Equal(4, report.DifferenceCount);
            Assert.Equal(3998, report.Rows);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(Paths.Index, "crosscheck", "crm")));
        }
    }

    [Fact]
    public async Task Across_an_open_gap_nothing_is_asserted_and_after_the_next_baseline_it_is()
    {
        await ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t VALUES (1, 'x')");
        await ProtectAsync("t.x");
        LedgerHost host = await OpenAsync();
        EntryBatch gap = new();
        host.NewMaker("crm").AddGap(gap, "slot-lost", new Lsn(1), new Lsn(2), "a test");
        await host.SealAsync(gap, CancellationToken.None);
        CrosscheckReport open = await CheckAsync(host);
        Assert.False(open.IsFine);
        Assert.Equal("public.t", Assert.Single(open.NotCovered).Table);
        Assert.Equal((0, 0), (open.Rows, open.DifferenceCount));
        await host.PublishAsync(CancellationToken.None);
        Assert.Equal("public.t", host.View.Entry(open.GuardEntry!.Value).Header.Facts!["not-covered"]);
        await host.DisposeAsync();
        await RunningAsync(LiveLedger.WholeAsync);
        CrosscheckReport closed = await CheckAsync();
        Assert.True(closed.IsFine);
        Assert.Equal(1, closed.Rows);
    }

    [Fact]
    public async Task Tables_emptied_and_filled_again_meanwhile_raise_no_alarm_and_a_lost_column_is_told_once()
    {
        await ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, x text, y text)", "INSERT INTO t SELECT n, 'x' || n, 'y' FROM generate_series(1, 2000) n");
        await ProtectAsync("t.x", "t.y");
        await RunningAsync(async host =>
        {
            int told = 0;
            Crosscheck meanwhile = Crosscheck(host, progress: what =>
            {
                if (what.StartsWith("public.t: 1000 ", StringComparison.Ordinal) && told++ == 0)
                {
                    ExecuteAsync("BEGIN; TRUNCATE t; INSERT INTO t SELECT n, 'again' || n, NULL FROM generate_series(500, 2500) n; COMMIT")
                        .GetAwaiter().GetResult();
                }
            });
            CrosscheckReport report = await meanwhile.RunAsync(TestContext.Current.CancellationToken);
            Assert.True(told > 0, "nothing was written meanwhile");
            Assert.Empty(Lines(report));
            Assert.True(report.IsFine);
        });
        await ExecuteAsync("ALTER TABLE t DROP COLUMN y");
        await InTheDarkAsync("t", "UPDATE t SET x = 'forged' WHERE id = 600");
        Assert.Equal(["public.t  y: the column is gone from the database", "public.t id=600 x: another value than in the ledger"],
            Lines(await CheckAsync()));
    }

    [Fact]
    public async Task From_a_second_machine_a_copy_of_the_ledger_is_enough_and_one_that_lags_is_not_covered()
    {
        await ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, 1000) n");
        await ProtectAsync("t.x");
        await RunningAsync(async host =>
        {
            await ExecuteAsync("UPDATE t SET x = 'y' WHERE id % 10 = 0", "DELETE FROM t WHERE id = 5");
            await InTheDarkAsync("t", "UPDATE t SET x = 'forged' WHERE id = 7", "DELETE FROM t WHERE id = 8");
            string home = Path.Combine(Path.GetDirectoryName(Paths.Ledger)!, "second");
            LedgerPaths second = LedgerPaths.For(Path.Combine(home, "copy"));
            using CancellationTokenSource stop = new();
            await CopyAsync(Paths.Ledger, second.Ledger);
            RestoreKeyring(host, second);
            using (MirrorCrosscheck lagging = new(second, TimeProvider.System) { StillMax = TimeSpan.FromMilliseconds(100) })
            {
                CrosscheckReport stale =
                    await lagging.RunAsync("crm", Source, new CrosscheckScope(), anew: false, _ => { }, CancellationToken.None);
                Assert.False(stale.IsFine);
                Assert.Contains("not to", Assert.Single(stale.NotCovered).Reason, StringComparison.Ordinal);
                Assert.Null(stale.GuardEntry);
            }
            Task copying = KeepCopyingAsync(host, second.Ledger, stop.Token);
            using (MirrorCrosscheck mirror = new(second, TimeProvider.System))
            {
                CrosscheckReport report = await mirror.RunAsync(
                    "crm", Source, new CrosscheckScope(), anew: false, _ => { }, TestContext.Current.CancellationToken);
                Assert.Equal(
                    ["public.t id=7 x: another value than in the ledger", "public.t id=8 : in the ledger, missing in the database"],
                    Lines(report));
                Assert.Empty(report.NotCovered);
                Assert.Equal(0, report.LockedValues);
            }
            await stop.CancelAsync();
            await copying.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        });
    }

    [Fact]
    public async Task From_a_second_machine_a_ledger_that_is_served_is_followed_and_compared_with()
    {
        await ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, 1000) n");
        await ProtectAsync("t.x");
        LedgerPaths second = LedgerPaths.For(Path.Combine(Path.GetDirectoryName(Paths.Ledger)!, "second", "ledger"));
        await RunningAsync(async host =>
        {
            RestoreKeyring(host, second);
            await InTheDarkAsync("t", "UPDATE t SET x = 'forged' WHERE id = 7", "DELETE FROM t WHERE id = 8");
            for (int round = 1; round <= 2; round++)
            {
                await ExecuteAsync("UPDATE t SET x = x || 'y' WHERE id % 10 = 0");
                using MirrorCrosscheck mirror = await MirrorCrosscheck.FollowAsync(
                    host.Address!, second, TimeProvider.System, _ => { }, TestContext.Current.CancellationToken);
                CrosscheckReport report = await mirror.RunAsync(
                    "crm", Source, new CrosscheckScope(), anew: false, _ => { }, TestContext.Current.CancellationToken);
                Assert.Equal(
                    ["public.t id=7 x: another value than in the ledger", "public.t id=8 : in the ledger, missing in the database"],
                    Lines(report));
                Assert.Equal((999, 0), (report.Rows, report.NotCovered.Count));
                Assert.True(mirror.View.Reader.ReadCheckpoint().Size >= 1000 + (round * 100));
            }
        });
        Assert.False(Directory.Exists(second.Ledger));
        IndelibleException unreachable = await Assert.ThrowsAsync<IndelibleException>(
            () => MirrorCrosscheck.FollowAsync("http://127.0.0.1:9", second, TimeProvider.System, _ => { }, CancellationToken.None));
        Assert.Equal(ExitCode.Environment, unreachable.ExitCode);
    }

    private async Task<string[]> LinesOfKeyAsync(LedgerHost host, params string[] key) =>
        [.. Lines(await Crosscheck(host, new CrosscheckScope { Table = Source.Protection.Tables[0], Key = key })
            .RunAsync(CancellationToken.None)).Select(line => line.Replace("\t\\é\n", "~", StringComparison.Ordinal))];

    private void RestoreKeyring(LedgerHost host, LedgerPaths to)
    {
        string backup = Path.Combine(Directory.CreateDirectory(Path.GetDirectoryName(to.Ledger)!).FullName, "backup");
        host.Keyring.Export(backup);
        using MasterKey master = MasterKey.Load(Paths.Keyring);
        Keyring.Import(backup, to.Keyring, master);
        File.Copy(Path.Combine(Paths.Keyring, "master.key"), Path.Combine(to.Keyring, "master.key"));
    }

    private static async Task KeepCopyingAsync(LedgerHost host, string to, CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(500, cancellationToken);
            await CopyAsync(host.Paths.Ledger, to);
        }
    }

    /// <summary>The checkpoint first, put in place last: what it speaks of is then there.</summary>
    private static async Task CopyAsync(string from, string to)
    {
        Directory.CreateDirectory(to);
        byte[] checkpoint = await File.ReadAllBytesAsync(Path.Combine(from, "checkpoint"));
        foreach (string file in Directory.EnumerateFiles(from, "*", SearchOption.AllDirectories)
            .Where(file => !file.EndsWith(".new", StringComparison.Ordinal)))
        {
            string copy = Path.Combine(to, Path.GetRelativePath(from, file));
            if (File.Exists(copy) || Path.GetFileName(file) == "checkpoint") continue;
            Directory.CreateDirectory(Path.GetDirectoryName(copy)!);
            try
            {
                File.Copy(file, copy);
            }
            catch (FileNotFoundException)
            {
                continue;    // a partial tile that gave way to the full one
            }
        }
        await File.WriteAllBytesAsync(Path.Combine(to, "checkpoint.copy"), checkpoint);
        File.Move(Path.Combine(to, "checkpoint.copy"), Path.Combine(to, "checkpoint"), overwrite: true);
    }
}
