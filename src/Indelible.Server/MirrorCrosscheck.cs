using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Comparing;
using Indelible.Server.Mirroring;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Server;

/// <summary>A crosscheck from another machine: against a copy of the ledger directory, or a ledger that is served,
/// and a copy of the keyring, which nothing is sealed into.
/// Who controls the ledger's host does not control what this one finds.</summary>
public sealed class MirrorCrosscheck : IDisposable
{
    private readonly TimeProvider _time;
    private readonly LedgerFetch? _source;
    private readonly LedgerCopy? _copy;
    private readonly LedgerFollower? _follower;

    /// <summary>Opens a copy that grows by itself; the index is made in a directory of this machine.</summary>
    /// <param name="paths">The copy, and this machine's index and keyring.</param>
    /// <param name="time">The clock.</param>
    public MirrorCrosscheck(LedgerPaths paths, TimeProvider time) =>
        (View, _time) = (LedgerView.Open(paths with { Store = null }, NullLogger.Instance), time);

    private MirrorCrosscheck(LedgerPaths paths, TimeProvider time, LedgerFetch source, LedgerCopy copy, LedgerFollower follower)
        : this(paths with { Ledger = copy.LedgerDirectory }, time) => (_source, _copy, _follower) = (source, copy, follower);

    /// <summary>The copy.</summary>
    public LedgerView View { get; }
    /// <summary>How long the copy may stand still before that is the result; null: five minutes.</summary>
    public TimeSpan? StillMax { get; init; }

    /// <summary>Follows a ledger that is served, as a mirror does, into a copy beside this machine's index:
    /// every entry is verified before it is stored.</summary>
    /// <param name="address">Its http, https or s3 address.</param>
    /// <param name="paths">This machine's index and keyring.</param>
    /// <param name="time">The clock.</param>
    /// <param name="progress">Told how far the copy is.</param>
    /// <param name="cancellationToken">Stops; the next attempt goes on.</param>
    /// <exception cref="IndelibleException">Environment: it cannot be read.
    /// Finding: it is not what its key signed, or less than was seen before.</exception>
    public static async Task<MirrorCrosscheck> FollowAsync(
        string address, LedgerPaths paths, TimeProvider time, Action<string> progress, CancellationToken cancellationToken)
    {
        VerifierKey key;
        using (Keyring keyring = LedgerView.OpenKeyring(paths)) key = keyring.LedgerKeys.Signer.VerifierKey;
        LedgerFetch source = MirroredLedger.SourceOf(address, key, cancellationToken);
        LedgerCopy? copy = null;
        try
        {
            copy = LedgerCopy.Open(paths.Index + "-copy", key);
            LedgerFollower follower = new(copy, source, address, cosigner: null,
                time) { Progress = (at, size) => progress($"{address}: {at} of {size} entries copied") };
            await RoundAsync(follower, address, cancellationToken);
            return new MirrorCrosscheck(paths, time, source, copy, follower);
        }
        catch
        {
            copy?.Dispose();
            source.Dispose();
            throw;
        }
    }

    /// <summary>Compares a source.</summary>
    /// <inheritdoc cref="Crosscheck"/>
    public async Task<CrosscheckReport> RunAsync(
        string source, SourceConfig config, CrosscheckScope scope, bool anew, Action<string> progress, CancellationToken cancellationToken)
    {
        await View.Feed.OpenAsync(cancellationToken);
        FollowedReach reach = StillMax is { } still
            ? new FollowedReach(View, source, config.Protection, FollowAsync, _time, progress) { StillMax = still }
            : new FollowedReach(View, source, config.Protection, FollowAsync, _time, progress);
        SourceComparison comparison =
            new(View, source, config, scope, keepsCells: false, new CrosscheckPace(), reach, progress, _time);
        return await comparison.RunAsync(anew, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        View.Dispose();
        _copy?.Dispose();
        _source?.Dispose();
    }

    /// <summary>Looks whether there is more. An address that does not answer now is asked again:
    /// that the copy stands still is noticed.</summary>
    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        if (_follower is null) return;
        try
        {
            await RoundAsync(_follower, _copy!.Key.Name, cancellationToken);
        }
        catch (IndelibleException e) when (e.ExitCode == ExitCode.Environment)
        {
            return;
        }
    }

    private static async Task RoundAsync(LedgerFollower follower, string address, CancellationToken cancellationToken)
    {
        FollowOutcome outcome = await follower.RoundAsync(cancellationToken);
        if (outcome is FollowOutcome.RolledBack back)
        {
            throw new IndelibleException(ExitCode.Finding,
                $"{address}: expected at least {back.Accepted}, which was seen before, found {back.Found}: "
                    + "it was put back to an earlier state, or an old copy is served");
        }
        if (outcome is FollowOutcome.Misbehaved two)
        {
            throw new IndelibleException(ExitCode.Finding,
                $"{address}: its key signed two histories. The proof is {two.Evidence}: check it with `indelible verify`");
        }
    }
}
