using System.Buffers.Binary;
using System.Text;

namespace Indelible.Format.Cbor;

/// <summary>Writes deterministic CBOR (RFC 8949 §4.2.1) into a span: integers, strings, arrays, maps, null, booleans;
/// nothing else.</summary>
/// <remarks>The caller writes map keys in order and as many items as it announced.
/// Throws <see cref="ArgumentException"/> when the span is full.</remarks>
internal ref struct CborWriter(Span<byte> destination)
{
    // Lone surrogates have no UTF-8: an error, never a replacement character.
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly Span<byte> destination = destination;

    /// <summary>Bytes written so far.</summary>
    public int Length { get; private set; }

    /// <summary>What was written.</summary>
    public readonly ReadOnlySpan<byte> Written => destination[..Length];

    public void Unsigned(ulong value) => Head(CborMajor.Unsigned, value);

    public void Integer(long value)
    {
        if (value >= 0) Head(CborMajor.Unsigned, (ulong)value);
        else Head(CborMajor.Negative, (ulong)(-1 - value));
    }

    public void Bytes(scoped ReadOnlySpan<byte> value)
    {
        Head(CborMajor.Bytes, (ulong)value.Length);
        value.CopyTo(Take(value.Length));
    }

    /// <summary>A byte string that the caller fills in.</summary>
    public Span<byte> BytesToFill(int length)
    {
        Head(CborMajor.Bytes, (ulong)length);
        return Take(length);
    }

    /// <returns>Length of the text in UTF-8, in bytes. Lone surrogates throw <see cref="ArgumentException"/>.</returns>
    public int Text(scoped ReadOnlySpan<char> value)
    {
        int length = Utf8.GetByteCount(value);
        Head(CborMajor.Text, (ulong)length);
        Utf8.GetBytes(value, Take(length));
        return length;
    }

    /// <param name="value">Valid UTF-8; not checked again.</param>
    public void Utf8Text(scoped ReadOnlySpan<byte> value)
    {
        Head(CborMajor.Text, (ulong)value.Length);
        value.CopyTo(Take(value.Length));
    }

    public void Array(int count) => Head(CborMajor.Array, (ulong)count);

    public void Map(int count) => Head(CborMajor.Map, (ulong)count);

    public void Null() => Take(1)[0] = CborSimple.Null;

    public void Boolean(bool value) => Take(1)[0] = value ? CborSimple.True : CborSimple.False;

    /// <summary>Makes room for bytes the caller fills in.</summary>
    public Span<byte> Take(int length)
    {
        if (length > destination.Length - Length)
            throw new ArgumentException($"expected room for {length} more bytes after {Length}, found {destination.Length - Length}");
        Span<byte> taken = destination.Slice(Length, length);
        Length += length;
        return taken;
    }

    /// <summary>The shortest head: 1, 2, 3, 5 or 9 bytes.</summary>
    private void Head(CborMajor major, ulong argument)
    {
        byte type = (byte)((int)major << 5);
        switch (argument)
        {
            case < 24:
                Take(1)[0] = (byte)(type | (int)argument);
                break;
            case <= byte.MaxValue:
                Span<byte> two = Take(2);
                two[0] = (byte)(type | 24);
                two[1] = (byte)argument;
                break;
            case <= ushort.MaxValue:
                Span<byte> three = Take(3);
                three[0] = (byte)(type | 25);
                BinaryPrimitives.WriteUInt16BigEndian(three[1..], (ushort)argument);
                break;
            case <= uint.MaxValue:
                Span<byte> five = Take(5);
                five[0] = (byte)(type | 26);
                BinaryPrimitives.WriteUInt32BigEndian(five[1..], (uint)argument);
                break;
            default:
                Span<byte> nine = Take(9);
                nine[0] = (byte)(type | 27);
                BinaryPrimitives.WriteUInt64BigEndian(nine[1..], argument);
                break;
        }
    }
}
