using Indelible.Capture;
using Indelible.Format;
using Indelible.Server.Continuity;

namespace Indelible.Server.Comparing;

/// <summary>A copy of somebody else's ledger that grows: followed until its coverage entries reach.
/// Index and row images are this machine's own, made from the copy.</summary>
/// <param name="view">The copy.</param>
/// <param name="source">Short name of the source.</param>
/// <param name="protection">What is protected.</param>
/// <param name="follow">Makes the copy grow, if it does not by itself.</param>
/// <param name="time">The clock.</param>
/// <param name="progress">Told what is waited for.</param>
internal sealed class FollowedReach(LedgerView view, string source, Protection protection, Func<CancellationToken, Task> follow,
    TimeProvider time, Action<string> progress) : ILedgerReach
{
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);
    /// <summary>How long the copy may stand still: its ledger seals coverage once a minute, unless told otherwise.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);

    /// <summary>How long the copy may stand still.</summary>
    public TimeSpan StillMax { get; init; } = Patience;

    /// <inheritdoc/>
    public async Task<string?> ReachAsync(Lsn position, CancellationToken cancellationToken)
    {
        long size = -1, grewAt = time.GetTimestamp();
        while (true)
        {
            await follow(cancellationToken);
            await view.Feed.CatchUpAsync(cancellationToken);
            new RowImageCatchUp(view, source, protection).Run(cancellationToken);
            Lsn covered = CoverageLog.Newest(view, source)?.To ?? Lsn.None;
            if (covered >= position) return null;
            if (view.Index.IndexedSize > size) (size, grewAt) = (view.Index.IndexedSize, time.GetTimestamp());
            if (time.GetElapsedTime(grewAt) > StillMax)
            {
                return $"the copy covers the source's log up to {covered}, not to {position}, "
                    + $"and has not grown for {StillMax.TotalSeconds} s; bring it up to date";
            }
            progress($"waiting for the copy to grow: it covers {covered}, {position} is needed");
            await Task.Delay(Glance, time, cancellationToken);
        }
    }
}
