using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Format;

namespace Indelible.Bench;

/// <summary>What auditing costs the source: the same work on servers that are audited in different ways, in turn.</summary>
internal sealed partial class SourceOverheadSuite(string root, Results results, int seconds, int rounds, int rows)
{
    private const int Clients = 2;
    private const string All = "0-1";

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;

    private IReadOnlyList<Workload> Workloads =>
    [
        new("update of 2 of 4 protected columns", ["update.sql"]),
        new("update of a column that is not protected", ["other.sql"]),
        new("update of a table that is not published", ["elsewhere.sql"]),
        new("select by key", ["select.sql"]),
        new("60 % select, 25 % protected update, 10 % other, 5 % insert",
            ["select.sql@60", "update.sql@25", "other.sql@10", "insert.sql@5"]),
        new("TPC-B of pgbench, balances protected", []),
    ];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // the server has a user of its own
        new DirectoryInfo(_directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        WriteScripts();
        var servers = new List<AuditedServer>();
        try
        {
            string template = await AuditedServer.MakeTemplateAsync(root, Open("template"), rows, cancellationToken);
            foreach (Audit audit in Audit.All)
                servers.Add(await AuditedServer.StartAsync(audit, root, Open($"{servers.Count}"), template, cancellationToken));
            foreach (Workload workload in Workloads) await RaceAsync(workload, "0", servers, cancellationToken);
            await RaceAsync(Workloads[0], All, servers, cancellationToken);
            await BulkAsync(servers, cancellationToken);
        }
        finally
        {
            foreach (AuditedServer server in servers) await server.DisposeAsync();
            Directory.Delete(_directory, recursive: true);
        }
    }

    /// <summary>A directory that the server's user can enter.</summary>
    private string Open(string name)
    {
        DirectoryInfo directory = Directory.CreateDirectory(Path.Combine(_directory, name));
        directory.UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        return directory.FullName;
    }

    /// <summary>One workload on every server in turn, round after round.</summary>
    private async Task RaceAsync(Workload workload, string cores, IReadOnlyList<AuditedServer> servers, CancellationToken cancellationToken)
    {
        var runs = servers.ToDictionary(server => server, _ => new List<Run>());
        foreach (AuditedServer server in servers) await PinAsync(server, cores, cancellationToken);
        for (int round = 0; round < rounds; round++)
            foreach (AuditedServer server in servers) runs[server].Add(await RunAsync(workload, cores, server, cancellationToken));
        string where = cores == All ? "everything on the same two cores" : "PostgreSQL and pgbench on one core, the collector on the other";
        double[] reference = [.. runs[servers[0]].Select(run => run.Rate)];
        foreach ((AuditedServer server, List<Run> own) in runs)
        {
            double[] ratios = [.. own.Select((run, i) => run.Rate / reference[i]).Order()];
            string lag = server.Collector is null
                ? ""
                : $"; collector {Results.Number(Results.Median(own.Select(run => run.Collector)))} µs, sealed "
                    + $"{Results.Number(own.Max(run => run.Lag))} s after the last";
            results.Add($"{workload.Name}; {where}: {server.Audit.Name}", $"{Results.Number(Results.Median(ratios))} of wal_level=logical",
                string.Create(CultureInfo.InvariantCulture,
                    $"rounds {string.Join(", ", ratios.Select(Results.Number))}; median "
                        + $"{Results.Number(Results.Median(own.Select(run => run.Rate)))} transactions/s; a transaction: PostgreSQL "
                        + $"{Results.Number(Results.Median(own.Select(run => run.Server)))} µs of processor time, "
                        + $"{Results.Number(Results.Median(own.Select(run => run.Log)))} bytes of log{lag}"));
        }
    }

    private async Task<Run> RunAsync(Workload workload, string cores, AuditedServer server, CancellationToken cancellationToken)
    {
        Lsn begin = await server.EndAsync(cancellationToken);
        TimeSpan before = ProcessorTime.OfTree(server.Postmaster), collectorBefore = server.Collector?.ProcessorTime ?? default;
        string[] scripts = workload.Scripts.Length == 0
            ? ["-b", "tpcb-like"]
            : [.. workload.Scripts.SelectMany(script => (string[])["-f", Path.Combine(_directory, script)])];
        string output = await Command.RunToolAsync("taskset", cancellationToken,
            ["-c", cores, "pgbench", "-n", "-M", "prepared", "-c", $"{Clients}", "-T", $"{seconds}", "-D", $"rows={rows}", .. scripts,
                .. server.ClientOptions, "postgres"]);
        Lsn end = await server.EndAsync(cancellationToken);
        long ended = Stopwatch.GetTimestamp();
        if (server.Collector is not null) await server.Collector.SealedAsync(end, cancellationToken);
        double lag = Stopwatch.GetElapsedTime(ended).TotalSeconds;
        double count = Figure(output, Processed());
        return new Run(
            Figure(output, PerSecond()), (ProcessorTime.OfTree(server.Postmaster) - before).TotalMicroseconds / count,
            ((server.Collector?.ProcessorTime ?? default) - collectorBefore).TotalMicroseconds / count, (end.Bytes - begin.Bytes) / count,
            lag);
    }

