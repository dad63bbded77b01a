using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>Builds one journal record in memory, so that it goes to disk in one write. Reused; owned by the sealing loop.</summary>
internal sealed class RecordBuffer
{
    private const int Start = Hash.Size;
    private byte[] _buffer = new byte[1 << 16];
    private int _length;

    /// <summary>The finished record.</summary>
    public ReadOnlySpan<byte> Record => _buffer.AsSpan(0, _length);

    /// <summary>The finished record's MAC: the next one is chained to it.</summary>
    public Hash Mac => Hash.Read(_buffer.AsSpan(_length - Hash.Size, Hash.Size));

    public void Begin(in Hash previousMac, byte type)
    {
        _length = 0;
        Bytes(previousMac.Bytes);
        Word(0);
        Byte(type);
    }

    public void End(ReadOnlySpan<byte> key)
    {
        int bodyLength = _length - JournalCodec.HeadLength;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(bodyLength, JournalCodec.BodyLengthMax);
        BinaryPrimitives.WriteUInt32BigEndian(_buffer.AsSpan(Start), (uint)bodyLength);
        Span<byte> mac = stackalloc byte[Hash.Size];
        HMACSHA256.HashData(key, _buffer.AsSpan(0, _length), mac);
        Bytes(mac);
    }

    public void Byte(byte value) => Take(1)[0] = value;

    public void Short(ushort value) => BinaryPrimitives.WriteUInt16BigEndian(Take(2), value);

    public void Word(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(4), value);

    public void Number(long value) => BinaryPrimitives.WriteInt64BigEndian(Take(8), value);

    public void Unsigned(ulong value) => BinaryPrimitives.WriteUInt64BigEndian(Take(8), value);

    public void Bytes(ReadOnlySpan<byte> value) => value.CopyTo(Take(value.Length));

    /// <summary>A text of at most 255 bytes of UTF-8.</summary>
    public void Text(string value)
    {
        byte[] utf8 = Encoding.UTF8.GetBytes(value);
        Byte(checked((byte)utf8.Length));
        Bytes(utf8);
    }

    private Span<byte> Take(int count)
    {
        int end = _length + count;
        if (end > _buffer.Length) Array.Resize(ref _buffer, (int)Math.Min(Array.MaxLength, Math.Max(end, _buffer.Length * 2L)));
        Span<byte> taken = _buffer.AsSpan(_length, count);
        _length = end;
        return taken;
    }
}

/// <summary>Reads a record's body; past the end everything is zero or empty and <see cref="IsShort"/> is set.</summary>
internal ref struct RecordReader(ReadOnlySpan<byte> body)
{
    private ReadOnlySpan<byte> _rest = body;

    /// <summary>Something was read that is not there.</summary>
    public bool IsShort { get; private set; }

    /// <summary>Everything was read and nothing missed.</summary>
    public readonly bool IsAtEnd => !IsShort && _rest.Length == 0;

    /// <summary>Bytes not yet read.</summary>
    public readonly int Remaining => _rest.Length;

    public byte Byte() => Bytes(1) is { Length: 1 } taken ? taken[0] : (byte)0;

    public ushort Short() => Bytes(2) is { Length: 2 } taken ? BinaryPrimitives.ReadUInt16BigEndian(taken) : (ushort)0;

    public uint Word() => Bytes(4) is { Length: 4 } taken ? BinaryPrimitives.ReadUInt32BigEndian(taken) : 0;

    public long Number() => Bytes(8) is { Length: 8 } taken ? BinaryPrimitives.ReadInt64BigEndian(taken) : 0;

    public ulong Unsigned() => Bytes(8) is { Length: 8 } taken ? BinaryPrimitives.ReadUInt64BigEndian(taken) : 0;

    public Hash Hash() => Bytes(Format.Merkle.Hash.Size) is { Length: Format.Merkle.Hash.Size } taken
        ? Format.Merkle.Hash.Read(taken) : default;

    public string Text() => Encoding.UTF8.GetString(Bytes(Byte()));

    public ReadOnlySpan<byte> Bytes(int count)
    {
        if (count > _rest.Length)
        {
            IsShort = true;
            _rest = [];
            return [];
        }
        ReadOnlySpan<byte> taken = _rest[..count];
        _rest = _rest[count..];
        return taken;
    }
}
