using System.Buffers.Binary;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>What is encrypted: flag byte (0 NULL, 1 value) ‖ u32 length ‖ value ‖ zeros. docs/format.md#padding.</summary>
internal static class PaddedValue
{
    /// <summary>Size of the whole. NULL looks like an empty value.</summary>
    public static long Size(in ClearValue value) => Padding.SizeFor(value.Bytes.Length);

    /// <summary>Fills <paramref name="destination"/> with the part of the whole that begins at <paramref name="offset"/> (0,
    /// or behind the prefix).</summary>
    public static void Fill(in ClearValue value, long offset, Span<byte> destination)
    {
        ReadOnlySpan<byte> bytes = value.Bytes.Span;
        if (offset == 0)
        {
            destination[0] = value.IsNull ? (byte)0 : (byte)1;
            BinaryPrimitives.WriteUInt32BigEndian(destination[1..], (uint)bytes.Length);
            destination = destination[Padding.PrefixLength..];
        }
        else
        {
            bytes = bytes[(int)Math.Min(bytes.Length, offset - Padding.PrefixLength)..];
        }
        if (bytes.Length > destination.Length) bytes = bytes[..destination.Length];
        bytes.CopyTo(destination);
        destination[bytes.Length..].Clear();
    }

    /// <summary>The value in a whole that was decrypted; refers to it.</summary>
    /// <param name="isBlob">True if the whole came from a blob: those hold the values too large for an entry, and no others.</param>
    public static bool TryRead(ReadOnlyMemory<byte> whole, bool isBlob, out ClearValue value)
    {
        value = default;
        ReadOnlySpan<byte> bytes = whole.Span;
        uint length = BinaryPrimitives.ReadUInt32BigEndian(bytes[1..]);
        if (length > bytes.Length - Padding.PrefixLength || Padding.SizeFor(length) != bytes.Length) return false;
        if (isBlob != length > EntryLimits.ValueLengthMax) return false;
        if (bytes[(Padding.PrefixLength + (int)length)..].ContainsAnyExcept((byte)0)) return false;
        if (bytes[0] > 1 || (bytes[0] == 0 && length > 0)) return false;
        value = bytes[0] == 0 ? ClearValue.Null : ClearValue.Of(whole.Slice(Padding.PrefixLength, (int)length));
        return true;
    }
}
