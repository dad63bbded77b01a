using System.Globalization;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Stores;

/// <summary>The heads of a copy in a bucket: <c>checkpoints/&lt;size&gt;</c>, each locked, and <c>checkpoint</c>,
/// a pointer that anybody who may write can change.</summary>
internal static class BucketHeads
{
    /// <summary>Where the locked head of a size is; in the order of sizes, so that those beyond one are listed with one request.</summary>
    public static string PathOf(long size) => string.Create(CultureInfo.InvariantCulture, $"checkpoints/{size:D19}");

    /// <summary>The newest head that is the ledger's own; the pointer, whatever it is, if there is none;
    /// null if there is no pointer either.</summary>
    /// <param name="bucket">The bucket.</param>
    /// <param name="sizeOf">Tree size of a checkpoint of the ledger; null for what is none.</param>
    /// <param name="strange">Told what is there and should not be.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<ReadOnlyMemory<byte>?> NewestAsync(
        Bucket bucket, HeadSize sizeOf, Action<string> strange, CancellationToken cancellationToken)
    {
        byte[]? pointer = await bucket.ReadAsync(LedgerFiles.Checkpoint, null, SignedNote.LengthMax, cancellationToken);
        long? known = pointer is null ? null : sizeOf(pointer);
        if (pointer is not null && known is null) strange($"{LedgerFiles.Checkpoint}: is not a checkpoint of this ledger; passed over");
        byte[]? newest = known is null ? null : pointer;
        await foreach ((ObjectVersion version, byte[] content) in BeyondAsync(bucket, known, cancellationToken))
        {
            if (sizeOf(content) is not { } size || PathOf(size) != version.Path)
                strange($"{version.Path}: version {version.Id} is not the checkpoint of that size; passed over");
            else if (known is null || size > known) (known, newest) = (size, content);
        }
        if (newest is not null && newest != pointer)
        {
            string found = pointer is null ? "none" : "an older one or something else";
            strange($"{LedgerFiles.Checkpoint}: expected the newest head, of size {known}, found {found}: "
                + "it was put back or removed, or the writer died in between");
        }
        return (newest ?? pointer) is { } head ? (ReadOnlyMemory<byte>?)head : null;
    }

    /// <summary>Every version of every locked head beyond a size, the oldest of each first, and what it holds.</summary>
    public static async IAsyncEnumerable<(ObjectVersion Version, byte[] Content)> BeyondAsync(
        Bucket bucket, long? size, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        List<ObjectVersion> found = [];
        await foreach (ObjectVersion version in bucket.VersionsAsync(
            "checkpoints/", size is { } after ? PathOf(after) : null, deep: true, cancellationToken))
        {
            if (!version.IsMarker && version.Length <= SignedNote.LengthMax) found.Add(version);
        }
        foreach (ObjectVersion version in found.GroupBy(version => version.Path).SelectMany(versions => versions.Reverse()))
        {
            if (await bucket.ReadAsync(version.Path, version.Id, SignedNote.LengthMax, cancellationToken) is { } content)
                yield return (version, content);
        }
    }
}

/// <summary>Tree size of a signed checkpoint of one ledger; null for anything else.</summary>
public delegate long? HeadSize(ReadOnlyMemory<byte> checkpoint);

/// <summary>Told that a handover to another signing key is there.
/// Throws where the ledger's writer does not have that key and so must stop.</summary>
public delegate Task HandoverSeen(Handover handover, CancellationToken cancellationToken);
