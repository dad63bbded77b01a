using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;

namespace Indelible.Bench;

/// <summary>A whole crosscheck beside a client-side COPY of the same columns, in turn.</summary>
internal sealed class CrosscheckSuite(string root, Results results, int rows)
{
    private const int Rounds = 3;
    private const int InsertRows = 500_000;
    private const string Columns = "ssn, phone, balance";

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private double _peakMemory;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // the server has a user of its own
        new DirectoryInfo(_directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await PrepareAsync(source, command, cancellationToken);
            await CompareAsync(source, command, cancellationToken);
            await ThroughRunAsync(source, command, cancellationToken);
            await UnderWritingAsync(source, command, cancellationToken);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    /// <summary>Rows that were captured as they came, and an index that has taken them in.</summary>
    private async Task PrepareAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        await source.ExecuteAsync(
            cancellationToken, "CREATE TABLE people (id integer PRIMARY KEY, ssn text, phone text, balance numeric(12,2))");
        await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/crosscheck");
        await command.RunAsync(cancellationToken,
            ["protect", "--source", source.ConnectionString, "--name", Source.Name,
                .. Columns.Split(", ").Select(column => $"people.{column}")]);
        await using Collector run = command.StartRun();
        long begin = Stopwatch.GetTimestamp();
        for (int from = 1; from <= rows; from += InsertRows)
        {
            await source.ExecuteAsync(cancellationToken,
                $"INSERT INTO people SELECT n, '900-' || n, '+1 555 ' || n, n * 1.25 FROM generate_series({from}, "
                    + $"{Math.Min(rows, from + InsertRows - 1)}) n");
            await run.SealedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        }
        await source.ExecuteAsync(cancellationToken, "VACUUM ANALYZE people");
        await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        results.Add("rows inserted, sealed and indexed", PerSecond(Stopwatch.GetElapsedTime(begin)),
            $"{rows} rows, 3 sealed columns, transactions of {InsertRows}; not part of what is measured");
    }

    private async Task CompareAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        List<double> copies = [], checks = [], processor = [];
        for (int round = 0; round < Rounds; round++)
        {
            copies.Add(await CopyAsync(source, command, cancellationToken));
            TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
            checks.Add(await CheckAsync(command, cancellationToken));
            processor.Add((ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalSeconds);
        }
        double copy = Results.Median(copies), check = Results.Median(checks);
        results.Add("client-side COPY TO STDOUT", $"{Results.Number(rows / copy)} rows/s",
            $"`psql` to /dev/null, {rows} rows of {Columns}, whole process, median of {Rounds}");
        results.Add("crosscheck", $"{Results.Number(rows / check)} rows/s",
            $"whole process, median of {Rounds}, in turn with COPY; {Results.Number(1e6 * Results.Median(processor) / rows)} µs of "
                + "processor time a row, PostgreSQL's apart");
        results.Add("crosscheck to COPY", Results.Number(copy / check),
            $"rounds: {string.Join(", ", copies.Zip(checks, (a, b) => Results.Number(a / b)))}");
        results.Add("memory of crosscheck, peak", $"{Results.Number(_peakMemory)} MiB", $"the largest of {Rounds}");
    }

    /// <summary>As it is where `run` holds the ledger: in a process that has started long ago.
    /// One that is not counted comes first.</summary>
    private async Task ThroughRunAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        await using Collector run = command.StartRun();
        await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        await CheckAsync(command, cancellationToken);
        List<double> copies = [], checks = [];
        for (int round = 0; round < Rounds; round++)
        {
            copies.Add(await CopyAsync(source, command, cancellationToken));
            checks.Add(await CheckAsync(command, cancellationToken));
        }
        double copy = Results.Median(copies), check = Results.Median(checks);
        results.Add("crosscheck through `run`", $"{Results.Number(rows / check)} rows/s",
            $"median of {Rounds}, in turn with COPY at {Results.Number(rows / copy)} rows/s");
        results.Add("crosscheck through `run` to COPY", Results.Number(copy / check),
            $"rounds: {string.Join(", ", copies.Zip(checks, (a, b) => Results.Number(a / b)))}");
        results.Add("memory of `run`, peak", $"{Results.Number(run.PeakMemory)} MiB", $"after {Rounds + 1} crosschecks");
    }

    /// <summary>The same while every hundredth row is changed.</summary>
    private async Task UnderWritingAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        Task writing = source.ExecuteAsync(cancellationToken,
            $"DO $$ BEGIN FOR i IN 1..{rows / 100} LOOP UPDATE people SET balance = balance + 1 WHERE id = i * 100; COMMIT; END LOOP; "
                + "END $$");
        double seconds = await CheckAsync(command, cancellationToken);
        await writing;
        results.Add("crosscheck while rows are written", $"{Results.Number(rows / seconds)} rows/s",
            $"{rows / 100} single-row transactions, every 100th row, begun with it; peak {Results.Number(_peakMemory)} MiB");
    }

    private static async Task<double> CopyAsync(Source source, Command command, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        await command.RunProgramAsync(
            "psql", cancellationToken, [.. source.ClientOptions, "-qAt", "-o", "/dev/null", "-c", $"COPY people ({Columns}) TO STDOUT"]);
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private async Task<double> CheckAsync(Command command, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        (string output, double peakMemory) = await command.RunWatchedAsync(cancellationToken, "crosscheck", "--json");
        _peakMemory = Math.Max(_peakMemory, peakMemory);
        JsonNode report = JsonNode.Parse(output)!["sources"]![0]!;
        if (report["rows"]!.GetValue<long>() != rows)
            throw new InvalidOperationException($"expected {rows} rows compared, found {report["rows"]}");
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private string PerSecond(TimeSpan elapsed) =>
        string.Create(CultureInfo.InvariantCulture, $"{Results.Number(rows / elapsed.TotalSeconds)} rows/s");
}