    private async Task BulkAsync(IReadOnlyList<AuditedServer> servers, CancellationToken cancellationToken)
    {
        int many = rows * 2, some = rows;
        foreach (AuditedServer server in servers) await PinAsync(server, "0", cancellationToken);
        foreach (AuditedServer server in servers)
        {
            await server.ExecuteAsync(cancellationToken,
                $"COPY (SELECT {AuditedServer.Customer} FROM generate_series(10000001, {10_000_000 + many}) n) TO '{server.CopyFile}'",
                "CHECKPOINT");
        }
        (string Name, Func<AuditedServer, string> Statement)[] bulk =
        [
            ($"COPY of {many} rows", server => $"COPY customers FROM '{server.CopyFile}'"),
            ($"UPDATE of {some} rows, 2 protected columns",
                _ => $"UPDATE customers SET ssn = ssn || 'x', balance = balance + 1 WHERE id BETWEEN 10000001 AND {10_000_000 + some}"),
            ($"DELETE of {some} rows", _ => $"DELETE FROM customers WHERE id BETWEEN 10000001 AND {10_000_000 + some}"),
        ];
        var times = new Dictionary<(string, string), List<double>>();
        for (int round = 0; round < rounds; round++)
        {
            foreach ((string name, Func<AuditedServer, string> statement) in bulk)
                foreach (AuditedServer server in servers)
                {
                    long begin = Stopwatch.GetTimestamp();
                    await server.ExecuteAsync(cancellationToken, statement(server));
                    if (!times.TryGetValue((name, server.Audit.Name), out List<double>? own)) times[(name, server.Audit.Name)] = own = [];
                    own.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
                }
            foreach (AuditedServer server in servers)
            {
                await server.ExecuteAsync(cancellationToken, "DELETE FROM customers WHERE id > 10000000", "VACUUM customers", "CHECKPOINT");
                if (server.Collector is not null)
                    await server.Collector.SealedAsync(await server.EndAsync(cancellationToken), cancellationToken);
            }
        }
        foreach (((string name, string audit), List<double> own) in times)
        {
            double[] ratios = [.. own.Select((time, i) => time / times[(name, "no audit")][i]).Order()];
            results.Add($"{name}, one transaction: {audit}", $"{Results.Number(Results.Median(ratios))} × no audit",
                $"elapsed; rounds {string.Join(", ", ratios.Select(Results.Number))}; median {Results.Number(Results.Median(own))} s");
        }
    }

    /// <summary>The server on these cores, its collector on the other core, or on the same ones if these are all.</summary>
    private static async Task PinAsync(AuditedServer server, string cores, CancellationToken cancellationToken)
    {
        foreach (int process in ProcessorTime.Tree(server.Postmaster))
            await Command.RunToolAsync("taskset", cancellationToken, ["-acp", cores, $"{process}"]);
        if (server.Collector is not null)
            await Command.RunToolAsync("taskset", cancellationToken, ["-acp", cores == All ? All : "1", $"{server.Collector.Id}"]);
    }

    private void WriteScripts()
    {
        foreach ((string name, string text) in ((string, string)[])
        [
            ("update.sql", "UPDATE customers SET ssn = 'a' || :id, balance = balance + 1 WHERE id = :id;"),
            ("other.sql", "UPDATE customers SET c10 = c10 + 1 WHERE id = :id;"),
            ("elsewhere.sql", "UPDATE elsewhere SET count = count + 1 WHERE id = :id;"),
            ("select.sql", "SELECT ssn, balance FROM customers WHERE id = :id;"),
            ("insert.sql", "INSERT INTO customers (id, ssn, phone, balance) VALUES (nextval('inserted'), '900-' || :id, '+1', 1);"),
        ]) File.WriteAllText(Path.Combine(_directory, name), $"\\set id random(1, :rows)\n{text}\n");
    }

    private static double Figure(string output, Regex pattern) =>
        double.Parse(pattern.Match(output).Groups[1].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex("transactions actually processed: ([0-9]+)")]
    private static partial Regex Processed();

    [GeneratedRegex("tps = ([0-9.]+)")]
    private static partial Regex PerSecond();

    /// <summary>What clients do: pgbench scripts with their weights; none for its own.</summary>
    private sealed record Workload(string Name, string[] Scripts);

    /// <summary>One run: transactions per second; microseconds and bytes per transaction; seconds.</summary>
    private sealed record Run(double Rate, double Server, double Collector, double Log, double Lag);
}
