using System.Globalization;
using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Stores;

/// <summary>Which head follows another, where two processes may write and the storage refuses neither.
/// Whoever wants to show a head after the one of size P stores it as <c>claims/P</c> first.
/// The storage keeps every version of that name, in an order that is the same for everybody:
/// the oldest one that the ledger's key signed is the head that follows, and whoever stored another one has lost.</summary>
/// <remarks>A claimed head is shown by anybody who finds it: everything it covers was stored before it was claimed.
/// What gives the ledger another signing key is claimed in the same place,
/// so that of a head and a handover the first one counts, too. docs/decisions/0020-a-ledger-in-a-bucket.md.</remarks>
internal sealed class BucketClaims(Bucket bucket)
{
    /// <summary>What their paths begin with.</summary>
    public const string Directory = "claims/";

    private static string PathAfter(long? size) => size is { } after
        ? string.Create(CultureInfo.InvariantCulture, $"{Directory}{after:D19}")
        : Directory + "first";

    /// <summary>The head that follows the one of a size; null if none was claimed.</summary>
    /// <param name="after">Size of the head before it; null: it is the first.</param>
    /// <param name="sizeOf">Tree size of a checkpoint of the ledger; null for what is none.</param>
    /// <param name="handedOver">Told each handover at that size before the head: what it makes the ledger's key is what
    /// <paramref name="sizeOf"/> goes by from then on.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<byte[]?> FindAsync(long? after, HeadSize sizeOf, HandoverSeen handedOver, CancellationToken cancellationToken)
    {
        string path = PathAfter(after);
        List<ObjectVersion> found = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(path, null, deep: true, cancellationToken))
        {
            if (version.Path == path && !version.IsMarker && version.Length <= SignedNote.LengthMax) found.Add(version);
        }
        for (int i = found.Count - 1; i >= 0; i--)
        {
            byte[]? content = await bucket.ReadAsync(path, found[i].Id, SignedNote.LengthMax, cancellationToken);
            if (content is null) continue;
            if (Handover.Parse(content, out Handover? handover).IsNone && handover!.Checkpoint.Size == after)
                await handedOver(handover, cancellationToken);
            else if (sizeOf(content) is { } size && (after is null || size > after)) return content;
        }
        return null;
    }

    /// <summary>Claims a head, and gives the one that follows: this one, or another that was claimed before.</summary>
    public async Task<byte[]> ClaimAsync(long? after, ReadOnlyMemory<byte> checkpoint, DateTimeOffset? lockedUntil, HeadSize sizeOf,
        HandoverSeen handedOver, CancellationToken cancellationToken)
    {
        await StoreAsync(after, checkpoint, lockedUntil, cancellationToken);
        return await FindAsync(after, sizeOf, handedOver, cancellationToken)
            ?? throw new IndelibleException(ExitCode.Environment,
                $"{bucket.Options.Place}: {PathAfter(after)}: expected the claim that was stored a moment ago, found none: "
                    + "the storage does not show what it stored");
    }

    /// <summary>Stores a claim to follow the head of a size: a head, or a handover at that size.
    /// What follows is told by <see cref="FindAsync"/>.</summary>
    public Task StoreAsync(
        long? after, ReadOnlyMemory<byte> checkpoint, DateTimeOffset? lockedUntil, CancellationToken cancellationToken) =>
        bucket.PutAsync(PathAfter(after), checkpoint, lockedUntil, onlyNew: true, cancellationToken);
}
