using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>A ledger just made.</summary>
/// <param name="Origin">Its name for ever.</param>
/// <param name="VerifierKey">The one public key that proves what it holds.</param>
/// <param name="MasterKeyPath">File the master key was written to; null if it was given.</param>
public sealed record NewLedger(string Origin, string VerifierKey, string? MasterKeyPath)
{
    /// <summary>Makes master key (unless one is given), keyring and empty ledger. Everything is durable when it returns.</summary>
    /// <exception cref="IndelibleException">A directory is not empty, or holds a keyring of another ledger.</exception>
    public static async Task<NewLedger> CreateAsync(LedgerPaths paths, string origin, CancellationToken cancellationToken)
    {
        foreach (string directory in (string[])[paths.Ledger, paths.Journal, paths.Index]) RequireEmpty(directory);
        if (Ledger.Keyring.Exists(paths.Keyring))
        {
            throw new IndelibleException(ExitCode.Usage, $"expected no keyring, found one: {paths.Keyring}\n"
                + "  keys are never replaced; choose another --ledger DIR");
        }
        bool given = MasterKey.Exists(paths.Keyring);
        using MasterKey master = given ? MasterKey.Load(paths.Keyring) : MasterKey.Generate();
        string? masterPath = given ? null : MasterKey.DefaultPath(paths.Keyring);
        if (masterPath is not null)
        {
            DurableFile.MakeSecretDirectory(Path.GetDirectoryName(masterPath)!);
            master.Save(masterPath); // before anything is made with it
        }
        using Keyring keyring = Ledger.Keyring.Create(paths.Keyring, origin, master);
        await LedgerWriter.CreateAsync(paths, keyring.LedgerKeys, cancellationToken);
        return new NewLedger(keyring.Origin, keyring.VerifierKey, masterPath);
    }

    private static void RequireEmpty(string directory)
    {
        if (!Directory.Exists(directory) || !Directory.EnumerateFileSystemEntries(directory).Any()) return;
        throw new IndelibleException(ExitCode.Usage, $"expected an empty directory or none, found files in {directory}\n"
            + "  choose another --ledger DIR; a ledger is never overwritten");
    }
}
