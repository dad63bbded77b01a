using System.Diagnostics;
using Indelible.Format;

namespace Indelible.Bench;

/// <summary>A backlog sealed with no copy, one and three kept in directories beside it, and with positions confirmed only after copies hold
/// them; in turn.</summary>
internal sealed class CopiesSuite(string root, Results results, int rows)
{
    private const int Rounds = 3;
    private static readonly string[] Names = ["one", "two", "three"];
    private static readonly (string Name, int Targets, int ConfirmAfter)[] Ways =
        [("no copy", 0, 0), ("one copy", 1, 0), ("three copies", 3, 0), ("three copies, confirmed after two", 3, 2)];

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;

    private readonly record struct Drain(double SealedSeconds, double CopiedSeconds, double ConfirmedSeconds, double ProcessorSeconds);

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // the server has a user of its own
        new DirectoryInfo(_directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await source.ExecuteAsync(cancellationToken, Shape.Tables[1]);
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/copies");
            await command.RunAsync(cancellationToken, "protect", "--source", source.ConnectionString, "--name", Source.Name,
                "readings.level=plain", "readings.note=plain");
            List<Drain>[] drains = [.. Ways.Select(_ => new List<Drain>())];
            for (int round = 0; round < Rounds * Ways.Length; round++)
            {
                int way = ((round % Ways.Length) + (round / Ways.Length)) % Ways.Length;
                drains[way].Add(await DrainAsync(source, command, round, Ways[way].Targets, Ways[way].ConfirmAfter, cancellationToken));
            }
            for (int way = 0; way < Ways.Length; way++) Report(Ways[way].Name, drains[way], drains[0]);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private void Report(string name, List<Drain> drains, List<Drain> without)
    {
        double Rate(List<Drain> of) => rows / Results.Median(of.Select(drain => drain.SealedSeconds));
        results.Add($"sealed, {name}", $"{Results.Number(Rate(drains))}/s, ratio {Results.Number(Rate(drains) / Rate(without))}",
            $"{Results.Number(1e6 * Results.Median(drains.Select(drain => drain.ProcessorSeconds)) / rows)} µs of processor time a change; "
                + "after the last was sealed: held by all copies "
                + $"{Results.Number(Results.Median(drains.Select(drain => drain.CopiedSeconds - drain.SealedSeconds)))} s, "
            + $"confirmed {Results.Number(Results.Median(drains.Select(drain => drain.ConfirmedSeconds - drain.SealedSeconds)))} s");
    }

    /// <summary>Makes a backlog and drains it; then every copy is brought up, so that the next begins level.</summary>
    private async Task<Drain> DrainAsync(
        Source source, Command command, int round, int targets, int confirmAfter, CancellationToken cancellationToken)
    {
        await source.ExecuteAsync(cancellationToken,
            $"INSERT INTO readings SELECT n, n % 1000, now(), n % 300, 'note ' || n FROM generate_series({(round * rows) + 1}, "
                + $"{(round + 1) * rows}) n");
        Lsn end = await source.SettleAsync(cancellationToken);
        Configure(targets, confirmAfter);
        Drain drain;
        long begin = Stopwatch.GetTimestamp();
        await using (Collector run = command.StartRun())
        {
            await run.SealedAsync(end, cancellationToken);
            double sealedSeconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
            Task<double> confirmed = ConfirmedAsync(source, end, begin, cancellationToken);
            await run.CopiedAsync(cancellationToken);
            drain = new Drain(sealedSeconds, Stopwatch.GetElapsedTime(begin).TotalSeconds, await confirmed, run.ProcessorTime.TotalSeconds);
        }
        Configure(Names.Length, 0);
        await using Collector levelling = command.StartRun();
        await levelling.CopiedAsync(cancellationToken);
        return drain;
    }

    private static async Task<double> ConfirmedAsync(Source source, Lsn end, long begin, CancellationToken cancellationToken)
    {
        await source.ConfirmedAsync(end, cancellationToken);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private void Configure(int targets, int confirmAfter) =>
        CopyTargets.Configure(_directory, [.. Names.Take(targets)], everySeconds: 1, confirmAfter);
}
