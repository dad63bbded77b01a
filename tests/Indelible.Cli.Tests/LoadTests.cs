using System.Diagnostics;
using System.Globalization;
using Indelible.Ledger;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>A day's traffic in an hour: sessions change rows as fast as the real command keeps up,
/// and nothing it holds grows but the record itself.</summary>
public sealed class LoadTests
{
    private const int SeedDefault = 24;
    /// <summary>Bytes of the source's log, not sealed yet, above which the sessions wait:
    /// what is measured is the rate that is kept up with.</summary>
    private const long LagMax = 32 << 20;
    /// <summary>The bound of docs/architecture.md#memory.</summary>
    private const long MemoryMaxKiB = 512 << 10;
    private static readonly TimeSpan LagEvery = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan SampleEvery = TimeSpan.FromSeconds(10);

    /// <summary>What there is at one moment. Bytes, but for counts and seconds; of the index, bytes an entry.</summary>
    private sealed record Sample(
        double Seconds, long Changes, long ResidentKiB, long Handles, long Threads, long Lag, long LogKept, long Journal, double IndexEach);

    /// <summary>Bytes on disk at one moment, and the entries published by then.</summary>
    private sealed record Disk(long Entries, long Ledger, long Index, long Keyring)
    {
        public double Each(Disk since, Func<Disk, long> of) => (double)(of(this) - of(since)) / (Entries - since.Entries);
    }

