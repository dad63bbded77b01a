namespace Indelible.Format.Sealing;

/// <summary>SHA-256 and HMAC-SHA256 of short inputs, without allocation.</summary>
internal static unsafe class Sha2
{
    public const int Size = 32;

    public static void Sha256(ReadOnlySpan<byte> message, Span<byte> hash)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(hash.Length, Size);
        fixed (byte* m = message, h = hash) Sodium.crypto_hash_sha256(h, m, (ulong)message.Length);
    }

    /// <param name="key">32 bytes.</param>
    public static void Hmac(ReadOnlySpan<byte> key, ReadOnlySpan<byte> message, Span<byte> mac)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(mac.Length, Size);
        fixed (byte* k = key, m = message, t = mac) Sodium.crypto_auth_hmacsha256(t, m, (ulong)message.Length, k);
    }
}
