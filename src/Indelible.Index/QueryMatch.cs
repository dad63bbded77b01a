using Indelible.Format.Entries;

namespace Indelible.Index;

/// <summary>Whether an entry is what a query asks for, by the entry alone. The index only says where to look.</summary>
public static class QueryMatch
{
    /// <summary>True if it is; <see cref="Query.ValueToken"/> apart, which takes keys to check.</summary>
    public static bool Of(Query query, Entry entry)
    {
        EntryHeader header = entry.Header;
        return IsOfKind(query, header) && IsOfTime(query, header) && IsBy(query, header.Operator)
            && IsIn(query, header) && IsOfRow(query, header)
            && (query.Column is not { } column || entry.Fields.Any(field => field.Scope == FieldScope.Column && field.Name == column));
    }

    private static bool IsOfKind(Query query, EntryHeader header) =>
        (query.Kind is not { } kind || header.Kind == kind)
        && (query.Operation is not { } operation || header.Operation == operation)
        && (query.Transaction is not { } transaction || header.TransactionId == transaction)
        && (query.Source is not { } source || header.Source == source)
        && (!query.IsKeyChange || header.PreviousKey is not null);

    private static bool IsOfTime(Query query, EntryHeader header) =>
        (query.Since is not { } since || EntryTerms.TimeOf(header) >= since)
            && (query.Until is not { } until || EntryTerms.TimeOf(header) < until);

    private static bool IsBy(Query query, Operator? who) =>
        (query.Grade is not { } grade || who?.Grade == grade)
        && (query.Operator is not { } name || (who is not null && (who.Id == name || who.SessionUser == name || who.LoginRole == name)));

    private static bool IsIn(Query query, EntryHeader header) =>
        (query.Table is not { } table || header.Relation?.Name == table)
        && (query.Schema is not { } schema || header.Relation?.Schema == schema)
        && (query.Relation is not { } relation || IsOf(relation, header));

    private static bool IsOfRow(Query query, EntryHeader header)
    {
        bool isTruncation = header.Operation == Operation.Truncate;
        if (query.TruncatedLeaf is { } leaf && !(isTruncation && (header.Relation?.Leaf is not { } ended || ended == leaf))) return false;
        if (query.Key is null && query.KeyToken is null) return true;
        return (isTruncation && !query.IsRowOnly) || Names(query, header.Key) || Names(query, header.PreviousKey);
    }

    /// <summary>True if the key is that of the row a query asks for.</summary>
    public static bool Names(Query row, RowKey? key) => key is not null && (row.KeyToken is { } token
        ? key.Token.Span.SequenceEqual(token)
        : row.Key is { } values && key.Token.IsEmpty && key.Columns.Select(column => column.Value).SequenceEqual(values));

    private static bool IsOf(RelationId relation, EntryHeader header) => header.Relation?.Id == relation.Id
        && (header.Source ?? "") == relation.Source;
}
