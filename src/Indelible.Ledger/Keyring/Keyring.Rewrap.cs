using System.Security.Cryptography;
using Indelible.Format;

namespace Indelible.Ledger;

/// <content>Another master key.</content>
public sealed partial class Keyring
{
    /// <summary>Epoch of the master key, from 1.</summary>
    public uint Epoch => _file.Epoch;

    /// <summary>Wraps every key anew under another master key, in the next epoch.
    /// Until the keyring's file is replaced, which is the last step, everything is as before;
    /// then the old master key opens nothing here any more.</summary>
    /// <remarks>A key that was destroyed is in neither. Backups made before open with the old master key only:
    /// once that is destroyed too, what was erased is erased for good.</remarks>
    /// <param name="directory">A keyring that nobody holds.</param>
    /// <param name="masterKey">Its master key.</param>
    /// <param name="next">The one it is to have.</param>
    /// <exception cref="IndelibleException">Usage: a wrong master key. Environment: damaged, or in use by another process.</exception>
    public static void Rewrap(string directory, MasterKey masterKey, MasterKey next)
    {
        uint epoch;
        using (Keyring keyring = Open(directory, masterKey))
        {
            epoch = keyring.Epoch;
            string fresh = StorePath(directory, checked(epoch + 1));
            if (Directory.Exists(fresh)) Directory.Delete(fresh, recursive: true);      // an attempt that was stopped
            using KeyWrap wrap = new(next, keyring.Origin, epoch + 1);
            using (SubjectStore store = SubjectStore.Open(fresh, create: true)) keyring.Rewrap(keyring._wrap, wrap, store);
            SortedDictionary<string, WrappedSecret> secrets = new(StringComparer.Ordinal);
            foreach (string name in keyring._file.Secrets.Keys)
            {
                byte[] secret = keyring.Secret(name);
                secrets.Add(name, KeyringSecrets.Wrap(wrap, name, secret));
                CryptographicOperations.ZeroMemory(secret);
            }
            keyring.Save(keyring._file with
            {
                Epoch = epoch + 1,
                MasterKeyCheck = KeyringFile.CheckOf(next, keyring.Origin, epoch + 1),
                Secrets = secrets,
            });
        }
        Directory.Delete(StorePath(directory, epoch), recursive: true);
    }

    /// <summary>True if this is the master key of the keyring there, which need not be open.</summary>
    internal static bool IsOpenedBy(string directory, MasterKey masterKey)
    {
        KeyringFile file = Load(directory);
        return file.MasterKeyCheck == KeyringFile.CheckOf(masterKey, file.Origin, file.Epoch);
    }

    /// <summary>Each epoch has a store of its own: which one counts is said by the keyring's file.</summary>
    private static string StorePath(string directory, uint epoch) =>
        Path.Combine(directory,
            epoch == FirstEpoch ? "subjects" : string.Create(System.Globalization.CultureInfo.InvariantCulture, $"subjects-{epoch}"));
}
