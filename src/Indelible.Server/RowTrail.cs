using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>An entry and its index in the ledger.</summary>
public readonly record struct IndexedEntry(long Index, Entry Entry);

/// <summary>A page of a row's life.</summary>
/// <param name="Entries">Oldest first.</param>
/// <param name="Next">Cursor to go on after; null if there is nothing more.</param>
public sealed record TrailPage(IReadOnlyList<IndexedEntry> Entries, string? Next);

/// <summary>The life of a row: every entry under its key, the truncations that ended it, and what it was under earlier keys.</summary>
/// <remarks>A key used again is another row with the same name; both lives are shown, in order.
/// A row that left for another key is not followed there:
/// the entry names the key. Truncations are entries of a table or partition: one belongs to a row only if the row stood there.</remarks>
public sealed class RowTrail
{
    private const int StretchesMax = 64;
    private const int PageLimit = 64;

    private readonly LedgerView _view;
    private readonly RelationId? _relation;
    private readonly List<Stretch> _stretches = [];
    private readonly List<long> _strangers = [];
    private readonly bool _isEverTruncated;

    /// <summary>Finds the keys the row had.</summary>
    /// <param name="view">The ledger.</param>
    /// <param name="row">As <see cref="RowQuery"/> makes it.</param>
    public RowTrail(LedgerView view, Query row)
    {
        (_view, _relation) = (view, row.Relation);
        _isEverTruncated =
            view.Index.Find(new Query { Relation = row.Relation, Operation = Operation.Truncate, Limit = 1 }).Entries.Count > 0;
        Collect(new Stretch(row with { IsRowOnly = true }, -1, long.MaxValue));
    }

    /// <summary>Entries under one key, from behind <paramref name="After"/> to before <paramref name="Before"/>.</summary>
    private sealed record Stretch(Query Row, long After, long Before);

    /// <summary>True if the row had more keys than are followed.</summary>
    public bool IsCut { get; private set; }

    /// <summary>Entries that the index named, so far, though they are not about the row; never shown.</summary>
    public IReadOnlyList<long> Strangers => _strangers;

    /// <summary>A page, oldest first.</summary>
    /// <param name="column">Only entries that touch this column or end the row; null: all.</param>
    /// <param name="limit">Most entries on the page; from 1.</param>
    /// <param name="after">Cursor of the page before; null: from the beginning.</param>
    public TrailPage Page(string? column, int limit, string? after)
    {
        long start = after is null ? -1 : LedgerIndex.ParseCursor(after);
        List<IndexedEntry> page = [];
        foreach (IndexedEntry entry in Merged(start).Where(entry => column is null || Touches(entry.Entry, column)))
        {
            if (page.Count == limit) return new TrailPage(page, page[^1].Index.ToString(CultureInfo.InvariantCulture));
            page.Add(entry);
        }
        return new TrailPage(page, null);
    }

    /// <summary>All entries a query finds, from one index on, a page at a time.</summary>
    internal static IEnumerable<IndexedEntry> Walk(LedgerView view, Query query, long? after, ICollection<long>? strangers = null)
    {
        string? cursor = after is null or < 0 or long.MaxValue ? null : after.Value.ToString(CultureInfo.InvariantCulture);
        do
        {
            Page page = view.Index.Find(query with { Limit = PageLimit, After = cursor });
            foreach (IndexedEntry found in view.Matching(page.Entries, query, strangers)) yield return found;
            cursor = page.Next;
        }
        while (cursor is not null);
    }

    private IEnumerable<IndexedEntry> Walk(Query query, long? after) => Walk(_view, query, after, _strangers);

    private static bool Touches(Entry entry, string column) =>
        entry.Header.Operation is Operation.Truncate || entry.Fields.Any(field => field.Scope == FieldScope.Column && field.Name == column);

