using Indelible.Capture;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Asks the index for one row, by its key in clear or, where the key is protected, by its token.</summary>
/// <param name="Query">Matches every entry about the row, truncations of its table included.</param>
public sealed record RowQuery(Query Query)
{
    /// <summary>The row of a protected table; a table that is protected no more is found by name.</summary>
    public static RowQuery Of(LedgerView view, IndelibleConfig config, string? source, string? schema, string table, IReadOnlyList<string> key)
    {
        bool isProtected = config.Sources.Any(one => one.Value.Protection.Tables.Any(candidate => candidate.Name == table));
        if (!isProtected) return new RowQuery(new Query { Source = source, Schema = schema, Table = table, Key = key });
        (string name, ProtectedTable found) = ProtectedTables.Find(config, source, schema, table);
        return Of(view, name, found, key);
    }

    /// <summary>The row of a protected table.</summary>
    public static RowQuery Of(LedgerView view, string source, ProtectedTable table, IReadOnlyList<string> key)
    {
        if (key.Count != table.Key.Count)
        {
            throw new Format.IndelibleException(Format.ExitCode.Usage, $"key: expected {table.Key.Count} values for {string.Join(", ", table.Key)}, found {key.Count}");
        }
        Query query = new() { Source = source, Schema = table.Schema, Table = table.Name };
        if (!RowKeys.NeedsToken(table, key)) return new RowQuery(query with { Key = key });
        byte[] token = new byte[Keyring.RowKeyTokenSize];
        view.Keyring.RowKeyToken(source, table.Id, key, token);
        return new RowQuery(query with { KeyToken = token });
    }
}
