using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Bench;

/// <summary>From backlog to index, beside pg_recvlogical on the same backlog; then latency, verification, queries and size.</summary>
internal sealed class PipelineSuite(string root, Results results, int rows, int entriesWanted)
{
    private const int Rounds = 3;
    private const string Password = "indelible-bench";
    private const string PeerSlot = "bench_peer";
    private const string Publication = "indelible_bench";
    private const string Table = """
        CREATE TABLE customers (id integer PRIMARY KEY, ssn text, phone text, balance numeric(12,2), c01 text, c02 text, c03 text, c04 text, c05 text, c06 text,
            c07 text, c08 text, c09 text, c10 integer, c11 integer, c12 integer, c13 timestamptz, c14 timestamptz, c15 boolean, c16 text, c17 text, c18 text);
        """;

    private readonly string directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private PrivatePostgres server = null!;
    private Command command = null!;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        new DirectoryInfo(directory).UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        command = new Command(root, directory);
        PrivatePostgresOptions options = new()
        {
            Password = Password,
            DataDirectory = Path.Combine(directory, "postgres"),
            Settings = new Dictionary<string, string> { ["shared_buffers"] = "512MB", ["max_wal_size"] = "8GB", ["synchronous_commit"] = "off", ["logical_decoding_work_mem"] = "64MB" },
        };
        await using (server = await PrivatePostgres.StartAsync(options, cancellationToken))
        {
            await PrepareAsync(cancellationToken);
            await BacklogAsync("rows inserted by one statement, every row a new subject", InsertSql, cancellationToken);
            await BacklogAsync("rows updated by one statement, 3 of 22 columns sealed", _ => UpdateSql, cancellationToken);
            await LatencyAsync(cancellationToken);
            await GrowAsync(cancellationToken);
        }
        await VerifyAsync(cancellationToken);
        Queries();
        Sizes();
        Directory.Delete(directory, recursive: true);
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync(Table, cancellationToken);
        await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/pipeline");
        await command.RunAsync(cancellationToken, "protect", "--source", server.ConnectionString(), "--name", "bench", "customers.ssn", "customers.phone", "customers.balance");
    }

    private string InsertSql(int round) => $"""
        INSERT INTO customers SELECT n, '900-' || n, '+1 555 ' || n, n * 1.25, md5(n::text), md5((n+1)::text), 'street ' || n, 'city', 'region', 'zip', 'a', 'b', 'c',
            n, n, n, now(), now(), true, 'x', 'y', 'z' FROM generate_series({(round * rows) + 1}, {(round + 1) * rows}) AS n
        """;

    private string UpdateSql => $"UPDATE customers SET ssn = ssn || 'x', phone = phone || '1', balance = balance + 1 WHERE id <= {rows}";

    /// <summary>The same backlog twice, once for each reader; rounds alternate who goes first.</summary>
    private async Task BacklogAsync(string what, Func<int, string> sql, CancellationToken cancellationToken)
    {
        List<double> peer = [], ours = [];
        for (int round = 0; round < Rounds; round++)
        {
            await ExecuteAsync($"SELECT pg_create_logical_replication_slot('{PeerSlot}', 'pgoutput')", cancellationToken);
            await ExecuteAsync(sql(round), cancellationToken);
            await ExecuteAsync("CHECKPOINT", cancellationToken);
            Lsn end = await PositionAsync(cancellationToken);
            if (round % 2 == 0) peer.Add(await DrainPeerAsync(end, cancellationToken));
            ours.Add(await DrainAsync(end, cancellationToken));
            if (round % 2 == 1) peer.Add(await DrainPeerAsync(end, cancellationToken));
            await ExecuteAsync($"SELECT pg_drop_replication_slot('{PeerSlot}')", cancellationToken);
        }
        double ourRate = rows / Results.Median(ours), peerRate = rows / Results.Median(peer);
        results.Add($"sealed and indexed, {what}", $"{Results.Number(ourRate)}/s", $"{rows} changes, whole process with start, median of {Rounds}");
        results.Add("pg_recvlogical to /dev/null, same backlog", $"{Results.Number(peerRate)}/s", $"ratio {Results.Number(ourRate / peerRate)}");
    }

    private async Task<double> DrainPeerAsync(Lsn end, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        await command.RunProgramAsync("pg_recvlogical", cancellationToken, "-h", server.SocketDirectory, "-p", $"{server.Port}", "-U", "postgres", "-d", "postgres", "--slot", PeerSlot,
            "--start", "-f", "/dev/null", "--endpos", end.ToString(), "-o", "proto_version=2", "-o", $"publication_names={Publication}", "-o", "messages=true");
        return Stopwatch.GetElapsedTime(begin).TotalSeconds;
    }

    private async Task<double> DrainAsync(Lsn end, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        using Process run = command.StartRun();
        await CaughtUpAsync(run, end, cancellationToken);
        double seconds = Stopwatch.GetElapsedTime(begin).TotalSeconds;
        await Command.StopAsync(run);
        return seconds;
    }

    /// <summary>Waits until a position is sealed and everything sealed is indexed.</summary>
    private async Task CaughtUpAsync(Process run, Lsn end, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (run.HasExited) throw new InvalidOperationException("`indelible run` ended by itself");
            JsonNode status = JsonNode.Parse(await command.RunAsync(cancellationToken, "status", "--json"))!;
            if (status["running"]!.GetValue<bool>() && Lsn.Parse(status["sources"]![0]!["sealedTo"]!.GetValue<string>()) >= end
                && status["indexedSize"]!.GetValue<long>() == status["treeSize"]!.GetValue<long>()) return;
            await Task.Delay(100, cancellationToken);
        }
    }

    /// <summary>500 transactions a second; how long until PostgreSQL was told that each is sealed, as its slot shows.</summary>
    private async Task LatencyAsync(CancellationToken cancellationToken)
    {
        const int perSecond = 500, seconds = 20;
        using Process run = command.StartRun();
        await CaughtUpAsync(run, await PositionAsync(cancellationToken), cancellationToken);
        var samples = new LatencySamples(server.SocketConnectionString(), "indelible_bench");
        double[] latencies = await samples.MeasureAsync(perSecond, seconds, rows, cancellationToken);
        await Command.StopAsync(run);
        results.Add($"commit to sealed at {perSecond} transactions/s", $"p50 {Results.Number(Results.Percentile(latencies, 0.5))} ms, p99 {Results.Number(Results.Percentile(latencies, 0.99))} ms",
            $"{latencies.Length} transactions, until the slot's confirmed position passed them");
    }

    private async Task GrowAsync(CancellationToken cancellationToken)
    {
        using Process run = command.StartRun();
        while (new LedgerReader(Path.Combine(directory, "ledger")).ReadCheckpoint().Size < entriesWanted)
        {
            await ExecuteAsync("UPDATE customers SET balance = balance + 1", cancellationToken);
            await CaughtUpAsync(run, await PositionAsync(cancellationToken), cancellationToken);
        }
        run.Refresh();
        results.Add("memory of `indelible run`, peak", $"{Results.Number(run.PeakWorkingSet64 / 1048576.0)} MiB", "while the ledger grew");
        await Command.StopAsync(run);
    }

    private async Task VerifyAsync(CancellationToken cancellationToken)
    {
        long size = new LedgerReader(Path.Combine(directory, "ledger")).ReadCheckpoint().Size;
        string key = (await command.RunAsync(cancellationToken, "keys", "show")).Trim().Split('\n')[0];
        List<double> seconds = [];
        for (int round = 0; round < Rounds; round++)
        {
            long begin = Stopwatch.GetTimestamp();
            await command.RunAsync(cancellationToken, "verify", Path.Combine(directory, "ledger"), "--key", key);
            seconds.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
        }
        results.Add("verify", $"{Results.Number(size / Results.Median(seconds))} entries/s", $"{size} entries, whole process, warm, median of {Rounds}");
    }

    private void Queries()
    {
        var reader = new LedgerReader(Path.Combine(directory, "ledger"));
        Indelible.Format.Notes.Checkpoint head = reader.ReadCheckpoint();
        using LedgerIndex index = LedgerIndex.Open(Path.Combine(directory, "index"), head.Origin);
        var random = new Random(1);
        int last = rows * Rounds;
        string Row() => random.Next(1, last + 1).ToString(System.Globalization.CultureInfo.InvariantCulture);
        Measure("history of a row, entries read and decoded", index, reader, () => new Query { Table = "customers", Key = [Row()], Limit = 100 });
        Measure("history of a row's column", index, reader, () => new Query { Table = "customers", Key = [Row()], Column = "ssn", Limit = 100 });
        Measure("last 100 of an operator", index, reader, () => new Query { Operator = "postgres", Limit = 100, After = random.NextInt64(100, head.Size).ToString(System.Globalization.CultureInfo.InvariantCulture) });
    }

    private void Measure(string what, LedgerIndex index, LedgerReader reader, Func<Query> query)
    {
        const int warmUp = 500, counted = 2000;
        List<double> milliseconds = [];
        for (int i = 0; i < warmUp + counted; i++)
        {
            Query asked = query();
            long begin = Stopwatch.GetTimestamp();
            foreach (long entry in index.Find(asked).Entries) EntryCodec.Decode(reader.ReadEntry(entry), out _);
            if (i >= warmUp) milliseconds.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }
        results.Add(what, $"p50 {Results.Number(Results.Percentile(milliseconds, 0.5))} ms, p99 {Results.Number(Results.Percentile(milliseconds, 0.99))} ms", $"{index.IndexedSize} entries, {counted} queries, warm");
    }

    private void Sizes()
    {
        long size = new LedgerReader(Path.Combine(directory, "ledger")).ReadCheckpoint().Size;
        foreach (string part in new[] { "ledger", "index", "keyring" })
        {
            results.Add($"bytes per change, {part}", Results.Number(Command.Size(Path.Combine(directory, part)) / (double)size), $"{size} entries");
        }
    }

    private async Task ExecuteAsync(string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server.SocketConnectionString() + ";Pooling=false;Command Timeout=600");
        await connection.OpenAsync(cancellationToken);
        await using var statement = new NpgsqlCommand(sql, connection);
        await statement.ExecuteNonQueryAsync(cancellationToken);
    }

    private async Task<Lsn> PositionAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server.SocketConnectionString() + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var statement = new NpgsqlCommand("SELECT pg_current_wal_insert_lsn()::text", connection);
        return Lsn.Parse((string)(await statement.ExecuteScalarAsync(cancellationToken))!);
    }
}
