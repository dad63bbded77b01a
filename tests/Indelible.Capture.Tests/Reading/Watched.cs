using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Indelible.Capture.Tests.Reading;

/// <summary>A database whose tables are protected by plain SQL: publication, identity, slot. What capture needs and no more.</summary>
internal sealed class Watched
{
    public static readonly byte[] Secret = [.. Enumerable.Range(1, 32).Select(i => (byte)i)];
    private static int _slots;

    private Watched(PostgresServer server, string database, Protection protection)
    {
        Server = server;
        Database = database;
        Protection = protection;
    }

    public PostgresServer Server { get; }
    public string Database { get; }
    public Protection Protection { get; }
    public SessionTable Sessions { get; } = new();

    /// <summary>Runs the schema, then protects the columns given as <c>schema.table.column</c>.</summary>
    public static async Task<Watched> SetUpAsync(PostgresServer server, string schema, string[] columns, bool fullIdentity = true)
    {
        string database = await server.CreateDatabaseAsync();
        string name = $"indelible_t{Interlocked.Increment(ref _slots)}";
        await server.ExecuteAsync(database, schema);
        Protection protection =
            new() { Source = "test", Slot = name, Publication = name, Tables = await TablesAsync(server, database, columns) };
        string tables = string.Join(", ", protection.Tables.Select(t => PgIdentifier.Quote(t.Schema, t.Name)));
        await server.ExecuteAsync(database, $"CREATE PUBLICATION {name} FOR TABLE {tables}");
        if (fullIdentity) await IdentifyFullyAsync(server, database, protection);
        await server.ExecuteAsync(database, $"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')");
        return new Watched(server, database, protection);
    }

    public Task ExecuteAsync(params string[] statements) => Server.ExecuteAsync(Database, statements);

    public Task<SourceCapture> OpenAsync(ResumePoint? resume = null) => SourceCapture.OpenAsync(
        SourceConnection.Parse(Database), Protection, Secret, static (_, _) => new byte[16], resume, Sessions, TimeProvider.System,
        NullLogger.Instance, CancellationToken.None);

    /// <summary>Everything committed so far, read from the beginning or from a resume point.</summary>
    public async Task<List<CapturedChange>> ReadAllAsync(ResumePoint? resume = null)
    {
        List<CapturedChange> changes = [];
        foreach (CapturedBatch batch in await ReadBatchesAsync(resume)) changes.AddRange(batch.Changes);
        return changes;
    }

    /// <summary>Batches until everything committed so far is delivered.</summary>
    public async Task<List<CapturedBatch>> ReadBatchesAsync(ResumePoint? resume = null)
    {
        Lsn end = await LogEndAsync();
        await using SourceCapture capture = await OpenAsync(resume);
        using CancellationTokenSource limit = new(Patience.Max);
        List<CapturedBatch> batches = [];
        await foreach (CapturedBatch batch in capture.ReadAsync(limit.Token))
        {
            batches.Add(batch);
            capture.Release(batch);
            if (batch.Confirmable >= end) break;
        }
        return batches;
    }

    public async Task<Lsn> LogEndAsync() => Lsn.Parse((await Server.QueryAsync(Database, "SELECT pg_current_wal_flush_lsn()::text"))[0]!);

    public async Task<Lsn> ConfirmedAsync() =>
        Lsn.Parse(
            (await Server.QueryAsync(
                Database, $"SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = '{Protection.Slot}'"))[0]!);

    private static async Task<List<ProtectedTable>> TablesAsync(PostgresServer server, string database, string[] columns)
    {
        List<ProtectedTable> tables = [];
        foreach (IGrouping<string, string> group in columns.GroupBy(c => c[..c.LastIndexOf('.')]))
        {
            string oid = (await server.QueryAsync(database, $"SELECT '{group.Key}'::regclass::oid"))[0]!;
            string[] names = [
                .. (await server.QueryAsync(database,
                    $"SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE c.oid = {oid} UNION ALL SELECT "
                        + $"relname FROM pg_class WHERE oid = {oid} UNION ALL SELECT relkind::text FROM pg_class WHERE oid = {oid}"))
                        .Select(v => v!)];
            tables.Add(new ProtectedTable
            {
                Id = (uint)tables.Count + 1,
                Oid = uint.Parse(oid, CultureInfo.InvariantCulture),
                Schema = names[0],
                Name = names[1],
                Partitioned = names[2] == "p",
                Key = [.. (await server.QueryAsync(database,
                    "SELECT a.attname FROM pg_index i, unnest(i.indkey::int2[]) WITH ORDINALITY k(n, o) JOIN pg_attribute a ON a.attnum = "
                        + $"k.n WHERE i.indisprimary AND i.indrelid = {oid} AND a.attrelid = {oid} ORDER BY k.o")).Select(v => v!)],
                Columns = [.. await ColumnsAsync(server, database, oid, group)],
            });
        }
        return tables;
    }

    private static async Task<List<ProtectedColumn>> ColumnsAsync(
        PostgresServer server, string database, string oid, IEnumerable<string> columns)
    {
        List<ProtectedColumn> found = [];
        foreach (string column in columns)
        {
            string name = column[(column.LastIndexOf('.') + 1)..].Trim('"');
            string number =
                (await server.QueryAsync(
                    database, $"SELECT attnum FROM pg_attribute WHERE attrelid = {oid} AND attname = {PgIdentifier.Literal(name)}"))[0]!;
            found.Add(
                new ProtectedColumn { Number = short.Parse(number, CultureInfo.InvariantCulture), Name = name,
                    Policy = ColumnPolicy.Sealed });
        }
        return found;
    }

    private static async Task IdentifyFullyAsync(PostgresServer server, string database, Protection protection)
    {
        foreach (ProtectedTable table in protection.Tables)
        {
            List<string?> relations = await server.QueryAsync(database,
                $"SELECT relid::regclass::text FROM pg_partition_tree({table.Oid}) UNION SELECT {table.Oid}::regclass::text");
            await server.ExecuteAsync(database, [.. relations.Select(r => $"ALTER TABLE {r} REPLICA IDENTITY FULL")]);
        }
    }
}

/// <summary>Changes in a short readable form.</summary>
internal static class Show
{
    public static string[] Lines(IEnumerable<CapturedChange> changes) => [.. changes.Select(Line)];

    public static string Line(CapturedChange change) => change switch
    {
        CapturedChange.Row row =>
            $"{row.Operation} {row.Leaf ?? row.Table.Name} [{string.Join('|', row.Key)}]"
                + (row.PreviousKey is null ? "" : $" was [{string.Join('|', row.PreviousKey)}]")
                + string.Concat(row.Fields.Select(Field)),
        CapturedChange.Truncation truncation => $"Truncate {truncation.Leaf ?? truncation.Table.Name}",
        CapturedChange.Ddl ddl => $"Ddl {ddl.Tag}",
        _ => "?",
    };

    public static string Value(CapturedValue value) =>
        value.IsMissing ? $"({value.Reason})" : value.IsNull ? "NULL" : Encoding.UTF8.GetString(value.Text.Span);

    private static string Field(CapturedField field) => $" {field.Column.Name}: {Value(field.Before)} > {Value(field.After)}";
}