    [Fact]
    public Task Seconds_of_traffic_as_fast_as_it_is_kept_up_with_are_sealed_whole() => RunAsync(TimeSpan.FromSeconds(8), isLong: false);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "load")]
    public Task An_hour_of_traffic_as_fast_as_it_is_kept_up_with_leaves_memory_handles_and_disk_flat() =>
        RunAsync(TimeSpan.FromMinutes(Campaign.Rounds(60)), isLong: true);

    private static async Task RunAsync(TimeSpan lasting, bool isLong)
    {
        int seed = Campaign.Seed(SeedDefault);
        await using LiveRun live = await LiveRun.StartAsync(seed);
        await live.Server.ExecuteAsync(live.Database, "DROP TRIGGER tell ON people", "TRUNCATE people");
        live.Configure("publishIntervalMs", 250);
        live.Configure("coverageIntervalSeconds", 60);
        await live.ProtectAsync();
        live.Launch();
        await live.ListeningAsync();
        await using NumberedTraffic traffic = new(live.Server, live.Database, seed);
        (List<Sample> samples, List<Disk> quarters) = await ObservedAsync(live, traffic.Begin(), lasting);
        await traffic.DisposeAsync();
        long ended = Stopwatch.GetTimestamp();
        await live.CaughtUpAsync();
        TimeSpan behind = Stopwatch.GetElapsedTime(ended);
        long peakKiB = ProcessFigures.PeakKiB(live.Process!);
        await live.StopAsync();
        IndelibleProcess.Result verify = await live.Indelible.RunAsync("verify"), crosscheck = await live.Indelible.RunAsync("crosscheck");
        Assert.True((verify.ExitCode, crosscheck.ExitCode) == (0, 0), live.Story(verify.Output + crosscheck.Output + crosscheck.Error));
        LedgerReader ledger = new(live.Ledger);
        long compared = traffic.Compare(ledger.ReadEntries(0, ledger.ReadCheckpoint().Size).Select(one => one.Entry));
        string[] grown = isLong ? [.. Grown(samples, quarters)] : [];
        if (isLong) Tell(seed, samples, quarters, compared, behind, peakKiB, grown.Length);
        Assert.True(grown.Length == 0, string.Join('\n', grown));
        Assert.InRange(peakKiB, 1, MemoryMaxKiB);
    }

    /// <summary>Looks after the traffic until the time is over: samples now and then, and the disks after each quarter.</summary>
    private static async Task<(List<Sample>, List<Disk>)> ObservedAsync(LiveRun live, NumberedTraffic traffic, TimeSpan lasting)
    {
        List<Sample> samples = [];
        List<Disk> quarters = [DiskNow(live)];
        await using NpgsqlConnection connection = await live.Server.ConnectAsync(live.Database);
        long started = Stopwatch.GetTimestamp();
        for (TimeSpan now = TimeSpan.Zero; now < lasting; now = Stopwatch.GetElapsedTime(started))
        {
            (long lag, long kept) = await LogAsync(connection);
            traffic.IsHeld = lag > LagMax;
            if (live.Process!.HasExited) Assert.Fail(live.Story(await live.ProcessLog));
            if (now >= samples.Count * SampleEvery) samples.Add(SampleNow(live, traffic, now, lag, kept));
            if (now >= quarters.Count * lasting / 4) quarters.Add(DiskNow(live));
            await Task.Delay(LagEvery);
        }
        quarters.Add(DiskNow(live));
        return (samples, quarters);
    }

    private static async Task<(long Lag, long Kept)> LogAsync(NpgsqlConnection connection)
    {
        await using NpgsqlCommand command = new(
            "SELECT pg_current_wal_insert_lsn() - confirmed_flush_lsn, pg_current_wal_insert_lsn() - restart_lsn FROM pg_replication_slots",
            connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        await reader.ReadAsync();
        return ((long)reader.GetDecimal(0), (long)reader.GetDecimal(1));
    }

    private static Sample SampleNow(LiveRun live, NumberedTraffic traffic, TimeSpan now, long lag, long kept)
    {
        Process process = live.Process!;
        Disk disk = DiskNow(live);
        Sample sample = new(now.TotalSeconds, traffic.Changes, ProcessFigures.ResidentKiB(process), ProcessFigures.Handles(process),
            ProcessFigures.Threads(process), lag, kept, Bytes(Path.Combine(live.Home, "journal")), (double)disk.Index / disk.Entries);
        live.Told(sample.ToString());
        return sample;
    }

    private static Disk DiskNow(LiveRun live) =>
        new(new LedgerReader(live.Ledger).ReadCheckpoint().Size, Bytes(live.Ledger), Bytes(Path.Combine(live.Home, "index")),
            Bytes(Path.Combine(live.Home, "keyring")));

    /// <summary>Bytes of its files; of one that is removed meanwhile, none.</summary>
    private static long Bytes(string directory) => new DirectoryInfo(directory).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file =>
    {
        try
        {
            return file.Length;
        }
        catch (FileNotFoundException)
        {
            return 0;
        }
    });

    /// <summary>What was more in the last quarter than in the second; the first is for warming up.</summary>
    private static IEnumerable<string> Grown(List<Sample> samples, List<Disk> disks)
    {
        Sample[] second = Quarter(samples, 1), last = Quarter(samples, 3);
        (string What, double Before, double After, double Factor, double Slack)[] held =
        [
            ("memory (KiB)", second.Average(one => one.ResidentKiB), last.Average(one => one.ResidentKiB), 1.1, 16 << 10),
            ("handles", second.Max(one => one.Handles), last.Max(one => one.Handles), 1, 20),
            ("threads", second.Max(one => one.Threads), last.Max(one => one.Threads), 1, 4),
            ("journal (bytes)", second.Max(one => one.Journal), last.Max(one => one.Journal), 1.2, 16 << 20),
            ("source's log not sealed (bytes)", LagMax, last.Max(one => one.Lag), 2, 0),
            ("source's log kept (bytes)", second.Max(one => one.LogKept), last.Max(one => one.LogKept), 1.5, 64 << 20),
            ("ledger's bytes an entry", disks[2].Each(disks[1], disk => disk.Ledger), disks[4].Each(disks[3], disk => disk.Ledger), 1.05,
                0),
            // the least: while files are merged there are old and new ones
            ("index's bytes an entry", second.Min(one => one.IndexEach), last.Min(one => one.IndexEach), 1.25, 0),
            ("keyring's bytes an entry", disks[2].Each(disks[0], disk => disk.Keyring), disks[4].Each(disks[0], disk => disk.Keyring), 1.25,
                0),
        ];
        return held.Where(one => one.After > (one.Before * one.Factor) + one.Slack)
            .Select(one =>
                string.Create(
                    CultureInfo.InvariantCulture, $"{one.What}: {one.Before:F1} in the second quarter, {one.After:F1} in the last"));
    }

    private static Sample[] Quarter(List<Sample> samples, int number) => samples.Count < 4
        ? [.. samples]
        : [.. samples.Skip(samples.Count * number / 4).Take(samples.Count / 4)];

    private static void Tell(int seed, List<Sample> samples, List<Disk> disks, long changes, TimeSpan behind, long peakKiB, int failures)
    {
        Sample[] second = Quarter(samples, 1), last = Quarter(samples, 3);
        string Range(Func<Sample, long> of, int shift = 0) =>
            string.Create(CultureInfo.InvariantCulture, $"{second.Max(of) >> shift}..{last.Max(of) >> shift}");
        string Each(Func<Disk, long> of) =>
            string.Create(CultureInfo.InvariantCulture, $"{disks[2].Each(disks[1], of):F0}..{disks[4].Each(disks[3], of):F0}");
        Campaign.Tell("load", ("seed", seed), ("seconds", (int)samples[^1].Seconds), ("changes", changes),
            ("changes_per_second", (int)(samples[^1].Changes / samples[^1].Seconds)), ("missing", 0), ("doubled", 0),
            ("resident_mib", Range(one => one.ResidentKiB, 10)), ("peak_mib", peakKiB >> 10), ("handles", Range(one => one.Handles)),
            ("threads", Range(one => one.Threads)), ("lag_mib", Range(one => one.Lag, 20)),
            ("log_kept_mib", Range(one => one.LogKept, 20)), ("journal_mib", Range(one => one.Journal, 20)),
            ("ledger_bytes_each", Each(disk => disk.Ledger)),
            ("index_bytes_each", string.Create(
                CultureInfo.InvariantCulture, $"{second.Min(one => one.IndexEach):F0}..{last.Min(one => one.IndexEach):F0}")),
            ("keyring_bytes_each", Each(disk => disk.Keyring)), ("caught_up_ms", (int)behind.TotalMilliseconds), ("failures", failures));
    }
}
