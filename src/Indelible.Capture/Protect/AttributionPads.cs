namespace Indelible.Capture;

/// <summary>The attribution secret in the form the trigger uses it: the two padded keys of HMAC-SHA256, so that SQL needs only two hashes.
/// RFC 2104 §2.</summary>
internal static class AttributionPads
{
    /// <summary>Length of the secret, in bytes.</summary>
    public const int SecretSize = 32;

    private const int BlockSize = 64;

    /// <summary>Both pads, 64 bytes each.</summary>
    public static (byte[] Inner, byte[] Outer) Of(ReadOnlySpan<byte> secret)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(secret.Length, SecretSize);
        return (Pad(secret, 0x36), Pad(secret, 0x5C));
    }

    private static byte[] Pad(ReadOnlySpan<byte> secret, byte mask)
    {
        byte[] pad = new byte[BlockSize];
        secret.CopyTo(pad);
        for (int i = 0; i < BlockSize; i++) pad[i] ^= mask;
        return pad;
    }
}
