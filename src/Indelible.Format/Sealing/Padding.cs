using System.Numerics;

namespace Indelible.Format.Sealing;

/// <summary>Sizes of a padded value: Padmé, at least 32 bytes. docs/format.md#padding.
/// Padmé: https://arxiv.org/abs/1806.03160 §4.</summary>
internal static class Padding
{
    public const int SizeMin = 32;

    /// <summary>Flag byte and length before the value.</summary>
    public const int PrefixLength = 5;

    /// <summary>Size of the padded whole for a value of <paramref name="valueLength"/> bytes.</summary>
    public static long SizeFor(long valueLength) => Padme(PrefixLength + valueLength);

    /// <summary>Smallest Padmé size that holds <paramref name="length"/> bytes: at most 12 % more.</summary>
    public static long Padme(long length)
    {
        if (length <= SizeMin) return SizeMin;
        int exponent = BitOperations.Log2((ulong)length);
        int kept = BitOperations.Log2((ulong)exponent) + 1;
        long mask = (1L << (exponent - kept)) - 1;
        return (length + mask) & ~mask;
    }

    /// <summary>True for a size that <see cref="Padme"/> gives.</summary>
    public static bool IsSize(long size) => size >= SizeMin && Padme(size) == size;
}
