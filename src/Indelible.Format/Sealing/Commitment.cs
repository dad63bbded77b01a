using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>What ties both side keys of a field to its entry: nobody can open one ciphertext two ways. docs/format.md#commitment.</summary>
[System.Runtime.CompilerServices.SkipLocalsInit]
internal static class Commitment
{
    private static ReadOnlySpan<byte> Label => "commitment-v1"u8;

    /// <summary>SHA-256(label ‖ hash of the before key ‖ hash of the after key).</summary>
    /// <param name="beforeHash">SHA-256 of the side key; zeros if that side is not encrypted.</param>
    /// <param name="afterHash">The same for the other side.</param>
    public static void Compute(ReadOnlySpan<byte> beforeHash, ReadOnlySpan<byte> afterHash, Span<byte> commitment)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(beforeHash.Length, Sha2.Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(afterHash.Length, Sha2.Size);
        Span<byte> input = stackalloc byte[32 + Sha2.Size + Sha2.Size];
        Label.CopyTo(input);
        beforeHash.CopyTo(input[Label.Length..]);
        afterHash.CopyTo(input[(Label.Length + Sha2.Size)..]);
        Sha2.Sha256(input[..(Label.Length + Sha2.Size + Sha2.Size)], commitment);
    }

    /// <summary>The other side's hash and this side's, in their order.</summary>
    public static void Compute(Side side, ReadOnlySpan<byte> thisHash, ReadOnlySpan<byte> otherHash, Span<byte> commitment)
    {
        if (side == Side.Before) Compute(thisHash, otherHash, commitment);
        else Compute(otherHash, thisHash, commitment);
    }
}
