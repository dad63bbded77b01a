using System.Buffers.Binary;

namespace Indelible.Format.Verification;

/// <summary>Cuts an entry bundle into entries: each has a 16-bit big-endian length before it. c2sp.org/tlog-tiles.</summary>
public static class EntryBundle
{
    /// <summary>The longest bundle there can be, in bytes.</summary>
    public const int LengthMax = Merkle.TileCoordinate.FullWidth * (LengthSize + ushort.MaxValue);

    private const int LengthSize = 2;

    /// <summary>Finds the entries of a bundle that must hold exactly <paramref name="width"/> and end with the last.
    /// False if it does not.</summary>
    /// <param name="bundle">The whole file.</param>
    /// <param name="width">Entries in it: 1 to 256.</param>
    /// <param name="entries">Receives where each entry lies in the file; at least <paramref name="width"/> long.</param>
    public static bool TrySplit(ReadOnlySpan<byte> bundle, int width, Span<Range> entries) => TrySplit(bundle, width, entries, out _);

    /// <inheritdoc cref="TrySplit(ReadOnlySpan{byte}, int, Span{Range})"/>
    /// <param name="bundle">The whole file.</param>
    /// <param name="width">Entries in it: 1 to 256.</param>
    /// <param name="entries">Receives where each entry lies in the file; at least <paramref name="width"/> long.</param>
    /// <param name="count">Receives how many entries there are before the first that is cut off; at most <paramref name="width"/>.</param>
    public static bool TrySplit(ReadOnlySpan<byte> bundle, int width, Span<Range> entries, out int count)
    {
        int offset = 0;
        for (count = 0; count < width; count++)
        {
            if (bundle.Length - offset < LengthSize) return false;
            int length = BinaryPrimitives.ReadUInt16BigEndian(bundle[offset..]);
            offset += LengthSize;
            if (bundle.Length - offset < length) return false;
            entries[count] = offset..(offset + length);
            offset += length;
        }
        return offset == bundle.Length;
    }
}
