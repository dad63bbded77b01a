using System.Security.Cryptography;

namespace Indelible.Format.Sealing;

/// <summary>AES-256-GCM (NIST SP 800-38D) with raw keys: libsodium where the processor allows, .NET elsewhere.
/// The bytes are the same.</summary>
internal static class Aead
{
    public const int KeyLength = 32;
    public const int NonceLength = 12;
    public const int TagLength = 16;

    /// <param name="ciphertext">Receives ciphertext and tag: 16 bytes more than <paramref name="plaintext"/>; apart from it.</param>
    public static unsafe void Encrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> plaintext,
        Span<byte> ciphertext)
    {
        Check(key, nonce);
        ArgumentOutOfRangeException.ThrowIfNotEqual(ciphertext.Length, plaintext.Length + TagLength);
        if (!Sodium.HasAes)
        {
            using var aes = new AesGcm(key, TagLength);
            aes.Encrypt(nonce, plaintext, ciphertext[..plaintext.Length], ciphertext[plaintext.Length..], associated);
            return;
        }
        fixed (byte* k = key, n = nonce, a = associated, p = plaintext, c = ciphertext)
        {
            Sodium.crypto_aead_aes256gcm_encrypt(c, null, p, (ulong)plaintext.Length, a, (ulong)associated.Length, null, n, k);
        }
    }

    /// <returns>False if the tag is not this key's for these bytes; <paramref name="plaintext"/> then holds zeros.</returns>
    public static unsafe bool TryDecrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext,
        Span<byte> plaintext)
    {
        Check(key, nonce);
        ArgumentOutOfRangeException.ThrowIfNotEqual(ciphertext.Length, plaintext.Length + TagLength);
        bool isGenuine = Sodium.HasAes
            ? SodiumDecrypt(key, nonce, associated, ciphertext, plaintext)
            : DotnetDecrypt(key, nonce, associated, ciphertext, plaintext);
        if (!isGenuine) plaintext.Clear();
        return isGenuine;
    }

    private static unsafe bool SodiumDecrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext,
        Span<byte> plaintext)
    {
        fixed (byte* k = key, n = nonce, a = associated, p = plaintext, c = ciphertext)
        {
            return Sodium.crypto_aead_aes256gcm_decrypt(p, null, null, c, (ulong)ciphertext.Length, a, (ulong)associated.Length, n, k) == 0;
        }
    }

    private static bool DotnetDecrypt(
        ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> associated, ReadOnlySpan<byte> ciphertext,
        Span<byte> plaintext)
    {
        using var aes = new AesGcm(key, TagLength);
        try
        {
            aes.Decrypt(nonce, ciphertext[..plaintext.Length], ciphertext[plaintext.Length..], plaintext, associated);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }

    private static void Check(ReadOnlySpan<byte> key, ReadOnlySpan<byte> nonce)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, KeyLength);
        ArgumentOutOfRangeException.ThrowIfNotEqual(nonce.Length, NonceLength);
    }
}
