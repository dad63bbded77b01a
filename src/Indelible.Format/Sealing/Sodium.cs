using System.Runtime.InteropServices;

namespace Indelible.Format.Sealing;

/// <summary>libsodium's functions on raw keys (NSec ships the library; its own keys cost 24 µs to import).
/// https://doc.libsodium.org.</summary>
internal static unsafe partial class Sodium
{
    private const string Library = "libsodium";

    /// <summary>True where the processor can do libsodium's AES-256-GCM (AES and carry-less multiplication).</summary>
    public static readonly bool HasAes = Initialize() && crypto_aead_aes256gcm_is_available() == 1;

    /// <summary>Must have run before any other function; idempotent and safe to call concurrently.</summary>
    private static bool Initialize()
    {
        if (sodium_init() < 0)
            throw new PlatformNotSupportedException("expected libsodium to start, found that it does not: reinstall the program");
        return true;
    }

    [LibraryImport(Library)]
    private static partial int sodium_init();

    [LibraryImport(Library)]
    private static partial int crypto_aead_aes256gcm_is_available();

    [LibraryImport(Library)]
    public static partial int crypto_shorthash(byte* hash, byte* message, ulong messageLength, byte* key);

    [LibraryImport(Library)]
    public static partial int crypto_hash_sha256_update(uint* state, byte* message, ulong messageLength);

    [LibraryImport(Library)]
    public static partial int crypto_aead_aes256gcm_encrypt(
        byte* ciphertext, ulong* ciphertextLength, byte* message, ulong messageLength, byte* associated, ulong associatedLength,
        byte* secretNonce, byte* nonce, byte* key);

    [LibraryImport(Library)]
    public static partial int crypto_aead_aes256gcm_decrypt(
        byte* message, ulong* messageLength, byte* secretNonce, byte* ciphertext, ulong ciphertextLength, byte* associated,
        ulong associatedLength, byte* nonce, byte* key);
}
