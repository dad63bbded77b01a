using System.Runtime.InteropServices;

namespace Indelible.Ledger;

/// <summary>The libsodium calls the keyring makes; the library comes with NSec. https://doc.libsodium.org.</summary>
internal static unsafe partial class Sodium
{
    private const string Library = "libsodium";

    /// <summary>Size of a prepared AES-256-GCM key; must be aligned to 16 bytes.</summary>
    public const int AesStateSize = 512;

    /// <summary>False where the processor has no AES instructions; then only the framework's AES can be used.</summary>
    public static bool HasAes { get; } = sodium_init() >= 0 && crypto_aead_aes256gcm_is_available() == 1;

    [LibraryImport(Library)]
    public static partial int crypto_aead_aes256gcm_beforenm(void* context, byte* key);

    [LibraryImport(Library)]
    public static partial int crypto_aead_aes256gcm_encrypt_afternm(
        byte* ciphertext, ulong* ciphertextLength, byte* message, ulong messageLength, byte* associated, ulong associatedLength,
        byte* unused, byte* nonce, void* context);

    [LibraryImport(Library)]
    public static partial int crypto_aead_aes256gcm_decrypt_afternm(
        byte* message, ulong* messageLength, byte* unused, byte* ciphertext, ulong ciphertextLength, byte* associated,
        ulong associatedLength, byte* nonce, void* context);

    [LibraryImport(Library)]
    private static partial int crypto_aead_aes256gcm_is_available();

    [LibraryImport(Library)]
    private static partial int sodium_init();
}