    private void Collect(Stretch stretch)
    {
        _stretches.Add(stretch);
        foreach (IndexedEntry change in Walk(stretch.Row with { IsKeyChange = true }, stretch.Before))
        {
            if (change.Index <= stretch.After) return;
            EntryHeader header = change.Entry.Header;
            // it left, or parts of one
            if (!QueryMatch.Names(stretch.Row, header.Key) || QueryMatch.Names(stretch.Row, header.PreviousKey)) continue;
            IsCut |= _stretches.Count == StretchesMax;
            if (IsCut) return;
            Query earlier = For(header.PreviousKey!);
            Collect(new Stretch(earlier, BeginOf(earlier, change.Index), change.Index));
        }
    }

    /// <summary>Index after which a key belonged to the row that had it just before an index.</summary>
    private long BeginOf(Query row, long before)
    {
        long inserted = Newest(row with { Operation = Operation.Insert }, before, static _ => true) - 1;
        long deleted = Newest(row with { Operation = Operation.Delete }, before, static _ => true);
        long left = Newest(row with { IsKeyChange = true }, before,
            header => QueryMatch.Names(row, header.PreviousKey) && !QueryMatch.Names(row, header.Key));
        return Math.Max(inserted, Math.Max(deleted, left));
    }

    /// <summary>-1 if there is none.</summary>
    private long Newest(Query query, long before, Func<EntryHeader, bool> isWanted)
    {
        foreach (IndexedEntry entry in Walk(query, before))
        {
            if (isWanted(entry.Entry.Header)) return entry.Index;
        }
        return -1;
    }

    /// <summary>The stretches in step, each entry once.</summary>
    private IEnumerable<IndexedEntry> Merged(long start)
    {
        PriorityQueue<IEnumerator<IndexedEntry>, long> heads = new();
        foreach (Stretch stretch in _stretches) Advance(heads, Life(stretch, start).GetEnumerator());
        long last = -1;
        while (heads.TryDequeue(out IEnumerator<IndexedEntry>? head, out long index))
        {
            if (index > last) yield return head.Current;
            last = index;
            Advance(heads, head);
        }
    }

    private static void Advance(PriorityQueue<IEnumerator<IndexedEntry>, long> heads, IEnumerator<IndexedEntry> head)
    {
        if (head.MoveNext()) heads.Enqueue(head, head.Current.Index);
        else head.Dispose();
    }

    /// <summary>Entries of a stretch behind <paramref name="start"/>, each truncation that ended the row in its place.</summary>
    private IEnumerable<IndexedEntry> Life(Stretch stretch, long start)
    {
        long known = start < 0 ? -1 : Newest(stretch.Row, start + 1, static _ => true);    // says where the row stood when the page begins
        IndexedEntry? last = null;
        foreach (IndexedEntry entry in Walk(stretch.Row with { OldestFirst = true }, Math.Max(known - 1, stretch.After)))
        {
            if (entry.Index >= stretch.Before) break;
            if (EndOf(stretch.Row, last, entry.Index) is { } end && end.Index > start) yield return end;
            if (entry.Index > start) yield return entry;
            last = entry;
        }
        if (EndOf(stretch.Row, last, stretch.Before) is { } ended && ended.Index > start) yield return ended;
    }

    private IndexedEntry? EndOf(Query row, IndexedEntry? last, long before)
    {
        if (!_isEverTruncated || last is not { } standing) return null;
        EntryHeader header = standing.Entry.Header;
        bool isGone = header.Operation == Operation.Delete || (header.PreviousKey is not null && !QueryMatch.Names(row, header.Key));
        if (isGone) return null;
        Query truncations = new() { Relation = _relation, TruncatedLeaf = header.Relation?.Leaf ?? "", OldestFirst = true };
        foreach (IndexedEntry found in Walk(truncations, standing.Index)) return found.Index < before ? found : null;
        return null;
    }

    /// <summary>The row of the same table that an entry names.</summary>
    private Query For(RowKey key) => new()
    {
        Relation = _relation,
        IsRowOnly = true,
        Key = key.Token.IsEmpty ? [.. key.Columns.Select(column => column.Value)] : null,
        KeyToken = key.Token.IsEmpty ? null : key.Token.ToArray(),
    };
}
