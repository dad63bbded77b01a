using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Too little room, and very much of everything. The wide ones run when asked for.</summary>
public sealed class PressureTests
{
    [Fact]
    public async Task A_full_disk_ends_run_in_words_and_once_there_is_room_it_goes_on_where_it_was()
    {
        await using LiveRun live = await LiveRun.StartAsync(21);
        using SmallDisk? disk = await OnSmallDiskAsync(live, megabytes: 96);
        Assert.SkipWhen(disk is null, "no right to mount a file system");
        await live.ProtectAsync();
        live.Launch();
        await live.ListeningAsync();
        await using (live.Traffic())
        {
            await Task.Delay(500);
            disk.Fill();
            Assert.Equal(3, await live.EndedAsync());
            Assert.Contains("No space left on device", await live.ProcessLog, StringComparison.Ordinal);
            IndelibleProcess.Result refused = await live.Indelible.RunAsync("run", "--listen", "127.0.0.1:0");
            Assert.Equal(3, refused.ExitCode);
            Assert.Contains("No space left on device", refused.Error, StringComparison.Ordinal);
            Assert.Contains("free", refused.Error, StringComparison.Ordinal);
            IndelibleProcess.Result doctor = await live.Indelible.RunAsync("doctor");
            Assert.Equal(1, doctor.ExitCode);
            Assert.Contains("then free some space", doctor.Output, StringComparison.Ordinal);
            disk.Free();
            live.Launch();
            await live.ListeningAsync();
            await Task.Delay(500);
        }
        await live.CheckAllAsync();
    }

