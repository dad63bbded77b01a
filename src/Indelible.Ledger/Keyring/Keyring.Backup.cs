using Indelible.Format;

namespace Indelible.Ledger;

/// <content>Backup and restore.</content>
public sealed partial class Keyring
{
    /// <summary>Writes everything but the master key and the guard into a new file, still wrapped, as of now.
    /// Durable when it returns; waits for nobody's transaction.</summary>
    /// <exception cref="IndelibleException">Usage: there is such a file.</exception>
    public void Export(string path)
    {
        KeyringFile file;
        byte[] macKey;
        lock (_lock)
        {
            _store.Commit();
            file = _file;
            macKey = Secret(KeyringSecrets.BackupHmac);
        }
        KeyringBackup.Write(path, file, _store, macKey);
    }

    /// <summary>Makes a keyring from a backup; nothing is there unless all of it is.
    /// What was destroyed since the backup must be destroyed again.</summary>
    /// <exception cref="IndelibleException">Usage: wrong master key, or a keyring is there. Environment: the backup is damaged.</exception>
    public static void Import(string backup, string directory, MasterKey masterKey)
    {
        if (Exists(directory))
            throw new IndelibleException(ExitCode.Usage, $"expected no keyring in {directory}, found one: restore into an empty directory");
        KeyringFile file = KeyringBackup.ReadFile(backup, out long recordsAt);
        file.CheckMasterKey(masterKey, backup);
        using (KeyWrap wrap = new(masterKey, file.Origin, file.Epoch))
        {
            KeyringBackup.Check(backup, KeyringSecrets.Unwrap(wrap, file, KeyringSecrets.BackupHmac, backup));
        }
        DurableFile.MakeSecretDirectory(directory);
        using (SubjectStore store = SubjectStore.Open(StorePath(directory, file.Epoch), create: true))
        {
            KeyringBackup.Restore(backup, recordsAt, store);
        }
        DurableFile.ReplaceSecret(Path.Combine(directory, KeyringFile.FileName), file.ToBytes());
    }
}
