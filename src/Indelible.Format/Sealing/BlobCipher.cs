using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Indelible.Format.Sealing;

/// <summary>Encrypts values too large for an entry, 1 MiB at a time.
/// The nonce counts the chunks and marks the last, so none can be moved, dropped or added. docs/format.md#blobs.</summary>
internal static class BlobCipher
{
    private const byte LastFlag = 0x80;

    public static SealedBlob Seal(ReadOnlySpan<byte> sideKey, ReadOnlySpan<byte> associated, in ClearValue value)
    {
        long plainLength = PaddedValue.Size(value);
        byte[] ciphertext = new byte[BlobShape.SealedLength(plainLength)];
        byte[] chunk = ArrayPool<byte>.Shared.Rent(BlobShape.ChunkLength);
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        long chunks = BlobShape.ChunkCount(plainLength);
        for (long index = 0; index < chunks; index++)
        {
            long offset = index * BlobShape.ChunkLength;
            Span<byte> plain = chunk.AsSpan(0, (int)Math.Min(BlobShape.ChunkLength, plainLength - offset));
            PaddedValue.Fill(value, offset, plain);
            WriteNonce(index, isLast: index == chunks - 1, nonce);
            int start = (int)(offset + (index * BlobShape.TagLength));
            Aead.Encrypt(sideKey, nonce, associated, plain, ciphertext.AsSpan(start, plain.Length + BlobShape.TagLength));
        }
        ArrayPool<byte>.Shared.Return(chunk, clearArray: true);
        return new SealedBlob(SHA256.HashData(ciphertext), ciphertext);
    }

    /// <summary>Decrypts a whole ciphertext; null if any chunk is not genuine in its place.</summary>
    /// <param name="plainLength">What <see cref="BlobShape.PlainLength"/> says of the ciphertext's length.</param>
    public static byte[]? Open(ReadOnlySpan<byte> sideKey, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext, long plainLength)
    {
        byte[] whole = new byte[plainLength];
        Span<byte> nonce = stackalloc byte[Aead.NonceLength];
        long chunks = BlobShape.ChunkCount(plainLength);
        for (long index = 0; index < chunks; index++)
        {
            int offset = (int)(index * BlobShape.ChunkLength);
            Span<byte> plain = whole.AsSpan(offset, (int)Math.Min(BlobShape.ChunkLength, plainLength - offset));
            WriteNonce(index, isLast: index == chunks - 1, nonce);
            int start = offset + (int)(index * BlobShape.TagLength);
            if (!Aead.TryDecrypt(sideKey, nonce, associated, ciphertext.Slice(start, plain.Length + BlobShape.TagLength), plain))
                return null;
        }
        return whole;
    }

    /// <summary>12 bytes, big-endian: the chunk's index, and the top bit set on the last.</summary>
    private static void WriteNonce(long index, bool isLast, Span<byte> nonce)
    {
        nonce.Clear();
        BinaryPrimitives.WriteInt64BigEndian(nonce[4..], index);
        if (isLast) nonce[0] |= LastFlag;
    }
}
