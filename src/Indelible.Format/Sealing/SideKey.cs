using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>The key of one side of one field of one entry. Used once; may be disclosed by itself. docs/format.md#side-keys.</summary>
[System.Runtime.CompilerServices.SkipLocalsInit]
public static class SideKey
{
    /// <summary>Length of a subject key and of a side key, in bytes.</summary>
    public const int Size = 32;

    /// <summary>Longest place: scope byte, length, name, side byte.</summary>
    internal const int PlaceLengthMax = 4 + EntryLimits.FieldNameLengthMax;

    private const int NonceLength = 16;
    private static ReadOnlySpan<byte> Label => "side-v1"u8;

    /// <summary>Derives a side key: HKDF-SHA256 (RFC 5869) of the subject key, salted with the entry's nonce, bound to header,
    /// field and side.</summary>
    /// <param name="sideKey">Receives 32 bytes.</param>
    public static void Derive(
        ReadOnlySpan<byte> subjectKey, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> headerHash, FieldScope scope, string name, Side side,
        Span<byte> sideKey)
    {
        Span<byte> place = stackalloc byte[PlaceLengthMax];
        place = place[..WritePlace(scope, name, place)];
        place[^1] = (byte)side;
        HmacKey extracted = Extract(subjectKey, nonce);
        Expand(extracted, headerHash, place, sideKey);
    }

    /// <summary>HKDF-Extract: HMAC(nonce, subject key), ready to be the key of HKDF-Expand.</summary>
    internal static HmacKey Extract(ReadOnlySpan<byte> subjectKey, ReadOnlySpan<byte> nonce)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(subjectKey.Length, Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(nonce.Length, NonceLength);
        Span<byte> extracted = stackalloc byte[Sha2.Size];
        new HmacKey(nonce).Mac(subjectKey, extracted);
        var key = new HmacKey(extracted);
        CryptographicOperations.ZeroMemory(extracted);
        return key;
    }

    /// <summary>HKDF-Expand to one block: HMAC(extracted, label ‖ header hash ‖ place ‖ 0x01).</summary>
    internal static void Expand(in HmacKey extracted, ReadOnlySpan<byte> headerHash, ReadOnlySpan<byte> place, Span<byte> sideKey)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(headerHash.Length, Sha2.Size);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(place.Length, PlaceLengthMax);
        Span<byte> info = stackalloc byte[32 + Sha2.Size + PlaceLengthMax];
        Label.CopyTo(info);
        headerHash.CopyTo(info[Label.Length..]);
        place.CopyTo(info[(Label.Length + Sha2.Size)..]);
        int length = Label.Length + Sha2.Size + place.Length;
        info[length] = 1;
        extracted.Mac(info[..(length + 1)], sideKey);
    }

    /// <summary>Where a value stands in its entry: scope byte ‖ u16 length ‖ name ‖ side byte (left for the caller; before is 0).</summary>
    /// <returns>Bytes written.</returns>
    internal static int WritePlace(FieldScope scope, string name, Span<byte> place)
    {
        int length = Encoding.UTF8.GetByteCount(name);
        if (length > EntryLimits.FieldNameLengthMax)
            throw new ArgumentException($"expected a field name of at most {EntryLimits.FieldNameLengthMax} bytes, found {length}");
        place[0] = (byte)scope;
        BinaryPrimitives.WriteUInt16BigEndian(place[1..], (ushort)length);
        Encoding.UTF8.GetBytes(name, place[3..]);
        place[3 + length] = (byte)Side.Before;
        return 4 + length;
    }
}
