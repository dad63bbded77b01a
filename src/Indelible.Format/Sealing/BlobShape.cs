namespace Indelible.Format.Sealing;

/// <summary>How a blob's ciphertext is cut: 1 MiB of plaintext and a 16-byte tag each, the last one shorter.
/// docs/format.md#blobs.</summary>
internal static class BlobShape
{
    public const int ChunkLength = 1 << 20;
    public const int TagLength = 16;
    private const int SealedChunkLength = ChunkLength + TagLength;

    /// <summary>Chunks of a plaintext of this many bytes; from 1.</summary>
    public static long ChunkCount(long plainLength) => (plainLength + ChunkLength - 1) / ChunkLength;

    public static long SealedLength(long plainLength) => plainLength + (ChunkCount(plainLength) * TagLength);

    /// <summary>Length of the plaintext in a ciphertext of this many bytes; -1 if no sealer writes such a length.</summary>
    public static long PlainLength(ulong sealedLength)
    {
        if (sealedLength > (ulong)SealedLength(Padding.SizeFor(Entries.EntryLimits.BlobValueLengthMax))) return -1;
        long chunks = ((long)sealedLength + SealedChunkLength - 1) / SealedChunkLength;
        long plain = (long)sealedLength - (chunks * TagLength);
        bool isOurs = plain >= Padding.SizeFor(Entries.EntryLimits.ValueLengthMax + 1) && Padding.IsSize(plain)
            && SealedLength(plain) == (long)sealedLength;
        return isOurs ? plain : -1;
    }
}
