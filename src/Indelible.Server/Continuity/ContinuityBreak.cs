using Indelible.Capture;
using Indelible.Format;

namespace Indelible.Server.Continuity;

/// <summary>A change that does not follow from what the ledger holds: somebody changed the row where the record could not see it.</summary>
/// <param name="ChangeIndex">The change, by its place in the batch.</param>
/// <param name="Change">The change.</param>
/// <param name="What">What does not fit, in words; never a value.</param>
/// <param name="Columns">The columns that do not fit, separated by commas; empty if it is the row itself.</param>
/// <param name="Held">Where the ledger has the row's last values from; none if it holds no such row.</param>
internal sealed record ContinuityBreak(int ChangeIndex, CapturedChange.Row Change, string What, string Columns, Lsn Held)
{
    /// <summary>Breaks of the same batch that are not told one by one.</summary>
    public long More { get; init; }
}

/// <summary>A batch held against what the ledger knew.</summary>
/// <param name="Breaks">What did not fit, in the order of the changes.</param>
/// <param name="Rows">What the rows hold after it; to be applied once it is sealed.</param>
/// <param name="Number">Counts batches; what is pending is dropped by it.</param>
internal sealed record CheckedBatch(IReadOnlyList<ContinuityBreak> Breaks, Index.RowChanges Rows, long Number)
{
    /// <summary>How many changes did not fit.</summary>
    public long BreakCount => Breaks.Count + (Breaks.Count > 0 ? Breaks[^1].More : 0);
}
