using Indelible.Ledger;
using Indelible.Server.Comparing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Server;

/// <summary>A crosscheck from another machine: against a copy of the ledger directory and of the keyring, which nothing is sealed into. Who controls the ledger's host
/// does not control what this one finds.</summary>
public sealed class MirrorCrosscheck : IDisposable
{
    private readonly TimeProvider _time;

    /// <summary>Opens the copy; the index is made in a directory of this machine.</summary>
    /// <param name="paths">The copy, and this machine's index and keyring.</param>
    /// <param name="time">The clock.</param>
    public MirrorCrosscheck(LedgerPaths paths, TimeProvider time) => (View, _time) = (LedgerView.Open(paths, NullLogger.Instance), time);

    /// <summary>The copy.</summary>
    public LedgerView View { get; }
    /// <summary>How long the copy may stand still before that is the result; null: five minutes.</summary>
    public TimeSpan? StillMax { get; init; }

    /// <summary>Compares a source.</summary>
    /// <inheritdoc cref="Crosscheck"/>
    public async Task<CrosscheckReport> RunAsync(string source, SourceConfig config, CrosscheckScope scope, bool anew, Action<string> progress, CancellationToken cancellationToken)
    {
        await View.Feed.OpenAsync(cancellationToken);
        FollowedReach reach = StillMax is { } still
            ? new FollowedReach(View, source, config.Protection, _time, progress) { StillMax = still }
            : new FollowedReach(View, source, config.Protection, _time, progress);
        return await new SourceComparison(View, source, config, scope, keepsCells: false, new CrosscheckPace(), reach, progress, _time).RunAsync(anew, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => View.Dispose();
}
