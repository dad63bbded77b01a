using System.Globalization;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server.Succeeding;

/// <summary>The life of a row over a chain of ledgers.</summary>
/// <param name="closed">The closed ledgers.</param>
/// <param name="current">The one that goes on.</param>
/// <param name="rowOf">How a ledger is asked for the row.</param>
public sealed class ChainHistory(ClosedLedgers closed, LedgerView current, Func<LedgerView, Query> rowOf)
{
    private readonly IReadOnlyList<LedgerView> _ledgers = [.. closed.Members.Select(member => member.View).OfType<LedgerView>(), current];

    /// <summary>A page, oldest first, through all ledgers at hand.
    /// The cursor says the ledger, counted from the oldest that is configured, and the place in it.</summary>
    /// <param name="column">As for <see cref="RowTrail.Page"/>.</param>
    /// <param name="limit">Most entries on the page.</param>
    /// <param name="after">Cursor of the page before; null: from the beginning.</param>
    /// <returns>The page, and whether the row had more keys than are followed.</returns>
    public (TrailPage Page, bool IsCut) Page(string? column, int limit, string? after)
    {
        (int at, string? place) = Parse(after);
        List<IndexedEntry> entries = [];
        bool isCut = false;
        for (; at < _ledgers.Count; at++, place = null)
        {
            if (entries.Count == limit) return (new TrailPage(entries, Cursor(at, "-1")), isCut);
            RowTrail trail = new(_ledgers[at], rowOf(_ledgers[at]));
            TrailPage page = trail.Page(column, limit - entries.Count, place == "-1" ? null : place);
            entries.AddRange(page.Entries);
            isCut |= trail.IsCut;
            if (page.Next is { } next) return (new TrailPage(entries, Cursor(at, next)), isCut);
        }
        return (new TrailPage(entries, null), isCut);
    }

    /// <summary>What the row held at a time, and the ledger that says so: the newest that had begun then,
    /// or whose source changed the row by then.</summary>
    public (RowState State, LedgerView Ledger) AsOf(MicroTime at)
    {
        for (int i = _ledgers.Count - 1; i > 0; i--)
        {
            LedgerView ledger = _ledgers[i];
            if (ledger.Entry(0).Header.SealedAt > at && !ChangedBy(ledger, at)) continue;
            return (RowState.Of(ledger, rowOf(ledger),
                (_, header) => ClosedLedgers.IsRestated(header) || (header.CommittedAt ?? header.SealedAt) <= at), ledger);
        }
        return (RowState.AsOf(_ledgers[0], rowOf(_ledgers[0]), at), _ledgers[0]);
    }

    /// <summary>What was committed before the rotation and sealed after it.</summary>
    private bool ChangedBy(LedgerView ledger, MicroTime at)
    {
        RowWalk walk = new(ledger, rowOf(ledger));
        while (walk.Next() is { } step)
        {
            if (step.Header.Kind == EntryKind.Change && step.Header.CommittedAt <= at) return true;
        }
        return false;
    }

    private string Cursor(int ledger, string place) => ledger == _ledgers.Count - 1 && place != "-1"
        ? place
        : string.Create(CultureInfo.InvariantCulture, $"{ledger}:{place}");

    private (int Ledger, string? Place) Parse(string? cursor)
    {
        if (cursor is null) return (0, null);
        int colon = cursor.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0) return (_ledgers.Count - 1, cursor);
        return int.TryParse(cursor.AsSpan(0, colon), NumberStyles.None, CultureInfo.InvariantCulture, out int ledger)
            && ledger < _ledgers.Count
            ? (ledger, cursor[(colon + 1)..])
            : throw new IndelibleException(ExitCode.Usage, $"--after: expected a cursor as the previous page printed it, found '{cursor}'");
    }
}
