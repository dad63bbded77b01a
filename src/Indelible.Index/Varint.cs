namespace Indelible.Index;

/// <summary>Unsigned numbers, seven bits a byte, lowest first.</summary>
internal static class Varint
{
    /// <summary>Most bytes a number takes.</summary>
    public const int LengthMax = 10;

    /// <summary>Writes a number; returns its length.</summary>
    public static int Write(Span<byte> destination, ulong value)
    {
        int length = 0;
        for (; value >= 0x80; value >>= 7) destination[length++] = (byte)(value & 0x7F | 0x80);
        destination[length++] = (byte)value;
        return length;
    }

    /// <summary>Reads a number and moves <paramref name="source"/> behind it.</summary>
    /// <exception cref="IndexDamagedException">It does not end within <see cref="LengthMax"/> bytes.</exception>
    public static ulong Read(ref ReadOnlySpan<byte> source)
    {
        ulong value = 0;
        for (int i = 0; i < Math.Min(source.Length, LengthMax); i++)
        {
            value |= (ulong)(source[i] & 0x7F) << (7 * i);
            if (source[i] >= 0x80) continue;
            source = source[(i + 1)..];
            return value;
        }
        throw new IndexDamagedException("a number in the index does not end");
    }
}