    [Fact(Explicit = true)]
    public async Task A_bucket_that_is_away_until_the_spool_or_the_disk_is_full_is_told_and_loses_nothing()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        bool isAway = false;
        await using Wire wire = new(gateway.Port, () => (_, _) => !isAway);
        await using LiveRun live = await LiveRun.StartAsync(22);
        using SmallDisk? disk = await OnSmallDiskAsync(live, megabytes: 256);
        Assert.SkipWhen(disk is null, "no right to mount a file system");
        await live.ProtectAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(30));
        live.ConfigureStore(bucket, wire.Port, spoolMiB: 1);
        live.Configure("alerts", new JsonObject { ["staleSeconds"] = 1, ["intervalSeconds"] = 1 });
        await live.CaughtUpAsync();
        string confirmed = (await live.Server.QueryAsync(live.Database, Confirmed))[0]!;
        isAway = true;
        wire.Cut();
        const int transactions = 60, rows = 1000;
        for (int i = 1; i <= transactions; i++)
        {
            await live.Server.ExecuteAsync(live.Database,
                $"INSERT INTO people SELECT n, repeat('s', 300), repeat('c', 300) FROM generate_series({i * rows}, "
                    + $"{(i * rows) + rows - 1}) n");
        }
        long waiting = 0;
        await StatusAsync(live, status =>
        {
            long before = waiting;
            waiting = (long)status["store"]!["lagEntries"]!;
            // but for what is sealed of the time that passes
            return status["store"]!["problem"] is not null && waiting > 1000 && waiting - before < 3;
        });
        Assert.InRange(waiting, 1000, transactions * rows / 2);
        Assert.Equal(confirmed, (await live.Server.QueryAsync(live.Database, Confirmed))[0]);
        isAway = false;
        await live.CaughtUpAsync();
        await live.StopAsync();
        string log = await live.ProcessLog;
        Assert.Contains("the ledger's store (s3://", log, StringComparison.Ordinal);
        Assert.Contains("MiB of entries wait here, 1 MiB may (store.spoolMiB); then capture waits", log, StringComparison.Ordinal);

        live.ConfigureStore(bucket, wire.Port);
        await live.CaughtUpAsync();
        confirmed = (await live.Server.QueryAsync(live.Database, Confirmed))[0]!;
        isAway = true;
        wire.Cut();
        disk.Fill();
        await live.Server.ExecuteAsync(live.Database, "UPDATE people SET ssn = 'x', code = 'x' WHERE id < 3000");
        Assert.Equal(3, await live.EndedAsync());
        Assert.Contains("No space left on device", await live.ProcessLog, StringComparison.Ordinal);
        Assert.Equal(3, (await live.Indelible.RunAsync("run", "--listen", "127.0.0.1:0")).ExitCode);
        disk.Free();
        live.Launch();
        await live.ListeningAsync();
        await StatusAsync(live, status => status["store"]!["problem"] is not null && (long)status["store"]!["lagEntries"]! > 1000);
        Assert.Equal(confirmed, (await live.Server.QueryAsync(live.Database, Confirmed))[0]);
        isAway = false;
        await live.CheckAllAsync();
    }

    private const string Confirmed = "SELECT confirmed_flush_lsn FROM pg_replication_slots";

    private static async Task StatusAsync(LiveRun live, Func<JsonNode, bool> isSo)
    {
        for (long started = Stopwatch.GetTimestamp(); ; await Task.Delay(1000))
        {
            JsonNode status = (await live.Indelible.RunAsync("status", "--json")).Json;
            if (isSo(status)) return;
            if (Stopwatch.GetElapsedTime(started) > Patience.Max) Assert.Fail(live.Story(status.ToJsonString()));
        }
    }

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "scale")]
    public Task A_table_of_1600_columns_and_a_key_of_32() => ScaleAsync("columns", async live =>
    {
        string[] wide = [.. Enumerable.Range(1, 1599).Select(n => $"c{n}")], key = [.. Enumerable.Range(1, 32).Select(n => $"k{n}")];
        await live.Server.ExecuteAsync(live.Database,
            $"CREATE TABLE wide (id int PRIMARY KEY, {string.Join(", ", wide.Select(name => name + " int"))})",
            $"CREATE TABLE long_key ({string.Join(", ", key.Select(name => name + " int"))}, ssn text, "
                + $"PRIMARY KEY ({string.Join(", ", key)}))",
            $"INSERT INTO wide SELECT n, {string.Join(", ", wide.Select(_ => "n"))} FROM generate_series(1, 20) n");
        string all = string.Join(", ", wide.Select(name => $"{name} = {name} + 1"));
        return ([.. wide.Select(name => $"wide.{name}"), "long_key.ssn"],
        [
            $"UPDATE wide SET {all}", "DELETE FROM wide WHERE id = 3",
            $"INSERT INTO wide SELECT n, {string.Join(", ", wide.Select(_ => "n"))} FROM generate_series(21, 30) n",
            $"INSERT INTO long_key SELECT {string.Join(", ", key.Select(_ => "n"))}, 's' || n FROM generate_series(1, 50) n",
            "UPDATE long_key SET ssn = 'x' || k1", "UPDATE long_key SET k32 = k32 + 1 WHERE k1 < 10",
        ], 20 + 1 + 10 + 50 + 50 + 9);
    });

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "scale")]
    public Task Ten_thousand_protected_tables() => ScaleAsync("tables", async live =>
    {
        int tables = Campaign.Rounds(10_000);
        for (int i = 0; i < tables; i += 500)
        {
            await live.Server.ExecuteAsync(live.Database,
                string.Join(';',
                    Enumerable.Range(i, Math.Min(500, tables - i))
                        .Select(n => $"CREATE TABLE t{n} (id int PRIMARY KEY, ssn text); INSERT INTO t{n} VALUES (1, 's')")));
        }
        return ([.. Enumerable.Range(0, tables).Select(n => $"t{n}.ssn")],
            [.. Enumerable.Range(0, tables / 500)
                .Select(n => string.Join(';', Enumerable.Range(n * 500, 500).Select(t => $"UPDATE t{t} SET ssn = 'x'")))],
                tables / 500 * 500);
    });

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "scale")]
    public Task A_million_subjects() => ScaleAsync("subjects", async live =>
    {
        int subjects = Campaign.Rounds(1_000_000);
        await live.Server.ExecuteAsync(live.Database, "CREATE TABLE persons (id int PRIMARY KEY, ssn text)");
        return (["persons.ssn"],
            [$"INSERT INTO persons SELECT n, 's' || n FROM generate_series(1, {subjects}) n",
                "UPDATE persons SET ssn = 'x' WHERE id % 1000 = 0"], subjects + (subjects / 1000));
    });

    /// <summary>A message of the log, both versions of a row together, may have 1 GiB less a byte: here some hundred less.</summary>
    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "scale")]
    public Task The_largest_values_that_the_server_delivers() => ScaleAsync("values", async live =>
    {
        const int most = (1 << 30) - 1, others = 500;
        int longest = Math.Min(most - others, Campaign.Rounds(most));
        await live.Server.ExecuteAsync(live.Database, "CREATE TABLE scans (id int PRIMARY KEY, scan text)");
        return (["scans.scan"],
        [
            $"INSERT INTO scans VALUES (1, repeat('x', {longest}))", "UPDATE scans SET scan = 'short'",
            $"UPDATE scans SET scan = repeat('y', {longest / 2})",
            $"UPDATE scans SET scan = repeat('z', {longest / 2})",
        ], 4);
    });

    private static readonly TimeSpan ScalePatience = TimeSpan.FromMinutes(20);

    /// <summary>Protects, starts, changes, stops; everything must be sealed, verify and agree with the database.</summary>
    private static async Task ScaleAsync(
        string name, Func<LiveRun, Task<(string[] Columns, string[] Statements, int Changes)>> prepareAsync)
    {
        await using LiveRun live = await LiveRun.StartAsync(1);
        (string[] columns, string[] statements, int changes) = await prepareAsync(live);
        long started = Stopwatch.GetTimestamp();
        IndelibleProcess.Result protect = await live.Indelible.RunAsync([.. live.ProtectArguments[..5], .. columns]);
        Assert.True(protect.ExitCode == 0, protect.Error);
        TimeSpan protecting = Stopwatch.GetElapsedTime(started);
        started = Stopwatch.GetTimestamp();
        live.Launch();
        await live.ListeningAsync();
        await using (NpgsqlConnection session = await live.Server.ConnectAsync(live.Database))
        {
            foreach (string statement in statements)
            {
                await using NpgsqlCommand command = new(statement, session) { CommandTimeout = (int)ScalePatience.TotalSeconds };
                await command.ExecuteNonQueryAsync();
            }
        }
        await live.CaughtUpAsync(ScalePatience);
        TimeSpan sealing = Stopwatch.GetElapsedTime(started);
        long peakKiB = ProcessFigures.PeakKiB(live.Process!);
        await live.StopAsync();
        IndelibleProcess.Result verify = await live.Indelible.RunAsync("verify", "--json"),
            crosscheck = await live.Indelible.RunAsync("crosscheck");
        Assert.True(verify.ExitCode == 0 && crosscheck.ExitCode == 0, verify.Output + crosscheck.Output + crosscheck.Error);
        long found = (long)verify.Json["sources"]![0]!["changes"]!;
        Campaign.Tell("scale", ("what", name), ("changes", changes), ("sealed", found), ("protect_seconds", (int)protecting.TotalSeconds),
            ("seal_seconds", (int)sealing.TotalSeconds), ("peak_mib", peakKiB >> 10), ("failures", found < changes ? 1 : 0));
        Assert.True(found >= changes, $"{changes} changes were made, {found} parts of changes are sealed");
    }

    private static async Task<SmallDisk?> OnSmallDiskAsync(LiveRun live, int megabytes)
    {
        string home = live.Indelible.Home, kept = home + ".kept";
        await Copying.AsIsAsync(home, kept);
        SmallDisk? disk = SmallDisk.TryMount(home, megabytes);
        if (disk is not null)
        {
            foreach (string path in Directory.GetFileSystemEntries(kept))
                await Copying.AsIsAsync(path, Path.Combine(home, Path.GetFileName(path)));
        }
        Directory.Delete(kept, recursive: true);
        return disk;
    }
}
