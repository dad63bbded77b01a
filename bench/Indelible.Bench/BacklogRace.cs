using System.Diagnostics;
using Indelible.Format;

namespace Indelible.Bench;

/// <summary>The same backlog drained twice, from two slots at the same place: by pg_recvlogical to /dev/null,
/// and by `indelible run` into ledger and index. Rounds alternate who goes first.</summary>
internal sealed class BacklogRace(Source source, Command command, Results results, int rows, int rounds)
{
    private const string PeerSlot = "bench_peer";
    private const double Microseconds = 1e6;

    private readonly record struct Drain(double Seconds, double SealedSeconds, double ReaderSeconds, double SenderSeconds);

    public async Task RunAsync(Shape shape, CancellationToken cancellationToken)
    {
        List<Drain> peer = [], ours = [];
        for (int round = 0; round < rounds; round++)
        {
            await source.ExecuteAsync(cancellationToken, $"SELECT pg_copy_logical_replication_slot('{Source.Slot}', '{PeerSlot}')");
            await source.ExecuteAsync(cancellationToken, shape.Statements(round));
            Lsn end = await source.SettleAsync(cancellationToken);
            if (round % 2 == 0) peer.Add(await MeasureAsync(() => DrainPeerAsync(end, cancellationToken), cancellationToken));
            ours.Add(await MeasureAsync(() => DrainAsync(end, cancellationToken), cancellationToken));
            if (round % 2 == 1) peer.Add(await MeasureAsync(() => DrainPeerAsync(end, cancellationToken), cancellationToken));
            await source.ExecuteAsync(cancellationToken, $"SELECT pg_drop_replication_slot('{PeerSlot}')");
        }
        Report(shape, peer, ours);
    }

    private void Report(Shape shape, List<Drain> peer, List<Drain> ours)
    {
        double peerRate = rows / Results.Median(peer.Select(drain => drain.Seconds));
        double rate = rows / Results.Median(ours.Select(drain => drain.Seconds));
        double sealedRate = rows / Results.Median(ours.Select(drain => drain.SealedSeconds));
        results.Add(shape.Name, $"{Results.Number(rate)}/s, ratio {rate / peerRate:0.00}",
            $"sealed {Results.Number(sealedRate)}/s, ratio {sealedRate / peerRate:0.00}; pg_recvlogical {Results.Number(peerRate)}/s; "
            + $"processor µs per change: indelible {PerChange(ours, drain => drain.ReaderSeconds)} + its walsender "
            + $"{PerChange(ours, drain => drain.SenderSeconds)}, "
            + $"pg_recvlogical {PerChange(peer, drain => drain.ReaderSeconds)} + {PerChange(peer, drain => drain.SenderSeconds)}");
    }

    private string PerChange(List<Drain> drains, Func<Drain, double> seconds) =>
        Results.Number(Results.Median(drains.Select(seconds)) / rows * Microseconds);

    /// <summary>Adds what the server spent: its walsender has ended with the drain.</summary>
    private async Task<Drain> MeasureAsync(Func<Task<Drain>> drainAsync, CancellationToken cancellationToken)
    {
        TimeSpan before = source.EndedProcesses();
        Drain drain = await drainAsync();
        await source.NobodyReadsAsync(cancellationToken);
        return drain with { SenderSeconds = (source.EndedProcesses() - before).TotalSeconds };
    }

    private async Task<Drain> DrainPeerAsync(Lsn end, CancellationToken cancellationToken)
    {
        TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
        long begin = Stopwatch.GetTimestamp();
        await command.RunProgramAsync("pg_recvlogical", cancellationToken, [.. source.ClientOptions, "--slot", PeerSlot, "--start", "-f",
            "/dev/null", "--endpos", end.ToString(),
            "-o", "proto_version=2", "-o", $"publication_names={Source.Slot}", "-o", "messages=true"]);
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        return new Drain(seconds, seconds, (ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalSeconds, 0);
    }

    private async Task<Drain> DrainAsync(Lsn end, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        await using Collector run = command.StartRun();
        await run.SealedAsync(end, cancellationToken);
        double sealedSeconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        await run.IndexedAsync(end, cancellationToken);
        return new Drain(Stopwatch.GetElapsedTime(begin).TotalSeconds, sealedSeconds, run.ProcessorTime.TotalSeconds, 0);
    }
}
