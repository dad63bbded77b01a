using System.Globalization;
using System.Runtime.CompilerServices;
using Indelible.Format;
using Npgsql;
using NpgsqlTypes;

namespace Indelible.Capture;

/// <summary>Reads a protected table as it stands, in chunks, each in a snapshot of its own:
/// no slot waits for it, and it can stop and go on anywhere. One user at a time.</summary>
public sealed partial class LiveTable : IAsyncDisposable
{
    /// <summary>Rows of a chunk, at most.</summary>
    public const int ChunkRowMax = 5_000;
    private const long ChunkByteMax = 8L << 20;
    private const int FirstFetch = 100;

    private readonly NpgsqlConnection _connection;
    private readonly LiveSelect _select;
    /// <summary>A list of schemas, quoted.</summary>
    private readonly string _keyPath;

    private LiveTable(
        NpgsqlConnection connection, ProtectedTable table, LiveSelect select, string keyPath, long rowEstimate, int relationCount)
    {
        (_connection, Table, _select, _keyPath) = (connection, table, select, keyPath);
        (RowEstimate, RelationCount) = (rowEstimate, relationCount);
    }

    /// <summary>The table as protected.</summary>
    public ProtectedTable Table { get; }

    /// <summary>How many rows the table has, by the server's statistics; 0 if it does not know.</summary>
    public long RowEstimate { get; }

    /// <summary>Itself and its partitions: each is locked while it is read.</summary>
    internal int RelationCount { get; }

    internal LiveSelect Select => _select;

