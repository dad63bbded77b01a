using System.Globalization;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>A transaction that shows tables as one snapshot does, locked so that they stay what they were looked up as.
/// Over with <see cref="EndAsync"/>, or with its connection. One user at a time.</summary>
internal sealed class LiveSnapshot
{
    /// <summary>SizeOfXLogShortPHD, access/xlog_internal.h.</summary>
    private const ulong PageHeaderLength = 24;
    /// <summary>The lock comes before the snapshot: TRUNCATE and rewriting DDL do not keep to snapshots,
    /// and would show a table empty that was not.</summary>
    private const string Begin =
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL row_security = off; {2}"
        + "LOCK TABLE {0} IN ACCESS SHARE MODE; "
        + "SELECT pg_current_snapshot(), pg_current_wal_insert_lsn(), current_setting('wal_block_size'), "
        + "(ARRAY[{1}])::oid[]";
    /// <summary>The plan is to walk the key's index: to sort the rest of the table for every range would take for ever.</summary>
    private const string WalkTheIndex = "SET LOCAL enable_sort = off; SET LOCAL max_parallel_workers_per_gather = 0; SET LOCAL jit = off";

    private readonly NpgsqlConnection _connection;
    private string? _searchPath;

    private LiveSnapshot(NpgsqlConnection connection, string text, Lsn readBefore, Lsn readAfter) =>
        (_connection, Text, ReadBefore, ReadAfter) = (connection, text, readBefore, readAfter);

    /// <summary>As PostgreSQL prints it.</summary>
    public string Text { get; }
    /// <summary>End of the log before it was taken.</summary>
    public Lsn ReadBefore { get; }
    /// <summary>End of the log after it was taken.</summary>
    public Lsn ReadAfter { get; }

    /// <summary>Begins one.</summary>
    /// <param name="connection">Stays the caller's.</param>
    /// <param name="tables">What is to be read.</param>
    /// <param name="lockWait">Longest wait for a lock; null: for as long as it takes.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="IndelibleException">A table went since it was looked up.</exception>
    public static async Task<LiveSnapshot> BeginAsync(
        NpgsqlConnection connection, IReadOnlyList<LiveSelect> tables, TimeSpan? lockWait, CancellationToken cancellationToken)
    {
        // The insert position, not the write position: a commit is visible before it is written when synchronous_commit is off.
        string[] before = await RowAsync(connection, "SELECT pg_current_wal_insert_lsn()", cancellationToken);
        string[] now = await LockAsync(connection, tables, lockWait, cancellationToken);
        string[] oids = now[3].Trim('{', '}').Split(',');
        for (int i = 0; i < tables.Count; i++)
        {
            if (oids[i] != tables[i].Name.Oid.ToString(CultureInfo.InvariantCulture))
                throw await GoneAsync(connection, tables[i], null, cancellationToken);
        }
        return new LiveSnapshot(
            connection, now[0], Lsn.Parse(before[0]), EndOfLog(Lsn.Parse(now[1]), ulong.Parse(now[2], CultureInfo.InvariantCulture)));
    }

    /// <summary>Has queries walk the index of a key, compared where its operators are.</summary>
    public async Task WalkAsync(string searchPath, CancellationToken cancellationToken)
    {
        if (_searchPath == searchPath) return;
        string walk = _searchPath is null ? $"{WalkTheIndex}; " : "";
        await RunAsync(_connection, $"{walk}SET LOCAL search_path = {searchPath}", cancellationToken);
        _searchPath = searchPath;
    }

    /// <summary>Ends it.</summary>
    public Task EndAsync(CancellationToken cancellationToken) => RunAsync(_connection, "COMMIT", cancellationToken);

    /// <summary>A command whose results come as text and may take as long as they need.</summary>
    public static NpgsqlCommand Command(NpgsqlConnection connection, string sql) =>
        new(sql, connection) { AllResultTypesAreUnknown = true, CommandTimeout = 0 };

    private static async Task<string[]> LockAsync(
        NpgsqlConnection connection, IReadOnlyList<LiveSelect> tables, TimeSpan? lockWait, CancellationToken cancellationToken)
    {
        string wait = lockWait is { } limit
            ? string.Create(CultureInfo.InvariantCulture, $"SET LOCAL lock_timeout = {(int)limit.TotalMilliseconds}; ")
            : "";
        string oids =
            string.Join(", ", tables.Select(table => $"coalesce(to_regclass({PgIdentifier.Literal(table.Name.Quoted)})::oid, 0)"));
        string begin = string.Format(
            CultureInfo.InvariantCulture, Begin, string.Join(", ", tables.Select(table => table.From)), oids, wait);
        try
        {
            return await RowAsync(connection, begin, cancellationToken);
        }
        catch (PostgresException e)
            when (tables.Count == 1 && e.SqlState is PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName)
        {
            throw await GoneAsync(connection, tables[0], e, cancellationToken);
        }
    }

    /// <summary>It was there when it was looked up. The connection may be used on.</summary>
    private static async Task<IndelibleException> GoneAsync(
        NpgsqlConnection connection, LiveSelect table, Exception? cause, CancellationToken cancellationToken)
    {
        await RunAsync(connection, "ROLLBACK", cancellationToken);
        return new IndelibleException(
            ExitCode.Finding,
            $"expected protected table {table.Name} (oid {table.Name.Oid}), found that it was dropped or renamed this moment; "
                + "run this again",
            cause);
    }

    /// <summary>Where the log ends. Where a record filled its page the insert position already stands behind the next page's header,
    /// and nothing would reach it on an idle server.</summary>
    private static Lsn EndOfLog(Lsn insertAt, ulong pageLength) =>
        insertAt.Bytes % pageLength == PageHeaderLength ? new Lsn(insertAt.Bytes - PageHeaderLength) : insertAt;

    private static async Task<string[]> RowAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(connection, sql);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        await reader.ReadAsync(cancellationToken);
        return [.. Enumerable.Range(0, reader.FieldCount).Select(reader.GetString)];
    }

    private static async Task RunAsync(NpgsqlConnection connection, string sql, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = Command(connection, sql);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
