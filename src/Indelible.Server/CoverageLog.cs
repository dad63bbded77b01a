using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Seals, at intervals, that a source was read without a break. Owned by the source's making loop.</summary>
/// <param name="maker">Makes the entries.</param>
/// <param name="last">What was covered last; its end is where the next begins.</param>
/// <param name="isFirst">True for a source that has no coverage entry yet: the first is due at once,
/// because it says which timeline was read.</param>
/// <param name="interval">Between entries.</param>
/// <param name="time">The clock.</param>
internal sealed class CoverageLog(EntryMaker maker, Coverage last, bool isFirst, TimeSpan interval, TimeProvider time)
{
    private bool _isFirst = isFirst;
    private Coverage _last = last;
    private long _sealedAt = time.GetTimestamp();

    /// <summary>Adds a coverage entry to a batch that is about to be sealed, if one is due and the batch ends where all before it was
    /// delivered whole.</summary>
    /// <param name="entries">Receives it.</param>
    /// <param name="deliveredTo">Everything up to here was delivered whole.</param>
    public void AddWhenDue(EntryBatch entries, Lsn deliveredTo)
    {
        if (_isFirst || time.GetElapsedTime(_sealedAt) >= interval) Add(entries, deliveredTo);
    }

    /// <summary>Adds a coverage entry unless it would cover nothing new.</summary>
    public void Add(EntryBatch entries, Lsn deliveredTo)
    {
        if (deliveredTo <= _last.To) return;
        _last = _last with { From = _last.To, To = deliveredTo };
        maker.AddCoverage(entries, _last);
        (_isFirst, _sealedAt) = (false, time.GetTimestamp());
    }

    /// <summary>The newest published coverage entry of a source; null if there is none.</summary>
    public static Coverage? Newest(LedgerView view, string source) =>
        view.NewestFirst(source, EntryKind.Coverage).FirstOrDefault()?.Coverage;
}
