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

    /// <summary>The relation a name means; null if there is none.</summary>
    public async Task<RelationName?> ResolveAsync(string? schema, string table, CancellationToken cancellationToken) =>
        (await QueryAsync("resolve", [schema, table], static r => new RelationName(r.GetFieldValue<uint>(0), r.GetString(1), r.GetString(2)), cancellationToken)).FirstOrDefault();

    /// <summary>What a relation is called now; null if it was dropped.</summary>
    public async Task<RelationName?> NameOfAsync(uint oid, CancellationToken cancellationToken) =>
        (await QueryAsync("relation", [oid], r => new RelationName(oid, r.GetString(0), r.GetString(1)), cancellationToken)).FirstOrDefault();

    /// <summary>Every table a person may have meant.</summary>
    public Task<List<RelationName>> NamesAsync(CancellationToken cancellationToken) =>
        QueryAsync("names", [], static r => new RelationName(0, r.GetString(0), r.GetString(1)), cancellationToken);

    /// <summary>Facts of one relation.</summary>
    public async Task<TableFacts> TableAsync(RelationName name, CancellationToken cancellationToken)
    {
        List<ColumnFacts> columns = await QueryAsync("columns", [name.Oid], static r =>
            new ColumnFacts(r.GetInt16(0), r.GetString(1), r.GetString(2), r.GetString(3)), cancellationToken);
        return (await QueryAsync("table", [name.Oid], r => new TableFacts
        {
            Name = name,
            Kind = r.GetString(0)[0],
            Persistence = r.GetString(1)[0],
            HasRowSecurity = r.GetBoolean(2),
            IsPartition = r.GetBoolean(3),
            Root = r.IsDBNull(4) ? null : r.GetString(4),
            IsOwned = r.GetBoolean(5),
            Owner = r.GetString(6),
            HasChildren = r.GetBoolean(7),
            Key = [.. r.GetFieldValue<string[]>(8)],
            HasDeferrableKey = r.GetBoolean(9),
            Columns = columns,
        }, cancellationToken))[0];
    }

    /// <summary>The root and its partitions at every level; the root first.</summary>
    public Task<List<MemberFacts>> MembersAsync(uint root, CancellationToken cancellationToken) =>
        QueryAsync("members", [root], static r => new MemberFacts
        {
            Name = new RelationName(r.GetFieldValue<uint>(0), r.GetString(1), r.GetString(2)),
            Kind = r.GetString(3)[0],
            Persistence = r.GetString(4)[0],
            Identity = r.GetString(5)[0],
            IdentityIndex = r.IsDBNull(6) ? null : r.GetString(6),
            TriggerEnabled = r.IsDBNull(7) ? null : r.GetString(7)[0],
        }, cancellationToken);

    /// <summary>Rows of an embedded query.</summary>
    public Task<List<T>> QueryAsync<T>(string name, IReadOnlyList<object?> parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken) =>
        QueryTextAsync(SqlFile.Read(name), parameters, read, cancellationToken);

    /// <summary>Rows of a query given as text.</summary>
    public async Task<List<T>> QueryTextAsync<T>(string sql, IReadOnlyList<object?> parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellationToken)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        foreach (object? parameter in parameters) command.Parameters.Add(Parameter(parameter));
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        var rows = new List<T>();
        while (await reader.ReadAsync(cancellationToken)) rows.Add(read(reader));
        return rows;
    }

    /// <summary>A positional parameter; unsigned numbers are oids, nulls are texts.</summary>
    internal static NpgsqlParameter Parameter(object? value) => value switch
    {
        uint oid => new NpgsqlParameter { Value = oid, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Oid },
        null => new NpgsqlParameter { Value = DBNull.Value, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Text },
        _ => new NpgsqlParameter { Value = value },
    };
}
