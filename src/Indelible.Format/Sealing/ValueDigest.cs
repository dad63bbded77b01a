using System.Security.Cryptography;

namespace Indelible.Format.Sealing;

/// <summary>What the digest policy keeps of a value: HMAC-SHA256(side key, flag byte ‖ value); the flag is 0 for NULL, 1 for a value.
/// docs/format.md#digest.</summary>
internal static class ValueDigest
{
    private const int ShortLengthMax = 256;

    public static void Compute(ReadOnlySpan<byte> sideKey, in ClearValue value, Span<byte> digest)
    {
        ReadOnlySpan<byte> bytes = value.Bytes.Span;
        byte flag = value.IsNull ? (byte)0 : (byte)1;
        if (bytes.Length <= ShortLengthMax)
        {
            Span<byte> message = stackalloc byte[1 + ShortLengthMax];
            message[0] = flag;
            bytes.CopyTo(message[1..]);
            new HmacKey(sideKey).Mac(message[..(1 + bytes.Length)], digest);
            CryptographicOperations.ZeroMemory(message);
            return;
        }
        using var hmac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, sideKey);
        hmac.AppendData([flag]);
        hmac.AppendData(bytes);
        hmac.GetHashAndReset(digest);
    }
}
