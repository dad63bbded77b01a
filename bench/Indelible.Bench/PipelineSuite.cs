using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Ledger;

namespace Indelible.Bench;

/// <summary>From backlog to index, beside pg_recvlogical on the same backlog; then latency, growth, verification, queries, start-up and size.</summary>
internal sealed class PipelineSuite(string root, Results results, int rows, int entriesWanted)
{
    private const int Rounds = 3;
    private const int LatencySeconds = 20;

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private Command _command = null!;

    private long Size => new LedgerReader(_command.Ledger).ReadCheckpoint().Size;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        new DirectoryInfo(_directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;    // the server has a user of its own
        _command = new Command(root, _directory);
        try
        {
            await using (Source source = await Source.StartAsync(_directory, cancellationToken))
            {
                await PrepareAsync(source, cancellationToken);
                var race = new BacklogRace(source, _command, results, rows, Rounds);
                foreach (Shape shape in Shape.All(rows, source.CopyFile)) await race.RunAsync(shape, cancellationToken);
                foreach (int perSecond in (int[])[500, 1_000]) await LatencyAsync(source, perSecond, cancellationToken);
                await GrowAsync(source, cancellationToken);
            }
            await VerifyAsync(cancellationToken);
            new QueryTimes(_command, results, rows).Run();
            await StartUpAsync(cancellationToken);
            Sizes();
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task PrepareAsync(Source source, CancellationToken cancellationToken)
    {
        await source.ExecuteAsync(cancellationToken, Shape.Tables);
        await _command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/pipeline");
        await _command.RunAsync(cancellationToken, ["protect", "--source", source.ConnectionString, "--name", Source.Name, .. Shape.Protected]);
    }

    private async Task LatencyAsync(Source source, int perSecond, CancellationToken cancellationToken)
    {
        await using Collector run = _command.StartRun();
        await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        IReadOnlyList<double> milliseconds = await new LatencySamples(source, rows).MeasureAsync(perSecond, LatencySeconds, cancellationToken);
        results.Add($"commit to sealed at {perSecond} transactions/s", Results.Percentiles(milliseconds), $"{milliseconds.Count} transactions, until the slot's confirmed position passed them");
    }

    /// <summary>Updates until the ledger is as large as wanted; the memory of one long run.</summary>
    private async Task GrowAsync(Source source, CancellationToken cancellationToken)
    {
        await using Collector run = _command.StartRun();
        await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        long from = Size;
        while (Size < entriesWanted)
        {
            await source.ExecuteAsync(cancellationToken, "UPDATE customers SET balance = balance + 1");
            await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        }
        if (Size > from) results.Add("memory of `indelible run`, peak", $"{Results.Number(run.PeakMemory)} MiB", $"one process that sealed and indexed {Size - from} changes");
    }

    private async Task VerifyAsync(CancellationToken cancellationToken)
    {
        string key = JsonNode.Parse(await _command.RunAsync(cancellationToken, "keys", "show", "--json"))!["verifierKey"]!.GetValue<string>();
        List<double> seconds = [], processor = [];
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
            long begin = Stopwatch.GetTimestamp();
            await _command.RunAsync(cancellationToken, "verify", _command.Ledger, "--key", key);
            seconds.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
            processor.Add((ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalSeconds);
        }
        results.Add("verify", $"{Results.Number(Size / Results.Median(seconds))} entries/s",
            $"{Size} entries, whole process, warm, median of {Rounds}; {Results.Number(Size / Results.Median(processor))} entries per second of processor time");
    }

    private async Task StartUpAsync(CancellationToken cancellationToken)
    {
        foreach (string[] arguments in (string[][])[["--help"], ["log", "--limit", "20"], ["history", "customers", "1"]])
        {
            List<double> milliseconds = [];
            for (int round = 0; round < 5; round++)
            {
                long begin = Stopwatch.GetTimestamp();
                await _command.RunAsync(cancellationToken, arguments);
                milliseconds.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            }
            results.Add($"`indelible {string.Join(' ', arguments)}`", $"{Results.Number(Results.Median(milliseconds))} ms", $"whole process, no other holds the ledger, {Size} entries, median of 5");
        }
    }

    private void Sizes()
    {
        long size = Size;
        foreach (string part in new[] { "ledger", "index", "keyring" })
        {
            long bytes = Directory.EnumerateFiles(Path.Combine(_directory, part), "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);
            results.Add($"bytes per change, {part}", Results.Number(bytes / (double)size), $"{size} entries");
        }
    }
}
