using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;

namespace Indelible.Server;

/// <summary>A ledger just made.</summary>
/// <param name="Origin">Its name for ever.</param>
/// <param name="VerifierKey">The one public key that proves what it holds.</param>
/// <param name="MasterKeyPath">File the master key was written to; null if it was given.</param>
public sealed record NewLedger(string Origin, string VerifierKey, string? MasterKeyPath)
{
    /// <summary>Makes master key (unless one is given), keyring and empty ledger.
    /// Everything is durable when it returns; when it throws, nothing it made is left.</summary>
    /// <remarks>With a bucket to live in, that is tried first, and holds the empty ledger when this returns.</remarks>
    /// <exception cref="IndelibleException">The origin cannot be one; a directory is not empty, or holds a keyring;
    /// the bucket will not do, or holds a ledger.</exception>
    public static async Task<NewLedger> CreateAsync(LedgerPaths paths, string origin, CancellationToken cancellationToken)
    {
        if (!Checkpoint.IsOrigin(origin))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected an origin of 1 to {Checkpoint.OriginLengthMax} bytes without spaces, control characters and plus signs, "
                    + $"found '{origin}'\n  by custom it is a domain and a path, such as example.org/clinic");
        }
        foreach (string directory in (string[])[paths.Ledger, paths.Journal, paths.Index]) RequireEmpty(directory, paths);
        if (Ledger.Keyring.Exists(paths.Keyring))
        {
            throw new IndelibleException(ExitCode.Usage, $"expected no keyring, found one: {paths.Keyring}\n"
                + "  keys are never replaced; choose another --ledger DIR. "
                + "If an `init` was interrupted here and nothing was ever sealed, remove the directory");
        }
        if (paths.Store is { } store) await RequireEmptyAsync(store, cancellationToken);
        HashSet<string> before = [.. Present(paths)];
        try
        {
            return await MakeAsync(paths, origin, cancellationToken);
        }
        catch
        {
            // The next attempt must not find half of this one in its way.
            foreach (string path in Present(paths).Where(path => !before.Contains(path))) Remove(path);
            throw;
        }
    }

    private static async Task<NewLedger> MakeAsync(LedgerPaths paths, string origin, CancellationToken cancellationToken)
    {
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
        if (paths.Store is { } place) await StoreAsync(paths, place, keyring, cancellationToken);
        return new NewLedger(keyring.Origin, keyring.VerifierKey, masterPath);
    }

    /// <summary>The bucket is tried, as at every start, and must hold no head.</summary>
    internal static async Task RequireEmptyAsync(StorePlace place, CancellationToken cancellationToken)
    {
        await using BucketStore store = new(place.Options(), TimeProvider.System);
        await store.OpenAsync(default, cancellationToken);
        if (await store.ReadHeadAsync(static _ => null, static (_, _) => Task.CompletedTask, cancellationToken) is not null)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected no ledger in {place.Name}, found a checkpoint there: name another prefix. "
                    + "A ledger that is there is gone on with by `indelible run`, where its keyring is");
        }
    }

    private static async Task StoreAsync(LedgerPaths paths, StorePlace place, Keyring keyring, CancellationToken cancellationToken)
    {
        await using BucketStore store = new(place.Options(), TimeProvider.System);
        LedgerReader reader = LedgerReader.Of(paths);
        CopyWriter copy = new(reader, () => KeyHistory.Of(keyring.LedgerKeys.Signer.VerifierKey), store, default)
        {
            Shown = head => DurableFile.Replace(paths.PublishedHeadPath, head.Span),
        };
        await copy.OpenAsync(cancellationToken);
        await copy.RoundAsync(static _ => { }, cancellationToken);
        reader.Stored?.Dispose();
    }

    /// <summary>What is there of a ledger, each directory after what is in it.</summary>
    private static IEnumerable<string> Present(LedgerPaths paths)
    {
        foreach (string directory in (string[])[paths.Ledger, paths.Journal, paths.Keyring])
        {
            if (!Directory.Exists(directory)) continue;
            foreach (string entry in Directory.GetFileSystemEntries(directory)) yield return entry;
            yield return directory;
        }
        if (MasterKey.DefaultPath(paths.Keyring) is var master && Path.Exists(master)) yield return master;
    }

    private static void Remove(string path)
    {
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else DurableFile.Delete(path);
    }

    private static void RequireEmpty(string directory, LedgerPaths paths)
    {
        if (!Directory.Exists(directory) || !Directory.EnumerateFileSystemEntries(directory).Any()) return;
        string interrupted = Path.Exists(paths.HeadPath)
            ? ""
            : $". There is no checkpoint in {paths.Ledger}: if an `init` was interrupted here, and nothing was ever sealed, "
                + $"remove what it left: {paths.Ledger}, {paths.Journal} and {paths.Keyring}";
        throw new IndelibleException(ExitCode.Usage, $"expected an empty directory or none, found files in {directory}\n"
            + $"  choose another --ledger DIR; a ledger is never overwritten{interrupted}");
    }
}
