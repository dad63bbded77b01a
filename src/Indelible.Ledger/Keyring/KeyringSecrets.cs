using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>The keyring's own 32-byte secrets, by name: made, wrapped into and unwrapped from <see cref="KeyringFile.Secrets"/>.</summary>
internal static class KeyringSecrets
{
    public const string SigningSeed = "signing-seed";
    public const string JournalHmac = "journal-hmac";
    public const string SubjectTag = "subject-tag";
    public const string RowKeyToken = "row-key-token";
    public const string BlindToken = "blind-token";
    public const string BackupHmac = "backup-hmac";
    private const string AttributionPrefix = "attribution/";

    /// <summary>Those that every keyring has from the start.</summary>
    public static readonly IReadOnlyList<string> Standard = [SigningSeed, JournalHmac, SubjectTag, RowKeyToken, BlindToken, BackupHmac];

    /// <summary>Name of a source's attribution secret.</summary>
    public static string Attribution(string source) => AttributionPrefix + source;

    /// <summary>Wraps a secret under a fresh id.</summary>
    public static WrappedSecret Wrap(KeyWrap wrap, string name, ReadOnlySpan<byte> secret)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        RandomNumberGenerator.Fill(idBytes);
        Span<byte> wrapped = stackalloc byte[KeyWrap.WrappedSize];
        wrap.Wrap(KeyId.Read(idBytes), Encoding.ASCII.GetBytes(name), secret, wrapped);
        return new WrappedSecret(Convert.ToHexStringLower(idBytes), Convert.ToHexStringLower(wrapped));
    }

    /// <summary>Unwraps a secret into 32 bytes; the caller wipes them.</summary>
    /// <exception cref="IndelibleException">Environment: it is missing or damaged.</exception>
    public static byte[] Unwrap(KeyWrap wrap, KeyringFile file, string name, string path)
    {
        if (!file.Secrets.TryGetValue(name, out WrappedSecret? secret)) throw KeyringFile.Damaged(path, $"it holds no secret '{name}'");
        byte[] key = new byte[SubjectKey.Size];
        if (UInt128.TryParse(secret.Id, System.Globalization.NumberStyles.AllowHexSpecifier,
            System.Globalization.CultureInfo.InvariantCulture, out UInt128 id)
            && secret.Wrapped.Length == KeyWrap.WrappedSize * 2
            && wrap.TryUnwrap(new KeyId(id), Encoding.ASCII.GetBytes(name), Convert.FromHexString(secret.Wrapped), key))
        {
            return key;
        }
        throw KeyringFile.Damaged(path, $"its secret '{name}' does not open with the right master key");
    }
}

/// <summary>Hash inputs: what is hashed under the keyring's secrets, written so that two names never give the same bytes.</summary>
internal ref struct HashInput(Span<byte> initial)
{
    private Span<byte> _buffer = initial;
    private int _length = 0;

    public readonly ReadOnlySpan<byte> Written => _buffer[.._length];

    public void Byte(byte value) => Take(1)[0] = value;

    public void UInt32(uint value) => BinaryPrimitives.WriteUInt32BigEndian(Take(sizeof(uint)), value);

    /// <summary>Length in 4 bytes, then UTF-8. Lone surrogates, which PostgreSQL cannot deliver, throw.</summary>
    public void Text(string text)
    {
        int length = StrictUtf8.GetByteCount(text);
        UInt32((uint)length);
        StrictUtf8.GetBytes(text, Take(length));
    }

    /// <summary>Length in 4 bytes, then the bytes.</summary>
    public void Bytes(ReadOnlySpan<byte> bytes)
    {
        UInt32((uint)bytes.Length);
        bytes.CopyTo(Take(bytes.Length));
    }

    private Span<byte> Take(int count)
    {
        int end = _length + count;
        if (end > _buffer.Length) Grow(end);
        Span<byte> taken = _buffer[_length..end];
        _length = end;
        return taken;
    }

    private void Grow(int needed)
    {
        byte[] larger = new byte[Math.Max(needed, (int)Math.Min(Array.MaxLength, _buffer.Length * 2L))];
        Written.CopyTo(larger);
        _buffer = larger;
    }

    private static readonly UTF8Encoding StrictUtf8 = new(false, throwOnInvalidBytes: true);
}
