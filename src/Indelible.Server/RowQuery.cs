using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Asks the index for one row, by its key in clear or, where the key is protected, by its token.</summary>
/// <param name="Query">Matches every entry about the row, truncations of its table included.</param>
public sealed record RowQuery(Query Query)
{
    private const int LookBackMax = 100;

    /// <summary>The row of a table that is protected, or was.</summary>
    /// <exception cref="IndelibleException">Usage: no such table, or several, or another number of key values.</exception>
    public static RowQuery Of(LedgerView view, IndelibleConfig config, string? source, string? schema, string table, KeyText key)
    {
        if (IsProtected(config, source, schema, table) || Remembered(view, source, schema, table) is not { } entry)
        {
            (string name, ProtectedTable found) = ProtectedTables.Find(config, source, schema, table);
            return Of(view, name, found, key.ValuesFor(found.Key));
        }
        RelationId relation = new(entry.Source!, entry.Relation!.Id);
        RowKey known = entry.Key!;
        if (known.Token.IsEmpty)
            return new RowQuery(new Query { Relation = relation, Key = key.ValuesFor([.. known.Columns.Select(column => column.Name)]) });
        return new RowQuery(new Query { Relation = relation, KeyToken = TokenOf(view, relation, key.ValuesFor([])) });
    }

    /// <summary>Refuses the name of a source, table or column that neither is protected nor has entries:
    /// an empty answer would read as if nothing had happened to it.</summary>
    /// <exception cref="IndelibleException">Usage: there is no such source, table or column.</exception>
    public static void RequireKnown(LedgerView view, IndelibleConfig config, Query query)
    {
        Query one = new() { Source = query.Source, Limit = 1 };
        bool HasEntries(Query some) => view.Index.Find(some).Entries.Count > 0;
        if (query.Source is { } source && !config.Sources.ContainsKey(source) && !HasEntries(one))
            throw Unknown("a source", source, "sources are", config.Sources.Keys);
        if (query.Table is { } table && !IsProtected(config, query.Source, query.Schema, table)
            && !HasEntries(one with { Schema = query.Schema, Table = table }))
        {
            ProtectedTables.Find(config, query.Source, query.Schema, table);
        }
        if (query.Column is not { } column || HasEntries(one with { Schema = query.Schema, Table = query.Table, Column = column })) return;
        string[] columns =
        [
            .. from protectedSource in config.Sources
               where query.Source is null || protectedSource.Key == query.Source
               from protectedTable in protectedSource.Value.Protection.Tables
               where IsNamed(protectedTable, query.Schema, query.Table)
               from known in protectedTable.Columns
               select known.Name,
        ];
        if (!columns.Contains(column)) throw Unknown("a protected column", column, "protected are", columns.Distinct());
    }

    private static IndelibleException Unknown(string expected, string found, string are, IEnumerable<string> known) =>
        new(ExitCode.Usage, $"expected {expected}, found none called {found}; {are}: {(known.Any() ? string.Join(", ", known) : "none")}");

    /// <summary>The row of a protected table.</summary>
    public static RowQuery Of(LedgerView view, string source, ProtectedTable table, IReadOnlyList<string> key)
    {
        RelationId relation = new(source, table.Id);
        return RowKeys.NeedsToken(table, key)
            ? new RowQuery(new Query { Relation = relation, KeyToken = TokenOf(view, relation, key) })
            : new RowQuery(new Query { Relation = relation, Key = key });
    }

    private static bool IsProtected(IndelibleConfig config, string? source, string? schema, string table) =>
        config.Sources.Any(one => (source is null || one.Key == source)
            && one.Value.Protection.Tables.Any(candidate => IsNamed(candidate, schema, table)));

    private static bool IsNamed(ProtectedTable table, string? schema, string? name) =>
        (name is null || table.Name == name) && (schema is null || table.Schema == schema);

    /// <summary>The newest entry that names a row of the table; null if there is none.</summary>
    private static EntryHeader? Remembered(LedgerView view, string? source, string? schema, string table)
    {
        Page page = view.Index.Find(new Query { Source = source, Schema = schema, Table = table, Limit = LookBackMax });
        return page.Entries.Select(index => view.Entry(index).Header).FirstOrDefault(header => header.Key is not null);
    }

    private static byte[] TokenOf(LedgerView view, RelationId relation, IReadOnlyList<string> key)
    {
        byte[] token = new byte[Keyring.RowKeyTokenSize];
        view.Keyring.RowKeyToken(relation.Source, relation.Id, key, token);
        return token;
    }
}