    /// <summary>Connects and looks the table up by its oid.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached, or the table or its key is no longer there.</exception>
    public static async Task<LiveTable> OpenAsync(SourceConnection source, ProtectedTable table, CancellationToken cancellationToken)
    {
        NpgsqlConnection? connection = null;
        try
        {
            connection = await source.OpenAsync(cancellationToken);
            LiveTable opened = (await LookUpAsync(connection, [table], cancellationToken))[0];
            connection = null;
            return opened;
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
        finally
        {
            if (connection is not null) await connection.DisposeAsync();
        }
    }

    /// <summary>All rows in key order, from the one after a key, or from the first.</summary>
    public async IAsyncEnumerable<LiveChunk> ReadAsync(
        IReadOnlyList<string>? after, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        IReadOnlyList<string>? last = after;
        LiveChunk chunk;
        do
        {
            chunk = await ReadChunkAsync(last, cancellationToken);
            if (chunk.Rows.Count > 0) last = chunk.Rows[^1].Key;
            yield return chunk;
        }
        while (!chunk.IsLast);
    }

    /// <summary>The rows with these keys, of those that exist; all in one snapshot.</summary>
    public Task<LiveChunk> ReadKeysAsync(IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancellationToken) =>
        InSnapshotAsync(async () =>
        {
            var rows = new List<LiveRow>();
            int parts = keys.Count == 0 ? 0 : keys[0].Count;
            if (parts == 0) return (rows, true);
            IEnumerable<NpgsqlParameter> parameters = Enumerable.Range(0, parts).Select(part => new NpgsqlParameter
            {
                Value = keys.Select(key => key[part]).ToArray(),
                NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Text,
            });
            await DeclareAsync(_select.ByKeys(), parameters, cancellationToken);
            await using NpgsqlCommand fetch = Text("FETCH ALL FROM live");
            await FillAsync(fetch, rows, keys.Count, long.MaxValue, cancellationToken);
            return (rows, true);
        }, cancellationToken);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <summary>Looks tables up over a connection that stays the caller's. Used one after the other, none of them disposed.</summary>
    /// <exception cref="IndelibleException">One of them or its key is no longer there.</exception>
    internal static async Task<IReadOnlyList<LiveTable>> LookUpAsync(
        NpgsqlConnection connection, IReadOnlyCollection<ProtectedTable> tables, CancellationToken cancellationToken)
    {
        var catalog = new SourceCatalog(connection);
        uint[] oids = [.. tables.Select(table => table.Oid)];
        Dictionary<uint, TableFacts> facts = await catalog.TablesAsync(oids, cancellationToken);
        ILookup<uint, MemberFacts> members = await catalog.MembersAsync(oids, cancellationToken);
        ILookup<uint, (string Schema, bool MayUse)> schemas =
            await catalog.LookupAsync("keypath", oids, static r => (r.GetString(1), r.GetBoolean(2)), cancellationToken);
        return [.. tables.Select(
            table => Of(connection, table, facts.GetValueOrDefault(table.Oid), members[table.Oid], schemas[table.Oid]))];
    }

    private static LiveTable Of(NpgsqlConnection connection, ProtectedTable table, TableFacts? facts, IEnumerable<MemberFacts> tree,
        IEnumerable<(string Schema, bool MayUse)> schemas)
    {
        if (facts is null)
        {
            throw new IndelibleException(ExitCode.Finding,
                $"expected protected table {table.Schema}.{table.Name} (oid {table.Oid}), found it dropped; "
                    + "protect its successor, or unprotect it");
        }
        bool isPartitioned = facts.Kind == 'p';
        MemberFacts[] members = [.. tree];
        var leaves = members.Where(m => m.Name.Oid != table.Oid).ToDictionary(m => m.Name.Oid, m => m.Name.Quoted);
        long rows = members.Where(m => m.Kind != 'p').Sum(m => m.RowEstimate);
        LiveSelect select = new(table, facts.Name, KeyNow(table, facts), isPartitioned, facts.Columns, leaves);
        return new LiveTable(connection, table, select, KeyPath(facts.Name, schemas), rows, members.Length);
    }

    /// <summary>Where keys are compared as their index does: without its schema, a type's operator may be quietly replaced by that of
    /// another type.</summary>
    private static string KeyPath(RelationName name, IEnumerable<(string Schema, bool MayUse)> schemas)
    {
        if (schemas.FirstOrDefault(schema => !schema.MayUse).Schema is { } closed)
        {
            throw new IndelibleException(
                ExitCode.Environment, $"expected the right to use schema {closed}, whose operators compare the keys of {name}, found none; "
                + $"run as its owner: GRANT USAGE ON SCHEMA {PgIdentifier.Quote(closed)} TO the role that captures");
        }
        return string.Join(", ", schemas.Select(schema => PgIdentifier.Quote(schema.Schema)).Prepend("pg_catalog"));
    }

    /// <summary>The key fixed at protection, by name; if its columns were renamed since, the table's own key of the same width.</summary>
    private static IReadOnlyList<string> KeyNow(ProtectedTable table, TableFacts facts)
    {
        string? lost = table.Key.Find(key => !facts.Columns.Any(c => c.Name == key));
        if (lost is null) return table.Key;
        if (facts.Key.Count == table.Key.Count) return facts.Key;
        throw new IndelibleException(ExitCode.Finding,
            $"expected key column {lost} in {facts.Name}, found none, and another primary key; unprotect the table and protect it again");
    }

    private Task<LiveChunk> ReadChunkAsync(IReadOnlyList<string>? after, CancellationToken cancellationToken) =>
        InSnapshotAsync(async () =>
        {
            await DeclareAsync(
                _select.After(after is not null),
                (after ?? []).Select(part => new NpgsqlParameter { Value = part, NpgsqlDbType = NpgsqlDbType.Text }),
                cancellationToken);
            return await FetchAsync(cancellationToken);
        }, cancellationToken);

    /// <summary>Begins a query. Its operators are looked up now; values are printed when rows are fetched,
    /// under the search path that is pinned.</summary>
    private async Task DeclareAsync(string select, IEnumerable<NpgsqlParameter> parameters, CancellationToken cancellationToken)
    {
        NpgsqlBatchCommand declare = new($"DECLARE live NO SCROLL CURSOR FOR {select}");
        foreach (NpgsqlParameter parameter in parameters) declare.Parameters.Add(parameter);
        await using NpgsqlBatch batch = new(_connection)
        {
            Timeout = 0,
            BatchCommands = { new NpgsqlBatchCommand($"SET LOCAL search_path = {_keyPath}"), declare,
                new NpgsqlBatchCommand("SET LOCAL search_path = DEFAULT") },
        };
        await batch.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Fetches until a chunk is full; how many rows at once depends on how large they turn out to be.</summary>
    private async Task<(List<LiveRow> Rows, bool IsLast)> FetchAsync(CancellationToken cancellationToken)
    {
        var rows = new List<LiveRow>();
        long bytes = 0;
        int count = FirstFetch;
        while (rows.Count < ChunkRowMax && bytes < ChunkByteMax)
        {
            await using NpgsqlCommand fetch = Text($"FETCH FORWARD {count} FROM live");
            int before = rows.Count;
            (long taken, bool whole) = await FillAsync(fetch, rows, count, ChunkByteMax - bytes, cancellationToken);
            if (whole && rows.Count - before < count) return (rows, true);
            bytes += taken;
            count = (int)Math.Clamp((ChunkByteMax - bytes) / Math.Max(1, bytes / rows.Count), 1, Math.Max(1, ChunkRowMax - rows.Count));
        }
        return (rows, false);
    }

    /// <summary>Adds rows until they hold so many bytes; says how many, and whether all rows were taken.</summary>
    /// <exception cref="IndelibleException">The server sends more rows than were asked for.</exception>
    private async Task<(long Bytes, bool Whole)> FillAsync(
        NpgsqlCommand command, List<LiveRow> rows, int rowMax, long byteMax, CancellationToken cancellationToken)
    {
        long bytes = 0;
        int end = rows.Count + rowMax;
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (bytes > byteMax) return (bytes, false);
            if (rows.Count == end)
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"expected at most {rowMax} rows of {_select.Name}, as many as were asked for, found more. "
                        + "Is it the server itself that answers there?");
            }
            rows.Add(_select.Read(reader, ref bytes));
        }
        return (bytes, true);
    }

    private async Task<LiveChunk> InSnapshotAsync(Func<Task<(List<LiveRow> Rows, bool IsLast)>> read, CancellationToken cancellationToken)
    {
        LiveSnapshot snapshot = await LiveSnapshot.BeginAsync(_connection, [_select], lockWait: null, cancellationToken);
        (List<LiveRow> rows, bool isLast) = await read();
        await snapshot.EndAsync(cancellationToken);
        return new LiveChunk
        {
            SnapshotText = snapshot.Text,
            Snapshot = PgSnapshot.Parse(snapshot.Text),
            ReadBefore = snapshot.ReadBefore,
            ReadAfter = snapshot.ReadAfter,
            Rows = rows,
            IsLast = isLast,
        };
    }

    private NpgsqlCommand Text(string sql) => LiveSnapshot.Command(_connection, sql);
}
