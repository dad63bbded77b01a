using System.Diagnostics;

namespace Indelible.Bench;

/// <summary>Queries of a large ledger, warm and with its files not in the page cache; the index made again.</summary>
internal sealed class QuerySuite(string root, Results results, long entries, string? directory)
{
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await using GrownLedger ledger = await GrownLedger.OpenAsync(root, directory, cancellationToken);
        if (!await ledger.GrowAsync(entries, results, cancellationToken)) return;
        var queries = new QueryTimes(ledger.Command, results, await ledger.RowsAsync(cancellationToken));
        await queries.WarmAsync(cancellationToken);
        await queries.ColdAsync(cancellationToken);
        ledger.Weigh(results);
        await RebuildAsync(ledger, cancellationToken);
    }

    private async Task RebuildAsync(GrownLedger ledger, CancellationToken cancellationToken)
    {
        TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
        long begin = Stopwatch.GetTimestamp();
        await ledger.Command.RunAsync(cancellationToken, "index", "rebuild");
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        results.Add("index made again from the ledger", $"{Results.Number(ledger.Size / seconds)} entries/s",
            $"{ledger.Size} entries in {Results.Number(seconds)} s, whole process, files warm; "
            + $"{Results.Number((ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalMicroseconds / ledger.Size)} µs of "
            + "processor time an entry");
    }
}
