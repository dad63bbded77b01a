using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Testing;

/// <summary>Compares what an index finds with what the entries themselves say, entry by entry.</summary>
public static class IndexCheck
{
    private const int PageLimit = 5000;
    /// <summary>Rows and transactions asked for, evenly over the ledger: all of them would take the square of its size.</summary>
    private const int SampleMax = 150;

    /// <summary>Throws <see cref="LedgerCheckException"/> unless the index reaches to the end, and finds for every kind, operation, grade,
    /// source, column, operator and table, and for a sample of rows and transactions, exactly the entries that are so.</summary>
    /// <param name="directory">The index; nobody has it open.</param>
    /// <param name="origin">The ledger's.</param>
    /// <param name="bytes">All entries of the ledger.</param>
    /// <returns>Queries compared.</returns>
    public static int All(string directory, string origin, IReadOnlyList<byte[]> bytes)
    {
        Entry[] entries = [
            .. bytes.Select((entry, at) => EntryCodec.Decode(entry, out Entry decoded) == EntryFault.None
                ? decoded
                : throw new LedgerCheckException($"entry {at} does not decode"))];
        using LedgerIndex index = LedgerIndex.Open(directory, origin);
        if (index.IndexedSize != entries.Length)
            throw new LedgerCheckException($"the index reaches to {index.IndexedSize} of {entries.Length} entries");
        HashSet<Query> queries = [.. Queries(entries)];
        foreach (Query query in queries) Compare(index, query, entries);
        return queries.Count;
    }

    private static void Compare(LedgerIndex index, Query query, Entry[] entries)
    {
        List<long> found = [];
        for (string? after = null; ;)
        {
            Page page = index.Find(query with { OldestFirst = true, Limit = PageLimit, After = after });
            found.AddRange(page.Entries);
            if ((after = page.Next) is null) break;
        }
        IEnumerable<long> expected = entries.Index().Where(entry => QueryMatch.Of(query, entry.Item)).Select(entry => (long)entry.Index);
        if (!expected.SequenceEqual(found))
        {
            throw new LedgerCheckException(
                $"the index finds {found.Count} entries, the ledger has {expected.Count()} or others, for {query} "
                    + $"{string.Join(", ", query.Key ?? [])}");
        }
    }

    private static IEnumerable<Query> Queries(Entry[] entries)
    {
        foreach (EntryHeader header in entries.Select(entry => entry.Header))
        {
            yield return new Query { Kind = header.Kind };
            if (header.Source is { } source) yield return new Query { Source = source };
            if (header.Operation is { } operation) yield return new Query { Operation = operation };
            if (header.Operator is { } who) yield return new Query { Grade = who.Grade };
            if (header.Operator?.SessionUser is { } user) yield return new Query { Operator = user };
            if (header.Relation is { } relation)
                yield return new Query { Relation = RelationOf(header, relation), Since = entries[entries.Length / 2].Header.SealedAt };
        }
        foreach (string column in entries.SelectMany(entry => entry.Fields).Where(field => field.Scope == FieldScope.Column)
            .Select(field => field.Name).Distinct()) yield return new Query { Column = column };
        EntryHeader[] rows = [.. entries.Select(entry => entry.Header).Where(header => header.Key is { Token.IsEmpty: true })];
        for (int i = 0; i < rows.Length; i += (rows.Length / SampleMax) + 1)
        {
            yield return new Query { Relation = RelationOf(rows[i], rows[i].Relation!),
                Key = [.. rows[i].Key!.Columns.Select(column => column.Value)] };
            if (rows[i].TransactionId is { } transaction) yield return new Query { Transaction = transaction };
        }
    }

    private static RelationId RelationOf(EntryHeader header, Relation relation) => new(header.Source ?? "", relation.Id);
}
