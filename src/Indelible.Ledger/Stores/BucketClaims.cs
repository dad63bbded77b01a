using System.Globalization;
using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Stores;

/// <summary>Which head follows another, where two processes may write and the storage refuses neither. Whoever wants to show a head after the one of size P
/// stores it as <c>claims/P</c> first. The storage keeps every version of that name, in an order that is the same for everybody: the oldest one that the
/// ledger's key signed is the head that follows, and whoever stored another one has lost.</summary>
/// <remarks>A claimed head is shown by anybody who finds it: everything it covers was stored before it was claimed. docs/decisions/0020-a-ledger-in-a-bucket.md.</remarks>
internal sealed class BucketClaims(Bucket bucket)
{
    /// <summary>What their paths begin with.</summary>
    public const string Directory = "claims/";

    private static string PathAfter(long? size) => size is { } after ? string.Create(CultureInfo.InvariantCulture, $"{Directory}{after:D19}") : Directory + "first";

    /// <summary>The head that follows the one of a size; null if none was claimed.</summary>
    /// <param name="after">Size of the head before it; null: it is the first.</param>
    /// <param name="sizeOf">Tree size of a checkpoint of the ledger; null for what is none.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<byte[]?> FindAsync(long? after, HeadSize sizeOf, CancellationToken cancellationToken)
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
            if (content is not null && sizeOf(content) is { } size && (after is null || size > after)) return content;
        }
        return null;
    }

    /// <summary>Claims a head, and gives the one that follows: this one, or another that was claimed before.</summary>
    public async Task<byte[]> ClaimAsync(long? after, ReadOnlyMemory<byte> checkpoint, DateTimeOffset? lockedUntil, HeadSize sizeOf, CancellationToken cancellationToken)
    {
        await bucket.PutAsync(PathAfter(after), checkpoint, lockedUntil, onlyNew: true, cancellationToken);
        return await FindAsync(after, sizeOf, cancellationToken)
            ?? throw new IndelibleException(ExitCode.Environment, $"{bucket.Options.Place}: {PathAfter(after)}: expected the claim that was stored a moment ago, found none: the storage does not show what it stored");
    }
}
