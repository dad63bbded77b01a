using System.Diagnostics;
using Indelible.Format;

namespace Indelible.Bench;

/// <summary>How long `indelible run` takes from its start to sealing, after a clean stop and after SIGKILL;
/// and other commands to their end.</summary>
internal sealed class StartTimes(GrownLedger ledger, Results results)
{
    private const int Rounds = 5, PerSecond = 200, SecondsOfLoad = 60, ChangesBefore = 200_000;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await AfterStopAsync(cancellationToken);
        await AfterKillAsync(cancellationToken);
        await AfterLongRunAsync(cancellationToken);
        foreach (string[] arguments in (string[][])[["--help"], ["log", "--limit", "20"], ["history", "customers", "1"]])
            await CommandAsync(arguments, cancellationToken);
    }

    /// <summary>A change waits in the log; nothing was left to recover.</summary>
    private async Task AfterStopAsync(CancellationToken cancellationToken)
    {
        await using (Collector before = ledger.Command.StartRun())
            await before.IndexedAsync(await ledger.Source.SettleAsync(cancellationToken), cancellationToken);
        List<double> seconds = [];
        for (int round = 0; round < Rounds; round++)
        {
            await ledger.Source.ExecuteAsync(cancellationToken, "UPDATE customers SET balance = balance + 1 WHERE id = 1", "CHECKPOINT");
            Lsn end = await ledger.Source.EndAsync(cancellationToken);
            (Collector run, double elapsed) = await StartAsync(end, cancellationToken);
            await run.DisposeAsync();
            seconds.Add(elapsed);
        }
        Report("start to first change sealed, after a clean stop", seconds);
    }

    /// <summary>Killed while changes come in, and started again at once while they go on.</summary>
    private async Task AfterKillAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task load = new Load(ledger.Source, await ledger.RowsAsync(cancellationToken))
            .RunAsync(PerSecond, SecondsOfLoad * Rounds, enough.Token);
        List<double> seconds = [];
        Collector run = ledger.Command.StartRun();
        for (int round = 0; round < Rounds && !load.IsCompleted; round++)
        {
            await run.SealedAsync(await ledger.Source.EndAsync(cancellationToken), cancellationToken);
            await run.KillAsync(cancellationToken);
            await run.DisposeAsync();
            (run, double elapsed) = await StartAsync(await ledger.Source.EndAsync(cancellationToken), cancellationToken);
            seconds.Add(elapsed);
        }
        await enough.CancelAsync();
        await load.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await run.IndexedAsync(await ledger.Source.SettleAsync(cancellationToken), cancellationToken);
        await run.DisposeAsync();
        Report($"start to sealing again, after SIGKILL at {PerSecond} transactions/s", seconds);
    }

    /// <summary>Killed when much was indexed that RocksDB still had in memory only, and is to be indexed again from the ledger.</summary>
    private async Task AfterLongRunAsync(CancellationToken cancellationToken)
    {
        await using (Collector before = ledger.Command.StartRun())
        {
            await ledger.ChangeAsync(ChangesBefore, cancellationToken);
            await before.IndexedAsync(await ledger.Source.SettleAsync(cancellationToken), cancellationToken);
            await before.KillAsync(cancellationToken);
        }
        await ledger.Source.ExecuteAsync(cancellationToken, "UPDATE customers SET balance = balance + 1 WHERE id = 1", "CHECKPOINT");
        (Collector run, double elapsed) = await StartAsync(await ledger.Source.EndAsync(cancellationToken), cancellationToken);
        await run.IndexedAsync(await ledger.Source.SettleAsync(cancellationToken), cancellationToken);
        await run.DisposeAsync();
        Report($"start to sealing again, after SIGKILL when {ChangesBefore} entries had been sealed and indexed since the start",
            [elapsed]);
    }

    private async Task<(Collector Run, double Seconds)> StartAsync(Lsn end, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        Collector run = ledger.Command.StartRun();
        await ledger.Source.ConfirmedAsync(end, cancellationToken);
        return (run, Stopwatch.GetElapsedTime(begin).TotalSeconds);
    }

    private void Report(string what, List<double> seconds) => results.Add(what, $"{Results.Number(Results.Median(seconds))} s",
        $"{ledger.Size} entries, from exec until what was committed before is sealed and confirmed, rounds "
            + $"{string.Join(", ", seconds.Select(Results.Number))} s");

    private async Task CommandAsync(string[] arguments, CancellationToken cancellationToken)
    {
        List<double> milliseconds = [];
        for (int round = 0; round < Rounds; round++)
        {
            long begin = Stopwatch.GetTimestamp();
            await ledger.Command.RunAsync(cancellationToken, arguments);
            milliseconds.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }
        results.Add($"`indelible {string.Join(' ', arguments)}`", $"{Results.Number(Results.Median(milliseconds))} ms",
            $"whole process, no other holds the ledger, {ledger.Size} entries, median of {Rounds}");
    }
}
