using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>What one change of a row, or one reading of it, says: an entry, or all the parts of one that was too long.</summary>
/// <param name="Parts">The newest part first; never empty.</param>
internal sealed record RowStep(IReadOnlyList<(long Index, Entry Entry)> Parts)
{
    /// <summary>Header of the newest part; the others differ in part number and nonce only.</summary>
    public EntryHeader Header => Parts[0].Entry.Header;
    /// <summary>The newest part.</summary>
    public long Index => Parts[0].Index;
    /// <summary>The oldest part.</summary>
    public long FirstIndex => Parts[^1].Index;
}

/// <summary>Goes through the entries about a row from the newest back, following it through changes of its key.
/// Believes the entries, not the index.</summary>
internal sealed class RowWalk
{
    private const int FirstPageLimit = 4;
    private const int PageLimit = 64;

    private readonly LedgerView _view;
    private Query _query;
    private Queue<long> _page = new();
    private bool _isLast;

    /// <param name="view">The ledger.</param>
    /// <param name="row">Matches every entry about the row.</param>
    public RowWalk(LedgerView view, Query row)
    {
        (_view, Row) = (view, row);
        _query = row with { OldestFirst = false, Limit = FirstPageLimit };
    }

    /// <summary>The row as it is followed now; another object once its key was another.</summary>
    public Query Row { get; private set; }

    /// <summary>The next older change or reading; null if there is none.</summary>
    public RowStep? Next()
    {
        if (NextEntry() is not { } newest) return null;
        List<(long Index, Entry Entry)> parts = [newest];
        while (HasPage() && _page.Peek() == parts[^1].Index - 1 && _view.Entry(_page.Peek()) is var older
            && IsPartOfOne(older.Header, newest.Entry.Header))
        {
            parts.Add((_page.Dequeue(), older));
        }
        return new RowStep(parts);
    }

    private (long Index, Entry Entry)? NextEntry()
    {
        while (HasPage())
        {
            long index = _page.Dequeue();
            Entry entry = _view.Entry(index);
            EntryHeader header = entry.Header;
            if (IsIn(header) && (header.Operation == Operation.Truncate || IsAbout(header.Key) || IsAbout(header.PreviousKey)))
                return (index, entry);
        }
        return null;
    }

    /// <summary>Parts stand side by side. Those of a change have one position; those of a reading have none,
    /// and one snapshot shows a row once.</summary>
    private static bool IsPartOfOne(EntryHeader one, EntryHeader other) =>
        one.Kind == other.Kind && one.Operation == other.Operation && one.Snapshot == other.Snapshot && one.Relation == other.Relation
        && one.Position?.CommitLsn == other.Position?.CommitLsn && one.Position?.Ordinal == other.Position?.Ordinal
        && one.Key is { } key && other.Key is { } same && IsSame(key, same);

    /// <summary>Goes on with the row under its earlier key, before an entry.</summary>
    public void Follow(RowKey previous, long below)
    {
        Row = Row with
        {
            Key = previous.Token.IsEmpty ? [.. previous.Columns.Select(column => column.Value)] : null,
            KeyToken = previous.Token.IsEmpty ? null : previous.Token.ToArray(),
            After = below.ToString(CultureInfo.InvariantCulture),
        };
        _query = Row with { OldestFirst = false, Limit = PageLimit };
        _page.Clear();
        _isLast = false;
    }

    /// <summary>True if a key is that of the row as it is followed now.</summary>
    public bool IsAbout(RowKey? key) => key is not null && (Row.KeyToken is { } token
        ? key.Token.Span.SequenceEqual(token)
        : key.Token.IsEmpty && key.Columns.Select(column => column.Value).SequenceEqual(Row.Key ?? []));

    private static bool IsSame(RowKey one, RowKey other) =>
        one.Token.Span.SequenceEqual(other.Token.Span)
            && one.Columns.Select(column => column.Value).SequenceEqual(other.Columns.Select(column => column.Value));

    private bool IsIn(EntryHeader header) =>
        header.Relation is { } relation && Row.Relation == new RelationId(header.Source ?? "", relation.Id);

    private bool HasPage()
    {
        if (_page.Count > 0 || _isLast) return _page.Count > 0;
        Page page = _view.Index.Find(_query);
        _page = new Queue<long>(page.Entries);
        _isLast = page.Next is null;
        _query = _query with { After = page.Next, Limit = PageLimit };
        return _page.Count > 0;
    }
}
