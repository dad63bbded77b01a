using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Indelible.Format.Notes;

/// <summary>A timestamped cosignature, cosignature/v1: eight big-endian bytes of Unix seconds, then 64 bytes of Ed25519.
/// c2sp.org/tlog-cosignature.</summary>
/// <param name="Timestamp">When the cosigner signed, in seconds since 1970-01-01T00:00:00Z; never negative.</param>
/// <param name="Signature">The Ed25519 signature over <see cref="Message"/>.</param>
public readonly record struct Cosignature(long Timestamp, ReadOnlyMemory<byte> Signature)
{
    /// <summary>Length of the binary form, in bytes.</summary>
    public const int Length = TimestampLength + SignatureLength;

    private const int TimestampLength = 8;
    private const int SignatureLength = 64;

    /// <summary>Reads the binary form. False if the length is wrong or the time is beyond 2^63-1.</summary>
    public static bool TryParse(ReadOnlySpan<byte> bytes, out Cosignature cosignature)
    {
        cosignature = default;
        if (bytes.Length != Length) return false;
        ulong timestamp = BinaryPrimitives.ReadUInt64BigEndian(bytes);
        if (timestamp > long.MaxValue) return false;
        cosignature = new Cosignature((long)timestamp, bytes[TimestampLength..].ToArray());
        return true;
    }

    /// <summary>The bytes that are signed: two header lines, then the whole text of the note.</summary>
    public byte[] Message(ReadOnlySpan<byte> noteText) =>
        [.. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"cosignature/v1\ntime {Timestamp}\n")), .. noteText];

    /// <summary>The binary form.</summary>
    public byte[] ToBytes()
    {
        byte[] bytes = new byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(bytes, Timestamp);
        Signature.Span.CopyTo(bytes.AsSpan(TimestampLength));
        return bytes;
    }
}
