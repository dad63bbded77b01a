using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Reads what protection needs to know from a source's catalog. One connection, one user at a time.</summary>
internal sealed class SourceCatalog(NpgsqlConnection connection)
{
    /// <summary>Who we are and what the server is like.</summary>
    public async Task<SessionFacts> SessionAsync(CancellationToken cancellationToken) =>
        (await QueryAsync("session", [], static r => new SessionFacts
        {
            VersionNumber = r.GetInt32(0),
            WalLevel = r.GetString(1),
            Encoding = r.GetString(2),
            Database = r.GetString(3),
            Role = r.GetString(4),
            IsSuperuser = r.GetBoolean(5),
            MayCreateRoles = r.GetBoolean(6),
            MayReplicate = r.GetBoolean(7),
            MayBypassRowSecurity = r.GetBoolean(8),
            MayCreateInDatabase = r.GetBoolean(9),
            IsStandby = r.GetBoolean(10),
            SystemId = ulong.Parse(r.GetString(11), System.Globalization.CultureInfo.InvariantCulture),
            SlotMax = r.GetInt32(12),
            SlotCount = r.GetInt32(13),
            SenderMax = r.GetInt32(14),
            OwnsSchema = r.IsDBNull(15) ? null : r.GetBoolean(15),
            IsInstalled = r.GetBoolean(16),
            EventTriggerCount = r.GetInt32(17),
            DatabaseOwner = r.GetString(18),
            SchemaOwner = r.IsDBNull(19) ? null : r.GetString(19),
            IsSchemaSuperusers = r.GetBoolean(20),
        }, cancellationToken))[0];

    /// <summary>End of the log: nothing committed by now lies beyond it.</summary>
    public async Task<Lsn> LogEndAsync(CancellationToken cancellationToken) =>
        (await QueryAsync("logend", [], static r => Lsn.Parse(r.GetString(0)), cancellationToken))[0];

    /// <summary>The relations that names mean, in their order; null where there is none.</summary>
    public async Task<RelationName?[]> ResolveAsync(
        IReadOnlyCollection<(string? Schema, string Table)> names, CancellationToken cancellationToken)
    {
        var found = new RelationName?[names.Count];
        object[] wanted = [names.Select(name => name.Schema).ToArray(), names.Select(name => name.Table).ToArray()];
        foreach ((int place, RelationName name) in await QueryAsync(
            "resolve", wanted, static r => (r.GetInt32(0), Name(r, 1)), cancellationToken)) found[place - 1] = name;
        return found;
    }

    /// <summary>Every table a person may have meant.</summary>
    public Task<List<RelationName>> NamesAsync(CancellationToken cancellationToken) =>
        QueryAsync("names", [], static r => new RelationName(0, r.GetString(0), r.GetString(1)), cancellationToken);

    /// <summary>Facts of relations by their oids; without those that were dropped.</summary>
    public async Task<Dictionary<uint, TableFacts>> TablesAsync(IReadOnlyCollection<uint> oids, CancellationToken cancellationToken)
    {
        ILookup<uint, ColumnFacts> columns = await LookupAsync(
            "columns", oids, static r => new ColumnFacts(r.GetInt16(1), r.GetString(2), r.GetString(3), r.GetString(4)), cancellationToken);
        List<TableFacts> tables = await QueryAsync("table", [oids.ToArray()], r => new TableFacts
        {
            Name = Name(r, 0),
            Kind = r.GetString(3)[0],
            Persistence = r.GetString(4)[0],
            HasRowSecurity = r.GetBoolean(5),
            IsPartition = r.GetBoolean(6),
            Root = r.IsDBNull(7) ? null : r.GetString(7),
            IsOwned = r.GetBoolean(8),
            Owner = r.GetString(9),
            HasChildren = r.GetBoolean(10),
            Key = r.GetFieldValue<string[]>(11),
            HasDeferrableKey = r.GetBoolean(12),
            Columns = [.. columns[r.GetFieldValue<uint>(0)]],
        }, cancellationToken);
        return tables.ToDictionary(table => table.Name.Oid);
    }

    /// <summary>By their roots, each root and its partitions at every level; the root first.</summary>
    public Task<ILookup<uint, MemberFacts>> MembersAsync(IReadOnlyCollection<uint> roots, CancellationToken cancellationToken) =>
        LookupAsync("members", roots, static r => new MemberFacts
        {
            Name = Name(r, 1),
            Kind = r.GetString(4)[0],
            Persistence = r.GetString(5)[0],
            Identity = r.GetString(6)[0],
            IdentityIndex = r.IsDBNull(7) ? null : r.GetString(7),
            TriggerEnabled = r.IsDBNull(8) ? null : r.GetString(8)[0],
            RowEstimate = r.GetInt64(9),
        }, cancellationToken);

    /// <summary>Whether a role may use the schema and read the table, by the tables' oids.</summary>
    public async Task<Dictionary<uint, (bool Usage, bool Select)>> GrantsAsync(
        string role, IReadOnlyCollection<uint> oids, CancellationToken cancellationToken) =>
        (await QueryAsync("grants", [role, oids.ToArray()],
            static r => (Oid: r.GetFieldValue<uint>(0), May: (r.GetBoolean(1), r.GetBoolean(2))), cancellationToken))
                .ToDictionary(grant => grant.Oid, grant => grant.May);

    /// <summary>Rows of an embedded query about relations, by the oid in its first column.</summary>
    /// <param name="name">The query; its one parameter is oids.</param>
    /// <param name="oids">The relations.</param>
    /// <param name="read">Reads a row.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task<ILookup<uint, T>> LookupAsync<T>(
        string name, IReadOnlyCollection<uint> oids, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        (await QueryAsync(name, [oids.ToArray()], r => (Oid: r.GetFieldValue<uint>(0), Row: read(r)), cancellationToken))
            .ToLookup(row => row.Oid, row => row.Row);

    /// <summary>Rows of an embedded query.</summary>
    public Task<List<T>> QueryAsync<T>(
        string name, IReadOnlyList<object?> parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        QueryTextAsync(SqlFile.Read(name), parameters, read, cancellationToken);

    /// <summary>Rows of a query given as text.</summary>
    public async Task<List<T>> QueryTextAsync<T>(
        string sql, IReadOnlyList<object?> parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (object? parameter in parameters) command.Parameters.Add(Parameter(parameter));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken)) rows.Add(read(reader));
        return rows;
    }

    private static RelationName Name(NpgsqlDataReader reader, int at) =>
        new(reader.GetFieldValue<uint>(at), reader.GetString(at + 1), reader.GetString(at + 2));

    /// <summary>A positional parameter; unsigned numbers are oids, nulls are texts.</summary>
    internal static NpgsqlParameter Parameter(object? value) => value switch
    {
        uint[] oids => new NpgsqlParameter { Value = oids, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Array | NpgsqlTypes.NpgsqlDbType.Oid },
        null => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text },
        _ => new NpgsqlParameter { Value = value },
    };
}
