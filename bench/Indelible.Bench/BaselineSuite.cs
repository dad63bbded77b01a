using System.Diagnostics;

namespace Indelible.Bench;

/// <summary>What protecting a table that is full already takes: `protect` with its baseline, and `run` from its start until it has sealed a
/// change, beside a client-side COPY of the same columns.</summary>
internal sealed class BaselineSuite(string root, Results results, int rows)
{
    private const string Columns = "ssn, phone, balance";

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // the server has a user of its own
        new DirectoryInfo(_directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await source.ExecuteAsync(
                cancellationToken, "CREATE TABLE people (id integer PRIMARY KEY, ssn text, phone text, balance numeric(12,2))",
                $"INSERT INTO people SELECT n, '900-' || n, '+1 555 ' || n, n * 1.25 FROM generate_series(1, {rows}) n",
                "VACUUM ANALYZE people");
            double copy = await TimedAsync(
                () => command.RunProgramAsync("psql", cancellationToken,
                    [.. source.ClientOptions, "-qAt", "-o", "/dev/null", "-c", $"COPY people ({Columns}) TO STDOUT"]));
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/baseline");
            TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
            double peakMemory = 0;
            double protect = await TimedAsync(async () => (_, peakMemory) = await command.RunWatchedAsync(cancellationToken,
                ["protect", "--source", source.ConnectionString, "--name", Source.Name,
                    .. Columns.Split(", ").Select(column => $"people.{column}")]));
            double processor = (ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalSeconds;
            await source.ExecuteAsync(cancellationToken, "UPDATE people SET balance = balance + 1 WHERE id = 1", "CHECKPOINT");
            Collector? run = null;
            double start = await TimedAsync(async () =>
            {
                run = command.StartRun();
                await source.ConfirmedAsync(await source.EndAsync(cancellationToken), cancellationToken);
            });
            await run!.DisposeAsync();
            results.Add("`protect`, with its baseline", $"{Results.Number(rows / protect)} rows/s",
                $"whole process, {rows} rows of {Columns}; {Results.Number(1e6 * processor / rows)} µs of processor time a row, peak "
                    + $"memory {Results.Number(peakMemory)} MiB");
            results.Add("client-side COPY TO STDOUT", $"{Results.Number(rows / copy)} rows/s", "`psql` to /dev/null, whole process");
            results.Add("`run` after it", $"{Results.Number(start)} s", "from exec until a change made in between is sealed and confirmed");
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private static async Task<double> TimedAsync(Func<Task> act)
    {
        long begin = Stopwatch.GetTimestamp();
        await act();
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }
}
