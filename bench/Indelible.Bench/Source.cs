using Indelible.Format;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Bench;

/// <summary>The private PostgreSQL server that is captured from. Everything connects over its Unix socket.</summary>
internal sealed class Source : IAsyncDisposable
{
    /// <summary>The source's short name.</summary>
    public const string Name = "bench";
    /// <summary>Slot and publication that `protect` makes for it.</summary>
    public const string Slot = "indelible_bench";

    private readonly PrivatePostgres _server;

    private Source(PrivatePostgres server) => _server = server;

    /// <summary>Connection string for `protect`; the capture role then uses the same socket.</summary>
    public string ConnectionString => _server.SocketConnectionString();

    /// <summary>Where the server may write a file.</summary>
    public string CopyFile => Path.Combine(_server.DataDirectory, "bench.copy");

    /// <summary>What a client program of PostgreSQL needs to reach it.</summary>
    public string[] ClientOptions => ["-h", _server.SocketDirectory, "-p", $"{_server.Port}", "-U", "postgres", "-d", "postgres"];

    public static async Task<Source> StartAsync(string directory, CancellationToken cancellationToken) =>
        new(await PrivatePostgres.StartAsync(new PrivatePostgresOptions
    {
        Password = Guid.NewGuid().ToString("N"),
        DataDirectory = Path.Combine(directory, "postgres"),
        Durable = true,
        Settings = new Dictionary<string, string> { ["shared_buffers"] = "512MB", ["max_wal_size"] = "8GB", ["autovacuum"] = "off" },
    }, cancellationToken));

    /// <summary>A connection without pooling or time limit.</summary>
    public async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(ConnectionString + ";Pooling=false;Command Timeout=0");
        await connection.OpenAsync(cancellationToken);
        return connection;
    }

    /// <summary>Runs statements in one session, each by itself; commits are not waited for.</summary>
    public async Task ExecuteAsync(CancellationToken cancellationToken, params string[] statements)
    {
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        foreach (string text in (string[])["SET synchronous_commit = off", .. statements])
        {
            await using var statement = new NpgsqlCommand(text, connection);
            await statement.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>Writes what is in memory to disk and lets the slots' restart positions follow, then tells the end of the log.</summary>
    public async Task<Lsn> SettleAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync(cancellationToken, "CHECKPOINT");
        return Lsn.Parse(await AskAsync("SELECT pg_current_wal_flush_lsn()::text", cancellationToken));
    }

    /// <summary>The end of its log, written to disk or not: what was committed before lies before it.</summary>
    public async Task<Lsn> EndAsync(CancellationToken cancellationToken) =>
        Lsn.Parse(await AskAsync("SELECT pg_current_wal_insert_lsn()::text", cancellationToken));

    /// <summary>Waits until the slot's confirmed position has passed: all before it is sealed, and PostgreSQL was told so.
    /// Asked every millisecond.</summary>
    public async Task ConfirmedAsync(Lsn end, CancellationToken cancellationToken)
    {
        await using ConfirmedPosition confirmed = await ConfirmedPosition.OpenAsync(this, cancellationToken);
        while (await confirmed.ReadAsync(cancellationToken) < end) await Task.Delay(1, cancellationToken);
    }

    /// <summary>The one value a query gives, as text.</summary>
    public async Task<string> AskAsync(string query, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        await using var statement = new NpgsqlCommand(query, connection);
        return (string)(await statement.ExecuteScalarAsync(cancellationToken))!;
    }

    /// <summary>Processor time of the server's processes that have ended, a walsender among them once its client has left.</summary>
    public TimeSpan EndedProcesses() => ProcessorTime.OfChildren(PostmasterPid());

    /// <summary>Waits until no walsender is left and the server has taken note of the end of the last.</summary>
    public async Task NobodyReadsAsync(CancellationToken cancellationToken)
    {
        while (await AskAsync("SELECT count(*)::text FROM pg_stat_replication", cancellationToken) != "0")
            await Task.Delay(10, cancellationToken);
        await Task.Delay(200, cancellationToken);
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private int PostmasterPid() => int.Parse(
        File.ReadLines(Path.Combine(_server.DataDirectory, "postmaster.pid")).First(), System.Globalization.CultureInfo.InvariantCulture);
}
