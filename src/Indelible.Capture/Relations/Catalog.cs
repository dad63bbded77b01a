using Npgsql;
using NpgsqlTypes;

namespace Indelible.Capture.Relations;

/// <summary>What the catalog says now about the protected tables and their partitions. Immutable.</summary>
internal sealed record Catalog(IReadOnlyDictionary<uint, RelationShape> Shapes, IReadOnlyDictionary<uint, IReadOnlyList<short>> Keys)
{
    private static readonly string ShapesSql = EmbeddedSql.Read("Relations.shapes.sql");
    private static readonly string KeysSql = EmbeddedSql.Read("Relations.keys.sql");
    private static readonly string PublishedSql = EmbeddedSql.Read("Relations.published.sql");

    /// <summary>Reads shapes and keys of the protected tables.</summary>
    public static async Task<Catalog> ReadAsync(NpgsqlConnection connection, Protection protection, CancellationToken cancellationToken)
    {
        uint[] roots = [.. protection.Tables.Select(table => table.Oid)];
        return new Catalog(
            await ReadShapesAsync(connection, roots, cancellationToken),
            await ReadKeysAsync(connection, roots, cancellationToken));
    }

    /// <summary>Whether the publication holds this relation now.</summary>
    public static async Task<bool> IsPublishedAsync(
        NpgsqlConnection connection, string publication, uint oid, CancellationToken cancellationToken)
    {
        await using NpgsqlCommand command = new(PublishedSql, connection);
        command.Parameters.Add(new NpgsqlParameter { Value = publication, NpgsqlDbType = NpgsqlDbType.Text });
        command.Parameters.Add(new NpgsqlParameter { Value = oid, NpgsqlDbType = NpgsqlDbType.Oid });
        return await command.ExecuteScalarAsync(cancellationToken) is true;
    }

    private static async Task<Dictionary<uint, RelationShape>> ReadShapesAsync(
        NpgsqlConnection connection, uint[] roots, CancellationToken cancellationToken)
    {
        Dictionary<uint, RelationShape> shapes = [];
        await using NpgsqlCommand command = Query(connection, ShapesSql, roots);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            uint oid = reader.GetFieldValue<uint>(0);
            ShapeColumn column = new(reader.GetString(3), reader.GetFieldValue<uint>(4), reader.GetInt16(5), reader.GetBoolean(6));
            if (!shapes.TryGetValue(oid, out RelationShape? shape))
            {
                shapes[oid] = shape = new RelationShape(oid, reader.GetFieldValue<uint>(1), reader.GetBoolean(2), new List<ShapeColumn>());
            }
            ((List<ShapeColumn>)shape.Columns).Add(column);
        }
        return shapes;
    }

    private static async Task<Dictionary<uint, IReadOnlyList<short>>> ReadKeysAsync(
        NpgsqlConnection connection, uint[] roots, CancellationToken cancellationToken)
    {
        Dictionary<uint, IReadOnlyList<short>> keys = [];
        await using NpgsqlCommand command = Query(connection, KeysSql, roots);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            uint oid = reader.GetFieldValue<uint>(0);
            if (!keys.TryGetValue(oid, out IReadOnlyList<short>? numbers)) keys[oid] = numbers = new List<short>();
            ((List<short>)numbers).Add(reader.GetInt16(1));
        }
        return keys;
    }

    private static NpgsqlCommand Query(NpgsqlConnection connection, string sql, uint[] roots)
    {
        NpgsqlCommand command = new(sql, connection);
        command.Parameters.Add(new NpgsqlParameter { Value = roots, NpgsqlDbType = NpgsqlDbType.Array | NpgsqlDbType.Oid });
        return command;
    }
}
