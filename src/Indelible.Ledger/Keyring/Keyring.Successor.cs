using System.Buffers.Binary;
using System.Security.Cryptography;
using Indelible.Format;

namespace Indelible.Ledger;

/// <content>The keyring of a successor.</content>
public sealed partial class Keyring
{
    /// <summary>What a successor has of its own: whoever may sign for the closed ledger may not for the next.</summary>
    private static readonly string[] OfOneLedger = [KeyringSecrets.SigningSeed, KeyringSecrets.JournalHmac, KeyringSecrets.BackupHmac];

    /// <summary>Makes the keyring of a ledger that succeeds this one: the same subjects' keys, tokens and attribution secrets under another
    /// origin, with a signing key of its own.
    /// Nothing counts unless all of it is there: its file comes last. Durable when it returns.</summary>
    /// <remarks>So a closed ledger's values open with its successor's keyring, rows are named as before,
    /// and who destroys a subject's key there destroys it for the whole chain.</remarks>
    /// <param name="directory">Its directory, empty.</param>
    /// <param name="origin">The successor's origin.</param>
    /// <param name="masterKey">Its master key; may be the same.</param>
    /// <exception cref="IndelibleException">Usage: there is a keyring. Environment: a key does not open.</exception>
    public void CreateSuccessor(string directory, string origin, MasterKey masterKey)
    {
        if (Exists(directory))
            throw new IndelibleException(ExitCode.Usage, $"expected no keyring in {directory}, found one: keys are never replaced");
        DurableFile.MakeSecretDirectory(directory);
        using KeyWrap wrap = new(masterKey, origin, FirstEpoch);
        KeyringFile file = NewFile(origin, masterKey, wrap);
        lock (_lock)
        {
            _store.Commit();
            using (SubjectStore store = SubjectStore.Open(StorePath(directory, FirstEpoch), create: true)) Rewrap(_wrap, wrap, store);
            foreach (string name in _file.Secrets.Keys.Except(OfOneLedger))
            {
                byte[] secret = Secret(name);
                file.Secrets[name] = KeyringSecrets.Wrap(wrap, name, secret);
                CryptographicOperations.ZeroMemory(secret);
            }
        }
        DurableFile.ReplaceSecret(Path.Combine(directory, KeyringFile.FileName), file.ToBytes());
    }

    /// <summary>Puts every subject's key into another store, wrapped anew; durable when it returns.</summary>
    private void Rewrap(KeyWrap from, KeyWrap to, SubjectStore store)
    {
        byte[] key = new byte[SubjectKey.Size], record = new byte[SubjectStore.RecordSize];
        _store.ReadAll((idBytes, wrapped) =>
        {
            KeyId id = KeyId.Read(idBytes);
            if (BinaryPrimitives.ReadUInt32BigEndian(wrapped) != from.Epoch || !from.TryUnwrap(id, default, wrapped[sizeof(uint)..], key))
                throw DamagedKey(id);
            BinaryPrimitives.WriteUInt32BigEndian(record, to.Epoch);
            to.Wrap(id, default, key, record.AsSpan(sizeof(uint)));
            store.AddKey(id, record);
        }, (tag, id) => store.AddSubject(BinaryPrimitives.ReadUInt128BigEndian(tag), KeyId.Read(id)));
        store.Commit();
        CryptographicOperations.ZeroMemory(key);
    }

    private IndelibleException DamagedKey(KeyId id) => new(ExitCode.Environment,
        $"the record of key {id} in {StorePath(_directory, Epoch)} is damaged: it does not open under epoch {_wrap.Epoch}; "
            + "restore the keyring from its backup");
}
