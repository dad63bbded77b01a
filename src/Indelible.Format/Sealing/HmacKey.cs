using System.Runtime.CompilerServices;

namespace Indelible.Format.Sealing;

/// <summary>A key of HMAC-SHA256 (RFC 2104), its two key blocks already compressed:
/// a short message then costs two blocks instead of four.</summary>
[SkipLocalsInit]
public struct HmacKey
{
    private const byte InnerPad = 0x36;
    private const byte OuterPad = 0x5C;

    private Words inner;
    private Words outer;

    /// <summary>Prepares a key; throws if it is longer than 64 bytes.</summary>
    /// <param name="key">At most 64 bytes.</param>
    public HmacKey(ReadOnlySpan<byte> key)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(key.Length, Sha2.BlockLength);
        Absorb(key, InnerPad, inner);
        Absorb(key, OuterPad, outer);
    }

    /// <summary>Computes the HMAC of a message. Safe to call concurrently.</summary>
    /// <param name="message">The message.</param>
    /// <param name="mac">Receives 32 bytes.</param>
    public readonly void Mac(ReadOnlySpan<byte> message, Span<byte> mac)
    {
        Span<uint> state = stackalloc uint[Sha2.StateWords];
        Span<byte> innerHash = stackalloc byte[Sha2.Size];
        state.Clear();
        ((ReadOnlySpan<uint>)inner).CopyTo(state);
        Sha2.Finish(state, message, Sha2.BlockLength, innerHash);
        state.Clear();
        ((ReadOnlySpan<uint>)outer).CopyTo(state);
        Sha2.Finish(state, innerHash, Sha2.BlockLength, mac);
    }

    private static void Absorb(ReadOnlySpan<byte> key, byte pad, Span<uint> words)
    {
        Span<uint> state = stackalloc uint[Sha2.StateWords];
        Span<byte> block = stackalloc byte[Sha2.BlockLength];
        block.Fill(pad);
        for (int i = 0; i < key.Length; i++) block[i] ^= key[i];
        Sha2.Start(state);
        Sha2.Compress(state, block);
        state[..8].CopyTo(words);
        block.Clear();
    }

    [InlineArray(8)]
    private struct Words
    {
        private uint first;
    }
}
