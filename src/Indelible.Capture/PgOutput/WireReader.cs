using System.Buffers.Binary;
using System.Text;

namespace Indelible.Capture.PgOutput;

/// <summary>Reads one message's bytes in order; every length is checked. Throws <see cref="PgOutputException"/>.</summary>
internal ref struct WireReader(ReadOnlySpan<byte> message)
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly ReadOnlySpan<byte> _message = message;

    /// <summary>Bytes read so far.</summary>
    public int Offset { get; private set; }

    public byte Byte(string what)
    {
        if (Offset >= _message.Length) throw Cut(what);
        return _message[Offset++];
    }

    public ushort UInt16(string what) => BinaryPrimitives.ReadUInt16BigEndian(Take(2, what));

    public int Int32(string what) => BinaryPrimitives.ReadInt32BigEndian(Take(4, what));

    public uint UInt32(string what) => BinaryPrimitives.ReadUInt32BigEndian(Take(4, what));

    public long Int64(string what) => BinaryPrimitives.ReadInt64BigEndian(Take(8, what));

    public ulong UInt64(string what) => BinaryPrimitives.ReadUInt64BigEndian(Take(8, what));

    public ReadOnlySpan<byte> Take(int length, string what)
    {
        if (length < 0) throw new PgOutputException($"{what} has a negative length", Offset);
        if (length > _message.Length - Offset) throw Cut(what);
        ReadOnlySpan<byte> taken = _message.Slice(Offset, length);
        Offset += length;
        return taken;
    }

    /// <summary>Bytes up to a zero, which is read too.</summary>
    public ReadOnlySpan<byte> ZeroEnded(string what)
    {
        int length = _message[Offset..].IndexOf((byte)0);
        if (length < 0) throw Cut(what);
        ReadOnlySpan<byte> taken = Take(length, what);
        Offset++;
        return taken;
    }

    public string Text(string what)
    {
        int start = Offset;
        try
        {
            return Strict.GetString(ZeroEnded(what));
        }
        catch (DecoderFallbackException)
        {
            throw new PgOutputException($"{what} is not UTF-8", start);
        }
    }

    /// <summary>Refuses bytes after the end.</summary>
    public readonly void End(string what)
    {
        if (Offset != _message.Length)
            throw new PgOutputException($"{what} is followed by {_message.Length - Offset} bytes too many", Offset);
    }

    private readonly PgOutputException Cut(string what) => new($"message ends inside {what}", Offset);
}
