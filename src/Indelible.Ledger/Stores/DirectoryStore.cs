using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger.Stores;

/// <summary>A copy in a directory, on another disk or a mounted file system: itself a ledger directory,
/// to be served or verified as it is.</summary>
/// <remarks>The directory must exist: one that is made where a mount is missing would fill the wrong disk.</remarks>
/// <param name="directory">An absolute path.</param>
public sealed class DirectoryStore(string directory) : ILedgerStore
{
    private readonly ImmutableFiles _files = new(directory, "copy");
    private SafeFileHandle? _lock;

    /// <inheritdoc/>
    public string Place => directory;

    /// <inheritdoc/>
    public Task OpenAsync(ReadOnlyMemory<byte> hint, CancellationToken cancellationToken)
    {
        if (!Directory.Exists(directory))
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected a directory for a copy of the ledger, found none: {directory}\n"
                    + $"  mount it, or make it with `mkdir -p '{directory}'`");
        }
        _lock = DurableFile.TryLockDirectory(directory)
            ?? throw new IndelibleException(
                ExitCode.Environment, $"{directory} is in use by another process: a copy has one writer") { IsBusy = true };
        RequireOurs(hint);
        ImmutableFiles.CleanUp(directory);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<ReadOnlyMemory<byte>?> ReadHeadAsync(HeadSize sizeOf, HandoverSeen handedOver, CancellationToken cancellationToken)
    {
        byte[]? head = DurableFile.TryReadAll(Full(LedgerFiles.Checkpoint), SignedNote.LengthMax);
        return Task.FromResult(head is null ? null : (ReadOnlyMemory<byte>?)head);
    }

    /// <inheritdoc/>
    public Task<bool> HasAsync(string path, CancellationToken cancellationToken) => Task.FromResult(Path.Exists(Full(path)));

    /// <inheritdoc/>
    public Task PutAsync(IReadOnlyList<StoreFile> files, CancellationToken cancellationToken) => CommitAsync(() =>
    {
        foreach (StoreFile file in files) _files.Stage(file.Path, file.Content.Span);
    }, cancellationToken);

    /// <inheritdoc/>
    public Task PutLargeAsync(string path, Stream content, long length, CancellationToken cancellationToken) =>
        CommitAsync(() => _files.Stage(path, content), cancellationToken);

    /// <inheritdoc/>
    public Task ReplaceAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        DurableFile.Replace(Full(path), content.Span);
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task PutHeadAsync(
        long size, ReadOnlyMemory<byte> checkpoint, Action<ReadOnlyMemory<byte>> rival, CancellationToken cancellationToken) =>
        ReplaceAsync(LedgerFiles.Checkpoint, checkpoint, cancellationToken);

    /// <inheritdoc/>
    public Task DropPartialsAsync(IReadOnlyList<TileCoordinate> places, CancellationToken cancellationToken)
    {
        foreach (TileCoordinate place in places) DurableFile.DeleteDirectory(Full(place.Full.Path + ".p"));
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public TimeSpan? TendPeriod => null;

    /// <inheritdoc/>
    public TimeSpan? LockPeriod => null;

    /// <inheritdoc/>
    public Task TendAsync(long size, bool extendLocks, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Strange => [];

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _files.Dispose();
        _lock?.Dispose();
        return ValueTask.CompletedTask;
    }

    private string Full(string path) => Path.Combine(directory, path);

    /// <summary>Empty, or a copy, or one that was begun: nothing of somebody else's is written into.</summary>
    private void RequireOurs(ReadOnlyMemory<byte> hint)
    {
        if (Path.Exists(Full(LedgerFiles.Checkpoint))) return;
        byte[]? begun = DurableFile.TryReadAll(Full(LedgerFiles.Hint), SignedNote.LengthMax);
        string? found = Directory.EnumerateFileSystemEntries(directory).FirstOrDefault(path => Path.GetFileName(path) is not "lost+found");
        if (found is null || begun.AsSpan().SequenceEqual(hint.Span)) return;
        throw new IndelibleException(
            ExitCode.Usage, $"expected an empty directory or a copy of this ledger, found {found}: name another directory");
    }

    private Task CommitAsync(Action stage, CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        try
        {
            stage();
            _files.Commit();
            return Task.CompletedTask;
        }
        catch (LedgerCorruptException e)
        {
            throw new CopyDamagedException(
                $"{e.FilePath} at byte {e.Offset}: {e.Rule}. Somebody or something changed the copy: nothing in it was overwritten. "
                + "Keep it as evidence and begin a new copy elsewhere, or put back the file", e);
        }
        finally
        {
            _files.Dispose();
        }
    }
}
