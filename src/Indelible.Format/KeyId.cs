using System.Buffers.Binary;

namespace Indelible.Format;

/// <summary>Names a subject key in the keyring: 16 bytes that say nothing about the subject.</summary>
public readonly record struct KeyId(UInt128 Value)
{
    /// <summary>Length of the binary form, in bytes.</summary>
    public const int Size = 16;

    /// <summary>Reads 16 big-endian bytes.</summary>
    public static KeyId Read(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Size);
        return new KeyId(BinaryPrimitives.ReadUInt128BigEndian(bytes));
    }

    /// <summary>Writes 16 big-endian bytes.</summary>
    public void Write(Span<byte> destination) => BinaryPrimitives.WriteUInt128BigEndian(destination, Value);

    /// <summary>32 lowercase hex digits.</summary>
    public override string ToString() => Value.ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
}
