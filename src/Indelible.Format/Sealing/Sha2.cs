using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;

namespace Indelible.Format.Sealing;

/// <summary>SHA-256 (FIPS 180-4) of short inputs, without allocation and with states that can be kept.</summary>
/// <remarks>Compression is OpenSSL's where the process finds it (it uses the processor's SHA instructions;
/// .NET needs the same library), libsodium's elsewhere.</remarks>
[SkipLocalsInit]
internal static unsafe class Sha2
{
    /// <summary>Length of a hash, in bytes.</summary>
    public const int Size = 32;
    public const int BlockLength = 64;

    /// <summary>Room for either library's state. In both, the eight words of the hash come first, and zeros after them mean that
    /// nothing is buffered.</summary>
    public const int StateWords = 32;

    private const int BlocksPerCall = 16;   // the garbage collector waits for a call

    private static readonly delegate* unmanaged[SuppressGCTransition]<uint*, byte*, nuint, int> Update = FindOpenSsl();

    public static void Sha256(ReadOnlySpan<byte> message, Span<byte> hash)
    {
        Span<uint> state = stackalloc uint[StateWords];
        Start(state);
        Finish(state, message, 0, hash);
    }

    /// <summary>The first hash value. FIPS 180-4 §5.3.3.</summary>
    public static ReadOnlySpan<uint> First =>
        [0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19];

    /// <summary>Length of a message with its padding: a whole number of blocks. FIPS 180-4 §5.1.1.</summary>
    public static int PaddedLength(int length) => (length + 1 + sizeof(ulong) + BlockLength - 1) / BlockLength * BlockLength;

    /// <summary>Hashes of messages that lie one behind the other, each padded already.</summary>
    /// <param name="messages">Their bytes. Best written a while before: what was just written piecemeal cannot be read at once.</param>
    /// <param name="lengths">Length of each, padding included.</param>
    /// <param name="hashes">Receives 32 bytes for each.</param>
    public static void Sha256Each(ReadOnlySpan<byte> messages, ReadOnlySpan<int> lengths, Span<byte> hashes)
    {
        Span<uint> state = stackalloc uint[StateWords];
        Start(state);
        foreach (int length in lengths)
        {
            First.CopyTo(state);        // nothing is buffered after whole blocks: the rest of the state stays as it is
            Compress(state, messages[..length]);
            Write(state, hashes[..Size]);
            messages = messages[length..];
            hashes = hashes[Size..];
        }
    }

    /// <summary>The state before the first block.</summary>
    public static void Start(Span<uint> state)
    {
        state.Clear();
        First.CopyTo(state);
    }

    /// <summary>Adds whole blocks to a state.</summary>
    public static void Compress(Span<uint> state, ReadOnlySpan<byte> blocks)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(state.Length, StateWords);
        ArgumentOutOfRangeException.ThrowIfNotEqual(blocks.Length % BlockLength, 0);
        if (Update == null)
        {
            CompressWithSodium(state, blocks);
            return;
        }
        ClearUpperHalves(state);
        fixed (uint* words = state)
        fixed (byte* start = blocks)
        {
            for (int offset = 0; offset < blocks.Length; offset += BlocksPerCall * BlockLength)
            {
                int length = Math.Min(BlocksPerCall * BlockLength, blocks.Length - offset);
                Update(words, start + offset, (nuint)length);
            }
        }
    }

    /// <summary>Has the processor forget the upper halves of its 256-bit registers.
    /// OpenSSL's code uses the lower ones in a way that is slow while the upper ones hold something
    /// (130 ns a call on an EPYC of 2021), and any copy of 32 bytes before may have left something there.</summary>
    /// <remarks>There is no function for it, but a method that uses such a register ends with the instruction, vzeroupper.</remarks>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ClearUpperHalves(Span<uint> state)
    {
        if (Vector256.IsHardwareAccelerated) Vector256.Create(state[^8..]).CopyTo(state[^8..]);
    }

    public static void CompressWithSodium(Span<uint> state, ReadOnlySpan<byte> blocks)
    {
        fixed (uint* words = state)
        fixed (byte* start = blocks)
        {
            Sodium.crypto_hash_sha256_update(words, start, (ulong)blocks.Length);
        }
    }

    /// <summary>Adds the rest of a message and its padding; gives the hash.</summary>
    /// <param name="state">After <paramref name="lengthBefore"/> bytes, a whole number of blocks. Used up.</param>
    public static void Finish(Span<uint> state, ReadOnlySpan<byte> rest, int lengthBefore, Span<byte> hash)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hash.Length, Size);
        int whole = rest.Length & ~(BlockLength - 1);
        if (whole > 0) Compress(state, rest[..whole]);
        Span<byte> tail = stackalloc byte[2 * BlockLength];
        int left = rest.Length - whole;
        int tailLength = PaddedLength(left);
        rest[whole..].CopyTo(tail);
        Pad(tail[..tailLength], left, (ulong)(lengthBefore + rest.Length));
        // The libraries count bytes too; that count is not used, so it may say anything.
        Compress(state, tail[..tailLength]);
        Write(state, hash);
        tail[..left].Clear();
    }

    /// <summary>Fills the end of the last block: a bit, zeros, the message's length in bits.</summary>
    public static void Pad(Span<byte> padded, int length, ulong messageLength)
    {
        padded[length] = 0x80;
        padded[(length + 1)..^sizeof(ulong)].Clear();
        BinaryPrimitives.WriteUInt64BigEndian(padded[^sizeof(ulong)..], 8 * messageLength);
    }

    private static void Write(ReadOnlySpan<uint> state, Span<byte> hash)
    {
        for (int i = 0; i < 8; i++) BinaryPrimitives.WriteUInt32BigEndian(hash[(4 * i)..], state[i]);
    }

    private static delegate* unmanaged[SuppressGCTransition]<uint*, byte*, nuint, int> FindOpenSsl()
    {
        foreach (string name in (string[])["libcrypto.so.3", "libcrypto.so.1.1"])
        {
            if (NativeLibrary.TryLoad(name, out nint library) && NativeLibrary.TryGetExport(library, "SHA256_Update", out nint update))
            {
                return (delegate* unmanaged[SuppressGCTransition]<uint*, byte*, nuint, int>)update;
            }
        }
        return null;
    }
}
