using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>Encrypts 32-byte keys under the wrapping key of one epoch. Not safe for concurrent use; its keyring's lock guards it.</summary>
/// <remarks>AES-256-GCM; nonce = first 12 bytes of the key's id; associated data = origin ‖ epoch (4 bytes,
/// big-endian) ‖ id ‖ purpose.
/// An id is used for one key only, and a nonce repeats about as rarely as 96 random bits do (docs/decisions/0024).</remarks>
internal sealed unsafe class KeyWrap : IDisposable
{
    /// <summary>Length of a wrapped key: the key and the tag.</summary>
    public const int WrappedSize = SubjectKey.Size + TagSize;

    private const int TagSize = 16;
    private const int NonceSize = 12;
    private const int PurposeMax = 64;

    private readonly byte[] associated;
    private readonly int prefixLength;
    private readonly AesGcm? framework;
    private void* context;

    /// <param name="masterKey">Read once, not kept.</param>
    /// <param name="origin">The ledger's origin.</param>
    /// <param name="epoch">Number of the master key's epoch, from 1.</param>
    public KeyWrap(MasterKey masterKey, string origin, uint epoch)
    {
        Epoch = epoch;
        prefixLength = Encoding.UTF8.GetByteCount(origin) + sizeof(uint);
        associated = new byte[prefixLength + KeyId.Size + PurposeMax];
        Encoding.UTF8.GetBytes(origin, associated);
        BinaryPrimitives.WriteUInt32BigEndian(associated.AsSpan(prefixLength - sizeof(uint)), epoch);
        Span<byte> key = stackalloc byte[SubjectKey.Size];
        masterKey.Derive("wrap", origin, epoch, key);
        if (Sodium.HasAes) context = Prepare(key);
        else framework = new AesGcm(key, TagSize);
        CryptographicOperations.ZeroMemory(key);
    }

    /// <summary>The epoch this wraps for.</summary>
    public uint Epoch { get; }

    /// <summary>Wraps a key. <paramref name="purpose"/> is empty for a subject's key, else the secret's name in ASCII,
    /// at most 64 bytes.</summary>
    public void Wrap(KeyId id, ReadOnlySpan<byte> purpose, ReadOnlySpan<byte> key, Span<byte> wrapped)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, SubjectKey.Size);
        ArgumentOutOfRangeException.ThrowIfNotEqual(wrapped.Length, WrappedSize);
        ReadOnlySpan<byte> bound = Bind(id, purpose);
        ReadOnlySpan<byte> nonce = bound.Slice(prefixLength, NonceSize);
        if (framework is not null)
        {
            framework.Encrypt(nonce, key, wrapped[..SubjectKey.Size], wrapped[SubjectKey.Size..], bound);
            return;
        }
        fixed (byte* output = wrapped, input = key, boundBytes = bound, nonceBytes = nonce)
        {
            _ = Sodium.crypto_aead_aes256gcm_encrypt_afternm(
                output, null, input, SubjectKey.Size, boundBytes, (ulong)bound.Length, null, nonceBytes, context);
        }
    }

    /// <summary>Unwraps a key; false if it was not wrapped so, or changed since.</summary>
    public bool TryUnwrap(KeyId id, ReadOnlySpan<byte> purpose, ReadOnlySpan<byte> wrapped, Span<byte> key)
    {
        if (wrapped.Length != WrappedSize) return false;
        ArgumentOutOfRangeException.ThrowIfNotEqual(key.Length, SubjectKey.Size);
        ReadOnlySpan<byte> bound = Bind(id, purpose);
        ReadOnlySpan<byte> nonce = bound.Slice(prefixLength, NonceSize);
        if (framework is not null) return TryDecrypt(framework, nonce, wrapped, key, bound);
        fixed (byte* output = key, input = wrapped, boundBytes = bound, nonceBytes = nonce)
        {
            return Sodium.crypto_aead_aes256gcm_decrypt_afternm(
                output, null, null, input, WrappedSize, boundBytes, (ulong)bound.Length, nonceBytes, context) == 0;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        framework?.Dispose();
        if (context is null) return;
        CryptographicOperations.ZeroMemory(new Span<byte>(context, Sodium.AesStateSize));
        NativeMemory.AlignedFree(context);
        context = null;
    }

    private ReadOnlySpan<byte> Bind(KeyId id, ReadOnlySpan<byte> purpose)
    {
        id.Write(associated.AsSpan(prefixLength, KeyId.Size));
        purpose.CopyTo(associated.AsSpan(prefixLength + KeyId.Size));
        return associated.AsSpan(0, prefixLength + KeyId.Size + purpose.Length);
    }

    private static void* Prepare(ReadOnlySpan<byte> key)
    {
        void* context = NativeMemory.AlignedAlloc(Sodium.AesStateSize, 16);
        fixed (byte* keyBytes = key) _ = Sodium.crypto_aead_aes256gcm_beforenm(context, keyBytes);
        return context;
    }

    private static bool TryDecrypt(
        AesGcm aes, ReadOnlySpan<byte> nonce, ReadOnlySpan<byte> wrapped, Span<byte> key, ReadOnlySpan<byte> bound)
    {
        try
        {
            aes.Decrypt(nonce, wrapped[..SubjectKey.Size], wrapped[SubjectKey.Size..], key, bound);
            return true;
        }
        catch (AuthenticationTagMismatchException)
        {
            return false;
        }
    }
}
