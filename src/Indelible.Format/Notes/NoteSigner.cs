using System.Text;
using NSec.Cryptography;

namespace Indelible.Format.Notes;

/// <summary>A private key that signs notes with Ed25519. Holds the key in libsodium's guarded memory; dispose it.
/// May be used concurrently.</summary>
public sealed class NoteSigner : IDisposable
{
    /// <summary>Length of the seed, in bytes.</summary>
    public const int SeedSize = 32;

    private readonly Key _key;

    private NoteSigner(string name, byte type, ReadOnlySpan<byte> seed)
    {
        _key = Key.Import(SignatureAlgorithm.Ed25519, seed, KeyBlobFormat.RawPrivateKey);
        VerifierKey = VerifierKey.Create(name, type, _key.PublicKey.Export(KeyBlobFormat.RawPublicKey));
    }

    /// <summary>The signer of a ledger; <paramref name="origin"/> is the ledger's origin.
    /// Throws <see cref="FormatException"/> for a bad name or length.</summary>
    /// <param name="origin">Name of the key.</param>
    /// <param name="seed">32 secret random bytes; the caller wipes its copy.</param>
    public static NoteSigner FromSeed(string origin, ReadOnlySpan<byte> seed) => new(origin, VerifierKey.Ed25519Type, seed);

    /// <summary>The signer of a witness or mirror. Its key must be used for nothing else.</summary>
    public static NoteSigner CosignerFromSeed(string name, ReadOnlySpan<byte> seed) => new(name, VerifierKey.CosignatureType, seed);

    /// <summary>The key that checks what this one signs.</summary>
    public VerifierKey VerifierKey { get; }

    /// <summary>Signs a note's text (which ends in a newline).</summary>
    public NoteSignature Sign(string noteText)
    {
        if (VerifierKey.IsCosigner) throw new InvalidOperationException("a cosigner signs with a time: use Cosign");
        return SignatureOf(SignatureAlgorithm.Ed25519.Sign(_key, Encoding.UTF8.GetBytes(noteText)));
    }

    /// <summary>Cosigns a checkpoint's text at a time, in seconds since 1970.</summary>
    public NoteSignature Cosign(string noteText, long timestamp)
    {
        if (!VerifierKey.IsCosigner) throw new InvalidOperationException("a ledger's key signs without a time: use Sign");
        ArgumentOutOfRangeException.ThrowIfNegative(timestamp);
        byte[] message = new Cosignature(timestamp, default).Message(Encoding.UTF8.GetBytes(noteText));
        return SignatureOf(new Cosignature(timestamp, SignatureAlgorithm.Ed25519.Sign(_key, message)).ToBytes());
    }

    /// <inheritdoc/>
    public void Dispose() => _key.Dispose();

    private NoteSignature SignatureOf(byte[] bytes) => new(VerifierKey.Name, VerifierKey.Id, bytes);
}
