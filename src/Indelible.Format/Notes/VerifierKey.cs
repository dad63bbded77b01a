using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using NSec.Cryptography;

namespace Indelible.Format.Notes;

/// <summary>A public key that checks signatures on notes: <c>&lt;name&gt;+&lt;hex id&gt;+&lt;base64(type ‖ key)&gt;</c>.
/// c2sp.org/signed-note.</summary>
public sealed class VerifierKey : IEquatable<VerifierKey>
{
    /// <summary>The longest text form that is read, in characters.</summary>
    public const int TextLengthMax = 4096;
    /// <summary>Signature type of a log's plain Ed25519 signature over the text.</summary>
    public const byte Ed25519Type = 0x01;
    /// <summary>Signature type of a timestamped Ed25519 cosignature, cosignature/v1.</summary>
    public const byte CosignatureType = 0x04;

    private const int PublicKeySize = 32;
    private readonly PublicKey _key;

    private VerifierKey(string name, byte type, PublicKey key)
    {
        Name = name;
        Type = type;
        _key = key;
        Id = IdOf(name, type, PublicKeyBytes());
    }

    /// <summary>The key's name; a ledger's key bears its origin.</summary>
    public string Name { get; }
    /// <summary>The signature type: <see cref="Ed25519Type"/> or <see cref="CosignatureType"/>.</summary>
    public byte Type { get; }
    /// <summary>First four bytes of SHA-256(name ‖ 0x0A ‖ type ‖ key), as a big-endian number: a hint which key to try.</summary>
    public uint Id { get; }
    /// <summary>True for a key whose signatures are timestamped cosignatures.</summary>
    public bool IsCosigner => Type == CosignatureType;

    /// <summary>A key from its parts; throws <see cref="FormatException"/> if the name or the 32 key bytes cannot be.</summary>
    public static VerifierKey Create(string name, byte type, ReadOnlySpan<byte> publicKey)
    {
        if (!NoteText.IsName(name)) throw new FormatException($"expected a key name without spaces and plus signs, found '{name}'");
        if (type is not (Ed25519Type or CosignatureType)) throw new FormatException($"expected key type 1 or 4, found {type}");
        if (publicKey.Length != PublicKeySize
            || !PublicKey.TryImport(SignatureAlgorithm.Ed25519, publicKey, KeyBlobFormat.RawPublicKey, out PublicKey? key))
        {
            throw new FormatException(
                $"expected the {PublicKeySize} bytes of an Ed25519 public key, found {publicKey.Length} bytes that are none");
        }
        return new VerifierKey(name, type, key!);
    }

    /// <summary>Reads the text form; <paramref name="key"/> is null exactly if a fault is returned. The id must be the key's own.</summary>
    public static TextFault Parse(string text, out VerifierKey? key)
    {
        key = null;
        if (text.Length > TextLengthMax) return new TextFault($"expected a verifier key of at most {TextLengthMax} characters");
        string[] parts = text.Split('+', 3);
        if (parts.Length != 3) return new TextFault("expected a verifier key <name>+<hex id>+<base64 key>");
        if (!NoteText.IsName(parts[0])) return new TextFault("expected a key name without spaces");
        if (!NoteText.TryParseBase64(parts[2], out byte[] typed) || typed.Length == 0) return new TextFault("expected the key in base64");
        if (typed[0] is not (Ed25519Type or CosignatureType))
            return new TextFault($"expected key type 1 (Ed25519) or 4 (cosignature/v1), found {typed[0]}");
        if (typed.Length != 1 + PublicKeySize)
            return new TextFault($"expected {PublicKeySize} bytes of public key, found {typed.Length - 1}");
        string id = IdOf(parts[0], typed[0], typed.AsSpan(1)).ToString("x8");
        if (parts[1] != id) return new TextFault($"expected key id {id}, found '{parts[1]}'");
        if (!PublicKey.TryImport(SignatureAlgorithm.Ed25519, typed.AsSpan(1), KeyBlobFormat.RawPublicKey, out PublicKey? publicKey))
            return new TextFault("expected a point of Ed25519 as public key");
        key = new VerifierKey(parts[0], typed[0], publicKey!);
        return TextFault.None;
    }

    /// <summary>True if <paramref name="signature"/> (what follows the key id in a signature line) is this key's over
    /// <paramref name="noteText"/>.</summary>
    public bool Verify(ReadOnlySpan<byte> noteText, ReadOnlySpan<byte> signature)
    {
        if (!IsCosigner) return VerifyRaw(noteText, signature);
        return Cosignature.TryParse(signature, out Cosignature cosignature)
            && VerifyRaw(cosignature.Message(noteText), cosignature.Signature.Span);
    }

    /// <summary>The public key alone, in base64: what two keys of different names may share.</summary>
    internal string PublicKeyText => Convert.ToBase64String(PublicKeyBytes());

    /// <summary>The text form.</summary>
    public override string ToString() => $"{Name}+{Id:x8}+{Convert.ToBase64String([Type, .. PublicKeyBytes()])}";

    /// <inheritdoc/>
    public bool Equals(VerifierKey? other) => other is not null && Name == other.Name && Type == other.Type && _key.Equals(other._key);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => Equals(obj as VerifierKey);

    /// <inheritdoc/>
    public override int GetHashCode() => (int)(Id & int.MaxValue);

    /// <summary>Ed25519 as libsodium verifies it: canonical S, no small-order keys. Wrong lengths are just not signatures.</summary>
    private bool VerifyRaw(ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        signature.Length == SignatureAlgorithm.Ed25519.SignatureSize && SignatureAlgorithm.Ed25519.Verify(_key, message, signature);

    private byte[] PublicKeyBytes() => _key.Export(KeyBlobFormat.RawPublicKey);

    private static uint IdOf(string name, byte type, ReadOnlySpan<byte> publicKey) =>
        BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData([.. Encoding.UTF8.GetBytes(name), (byte)'\n', type, .. publicKey]));
}
