using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Ledger.Stores;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Creating and opening: lock, recovery, and a journal that begins anew.</summary>
public sealed partial class LedgerWriter
{
    private const string HolderFile = "writer.pid";

    /// <summary>Makes a new, empty, published ledger; its origin is the signer's name. Refuses directories that hold anything.</summary>
    public static Task CreateAsync(LedgerPaths paths, LedgerKeys keys, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RequireEmpty(paths.Ledger);
        RequireEmpty(paths.Journal);
        string origin = keys.Signer.VerifierKey.Name;
        if (keys.Guard.Read(origin) is { Size: > 0 } head)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a keyring that has published nothing, found {keys.Guard.FilePath} at size {head.Size}: "
                    + "make new keys for a new ledger");
        }

        DurableFile.MakeDirectory(paths.Ledger);
        DurableFile.MakeSecretDirectory(paths.Journal);
        using SafeFileHandle writerLock = Lock(paths);
        using var journal = new Journal(paths.Journal, origin, keys.JournalHmacKey);
        journal.BeginSegment(new TreeRange(), []);
        DurableFile.Replace(Path.Combine(paths.Ledger, LedgerFiles.Hint), LedgerFiles.HintContent(keys.Signer.VerifierKey));
        if (paths.Store is not null) keys.Guard.Write(origin, new GuardedHead(0, Tree.EmptyRoot));
        // Last: a directory with a checkpoint is a ledger, and whole.
        Publisher.WriteHead(paths, keys, new GuardedHead(0, Tree.EmptyRoot));
        return Task.CompletedTask;
    }

    /// <summary>Takes the writer's lock, recovers, publishes what was sealed and not published, and starts sealing.</summary>
    /// <remarks>Throws <see cref="LedgerCorruptException"/> if something contradicts itself,
    /// <see cref="IndelibleException"/> if the ledger is locked, missing or rolled back. Nothing was changed then.</remarks>
    public static async Task<LedgerWriter> OpenAsync(
        LedgerPaths paths, LedgerKeys keys, TimeProvider time, ILogger log, LedgerOptions options, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        RequireStore(paths);
        if (paths.Store is null && !Path.Exists(paths.HeadPath))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a ledger, found no {LedgerFiles.Checkpoint} in {paths.Ledger}: "
                    + "name another directory, or make a ledger with `indelible init`");
        }
        RequireFormat(paths);
        if (paths.Store is not null) DurableFile.MakeDirectory(paths.Ledger);
        DurableFile.MakeSecretDirectory(paths.Journal);
        SafeFileHandle writerLock = Lock(paths);
        LedgerWriter? writer = null;
        try
        {
            if (paths.Store is { } store && !Path.Exists(paths.HeadPath))
                await StoreTakeover.RunAsync(paths, store, keys, time, log, cancellationToken);
            RequireNewestKey(paths, keys);
            RecoveredLedger recovery = RecoveredLedger.Run(paths, keys, options);
            writer = new LedgerWriter(paths, keys, time, log, options, writerLock, recovery);
            writer.Begin(recovery, keys);
            return writer;
        }
        catch
        {
            writer?.Release();
            writerLock.Dispose();
            throw;
        }
    }

    /// <summary>Looks at a ledger in a directory as the next start will: head, tiles at the right edge,
    /// journal and the memory of the highest head must fit together. Changes nothing.</summary>
    /// <returns>Entries sealed; null if a process holds the ledger, which looked when it started.</returns>
    /// <exception cref="LedgerCorruptException">The ledger contradicts itself.</exception>
    /// <exception cref="IndelibleException">It was rolled back, or the keyring does not open or is older than the ledger.</exception>
    public static long? Look(LedgerPaths paths, MasterKey masterKey)
    {
        using SafeFileHandle? writerLock = DurableFile.TryLockDirectory(paths.Ledger);     // nobody writes meanwhile
        if (writerLock is null) return null;
        LedgerKeys keys = Keyring.ReadLedgerKeys(paths.Keyring, masterKey);
        using NoteSigner signer = keys.Signer;
        RequireNewestKey(paths, keys);
        long size = RecoveredLedger.Run(paths, keys, new LedgerOptions { AcceptMissingGuard = true }).Tree.Range.Size;
        new LedgerReader(paths.Ledger).ReadSuccessor();
        return size;
    }

    /// <summary>Everything recovered is written and flushed afresh: what an earlier, failed flush left in the system's
    /// cache is not relied on.</summary>
    private void Begin(RecoveredLedger recovery, LedgerKeys keys)
    {
        ImmutableFiles.CleanUp(_paths.Ledger);
        if (recovery.Unpublished.Count > 0) _publisher.Publish(recovery.Unpublished);
        else Publisher.WriteHead(_paths, keys, new GuardedHead(recovery.Published.Size, recovery.Published.Root));
        ShowKeys(_paths, keys);
        // a person said so; the bucket's head is remembered next
        if (_paths.Store is not null && keys.Guard.Read(Origin) is null) keys.Guard.Write(Origin, new GuardedHead(0, Tree.EmptyRoot));
        _publisher.RemovePartials();
        _publishedSize = _treeSize;
        _journal.ContinueAfter(recovery.Replay, _treeSize);
        _journal.BeginSegment(_tree.Range, _marks.Values);
        _journal.Trim(_treeSize);
        LedgerReader all = LedgerReader.Of(_paths);
        Successor = all.ReadSuccessor();
        all.Stored?.Dispose();
        LogRecovery();
        _sealing = SealLoopAsync();
    }

    private void LogRecovery()
    {
        if (Recovery.TornTail is { } torn) LedgerLog.TornTail(_log, torn.Path, torn.Offset, torn.Length);
        if (Recovery.JournalLost) LedgerLog.JournalLost(_log, _marks.Count, _treeSize);
        LedgerLog.Opened(_log, Origin, _treeSize, Recovery.Replayed, _marks.Count);
    }

    /// <summary>Throws if a newer program wrote the ledger.</summary>
    /// <exception cref="IndelibleException">Environment: expected and found format, and what to do.</exception>
    public static void RequireFormat(LedgerPaths paths) => LedgerFiles.RequireFormat(paths.Ledger);

    /// <summary>Throws if the ledger here lives in a bucket and nothing says so: what is here is only part of it.</summary>
    /// <exception cref="IndelibleException">Usage.</exception>
    public static void RequireStore(LedgerPaths paths)
    {
        if (paths.Store is null && Path.Exists(paths.StagedHeadPath))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"the ledger of {paths.Ledger} lives in a bucket, found no configuration that says in which: "
                    + "name it with --config FILE, or run this beside it. What is here is only part of it");
        }
    }

    /// <summary>Throws, naming the process, if a ledger has a writer.
    /// What it finds may be over when it returns: <see cref="OpenAsync"/> takes the lock.</summary>
    public static void RequireFree(LedgerPaths paths)
    {
        if (!Directory.Exists(paths.Ledger)) return;
        using SafeFileHandle writerLock = DurableFile.TryLockDirectory(paths.Ledger) ?? throw InUse(paths);
    }

    private static string HolderPath(LedgerPaths paths) => Path.Combine(paths.Journal, HolderFile);

    private static IndelibleException InUse(LedgerPaths paths)
    {
        string pid = DurableFile.TryReadAll(HolderPath(paths), 32) is { } content ? Encoding.UTF8.GetString(content).Trim() : "unknown";
        return new IndelibleException(ExitCode.Environment,
            $"the ledger {paths.Ledger} is in use by process {pid}: a ledger has one writer. Stop that process first") { IsBusy = true };
    }

    private static SafeFileHandle Lock(LedgerPaths paths)
    {
        SafeFileHandle writerLock = DurableFile.TryLockDirectory(paths.Ledger) ?? throw InUse(paths);
        try
        {
            DurableFile.Replace(
                HolderPath(paths), Encoding.UTF8.GetBytes(Environment.ProcessId.ToString(CultureInfo.InvariantCulture) + "\n"));
            return writerLock;
        }
        catch
        {
            writerLock.Dispose();
            throw;
        }
    }

    private static void RequireEmpty(string directory)
    {
        if (Directory.Exists(directory) && Directory.EnumerateFileSystemEntries(directory).FirstOrDefault() is { } first)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"expected an empty directory for a new ledger, found {first} in it: name another directory");
        }
    }
}
