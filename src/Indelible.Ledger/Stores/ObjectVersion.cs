namespace Indelible.Ledger.Stores;

/// <summary>One version of an object, or a delete marker, as a listing shows it.</summary>
/// <param name="Path">Below the prefix.</param>
/// <param name="Id">The storage's name for it.</param>
/// <param name="ETag">What the storage says of the content: its MD5, mostly. A hint.</param>
/// <param name="Length">Bytes.</param>
/// <param name="At">When it was written, by the storage's clock.</param>
/// <param name="IsMarker">True for a delete marker.</param>
internal sealed record ObjectVersion(string Path, string Id, string ETag, long Length, DateTimeOffset At, bool IsMarker)
{
    /// <summary>True if the storage says that both hold the same.</summary>
    public bool LooksLike(ObjectVersion other) => !IsMarker && !other.IsMarker && ETag == other.ETag && Length == other.Length;
}
