using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <content>Another signing key.</content>
public sealed partial class Keyring
{
    private const string NextSigningSeed = "next-signing-seed";

    /// <summary>The signing key that was made and is not in use yet; null if there is none.</summary>
    public VerifierKey? NextKey
    {
        get
        {
            using NoteSigner? next = NextSigner();
            return next?.VerifierKey;
        }
    }

    /// <summary>Makes the next signing key, unless one was made; durable when it returns.
    /// The ledger's key stays what it is until <see cref="TakeNextKey"/>.</summary>
    public VerifierKey MakeNextKey()
    {
        lock (_lock)
        {
            if (NextKey is { } made) return made;
            byte[] seed = RandomNumberGenerator.GetBytes(SubjectKey.Size);
            SortedDictionary<string, WrappedSecret> secrets =
                new(_file.Secrets, StringComparer.Ordinal) { [NextSigningSeed] = KeyringSecrets.Wrap(_wrap, NextSigningSeed, seed) };
            CryptographicOperations.ZeroMemory(seed);
            Save(_file with { Secrets = secrets });
            return NextKey!;
        }
    }

    /// <summary>Signs with the next key; null if there is none. The caller disposes of it.</summary>
    internal NoteSigner? NextSigner()
    {
        lock (_lock)
        {
            if (!_file.Secrets.ContainsKey(NextSigningSeed)) return null;
            byte[] seed = Secret(NextSigningSeed);
            NoteSigner signer = NoteSigner.FromSeed(Origin, seed);
            CryptographicOperations.ZeroMemory(seed);
            return signer;
        }
    }

    /// <summary>Makes the handover from the ledger's signing key to the next at a head; nothing counts yet.</summary>
    /// <exception cref="InvalidOperationException">There is no next key.</exception>
    public Handover SignHandover(Checkpoint head)
    {
        using NoteSigner next = NextSigner() ?? throw new InvalidOperationException("expected a next signing key, found none");
        return Handover.Sign(head, LedgerKeys.Signer, next);
    }

    /// <summary>The next signing key becomes the ledger's, and the one before is gone; durable when it returns.
    /// Only once a handover to it is durable, and while nothing is being signed.</summary>
    internal void TakeNextKey()
    {
        lock (_lock)
        {
            NoteSigner next = NextSigner() ?? throw new InvalidOperationException("expected a next signing key, found none");
            byte[] seed = Secret(NextSigningSeed);
            SortedDictionary<string, WrappedSecret> secrets = new(_file.Secrets,
                StringComparer.Ordinal) { [KeyringSecrets.SigningSeed] = KeyringSecrets.Wrap(_wrap, KeyringSecrets.SigningSeed, seed) };
            CryptographicOperations.ZeroMemory(seed);
            secrets.Remove(NextSigningSeed);
            Save(_file with { Secrets = secrets, VerifierKey = next.VerifierKey.ToString() });
            using NoteSigner before = LedgerKeys.Signer;
            LedgerKeys.Signer = next;
        }
    }
}
