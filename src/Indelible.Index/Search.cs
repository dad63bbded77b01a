using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>One query at work: walks the posting lists in step until they agree, then asks for the time. One thread.</summary>
internal sealed class Search : IDisposable
{
    /// <summary>Each of these lists must hold an entry; a list of several holds what any of them holds.</summary>
    private readonly List<PostingList[]> _lists = [];
    private readonly Snapshot _snapshot;
    private readonly TimeFilter _time;
    private readonly bool _ascending;
    private readonly long _size;

    public Search(RocksDb database, Query query, long size)
    {
        List<Term[]> wanted = [.. TermsOf(query)];      // refuses what cannot be asked, before anything is held
        _snapshot = database.NewSnapshot();
        _ascending = query.OldestFirst;
        _size = size;
        _time = new TimeFilter(database, query.Since, query.Until);
        foreach (Term[] terms in wanted) _lists.Add([.. terms.Select(term => new PostingList(database, _snapshot, term))]);
    }

    /// <summary>The nearest match from <paramref name="index"/> on in the direction of travel, or <see cref="PostingList.None"/>.</summary>
    public long Next(long index)
    {
        while (index >= 0 && index < _size)
        {
            long agreed = Agree(index);
            if (agreed == PostingList.None || agreed >= _size) return PostingList.None;
            if (_time.Accepts(agreed, _ascending, out long skipTo)) return agreed;
            index = skipTo;
        }
        return PostingList.None;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (PostingList list in _lists.SelectMany(lists => lists)) list.Dispose();
        _snapshot.Dispose();
    }

    /// <summary>What a match must have: of each of these any term.</summary>
    public static IEnumerable<Term[]> TermsOf(Query query)
    {
        if (query.ValueToken is { } value) yield return [Term.Value(value)];
        if (query.Key is { } key) yield return RowOf(query, Term.Row(RelationOf(query), key));
        if (query.KeyToken is { } token) yield return RowOf(query, Term.RowToken(RelationOf(query), token));
        if (query.IsKeyChange) yield return [Term.KeyChange()];
        if (query.TruncatedLeaf is { } leaf) yield return TruncationsOf(RelationOf(query), leaf);
        if (query.Transaction is { } transaction) yield return [Term.Transaction(transaction)];
        if (query.Operator is { } name) yield return [Term.Operator(name)];
        if (query.Grade is { } grade) yield return [Term.Grade(grade)];
        if (query.Column is { } column) yield return [Term.Column(column)];
        if (query is { Relation: { } relation, Key: null, KeyToken: null, TruncatedLeaf: null }) yield return [Term.Relation(relation)];
        if (query.Table is { } table) yield return [Term.Table(table)];
        if (query.Schema is { } schema) yield return [Term.Schema(schema)];
        if (query.Operation is { } operation) yield return [Term.Operation(operation)];
        if (query.Source is { } source) yield return [Term.Source(source)];
        if (query.Kind is { } kind) yield return [Term.Kind(kind)];
    }

    private static Term[] RowOf(Query query, Term row) => query.IsRowOnly ? [row] : [row, Term.TruncationOf(RelationOf(query))];

    private static Term[] TruncationsOf(RelationId relation, string leaf) =>
        leaf.Length == 0 ? [Term.TruncationOf(relation, "")] : [Term.TruncationOf(relation, ""), Term.TruncationOf(relation, leaf)];

    private static RelationId RelationOf(Query query) =>
        query.Relation ?? throw new ArgumentException("a query by key needs the relation", nameof(query));

    /// <summary>The nearest entry that every list holds.</summary>
    private long Agree(long index)
    {
        for (int agreeing = 0, i = 0; agreeing < _lists.Count; i = (i + 1) % _lists.Count)
        {
            long found = Nearest(_lists[i], index);
            if (found == PostingList.None) return PostingList.None;
            agreeing = found == index ? agreeing + 1 : 1;
            index = found;
        }
        return index;
    }

    private long Nearest(PostingList[] any, long index)
    {
        long best = PostingList.None;
        foreach (PostingList list in any)
        {
            long found = _ascending ? list.AtLeast(index) : list.AtMost(index);
            if (found == PostingList.None) continue;
            if (best == PostingList.None || (_ascending ? found < best : found > best)) best = found;
        }
        return best;
    }
}
