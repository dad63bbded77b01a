using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Publishes many write-once files together: all written, then all flushed, then all named,
/// then the directories flushed.</summary>
/// <param name="root">The ledger directory.</param>
/// <param name="owner">Tells this one's unnamed files from another's: sealing stages blobs while publishing stages tiles.</param>
/// <remarks>Flushing after everything is written lets the first flush carry the others. Owned by one thread at a time. A name that exists
/// must have the same bytes; anything else is corruption (docs/format.md: published files never change).</remarks>
internal sealed class ImmutableFiles(string root, string owner) : IDisposable
{
    internal const string TemporaryDirectory = ".tmp";
    private const int StagedMax = 512;
    /// <summary>From so many files on they are flushed together: each flush waits for the disk, and those that wait at the same time wait
    /// for it once.</summary>
    private const int TogetherMin = 16;
    private static readonly ParallelOptions Together = new() { MaxDegreeOfParallelism = 8 };
    private long _stagedEver;
    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);
    private readonly List<(string Temporary, string Path, SafeFileHandle File)> _staged = [];

    /// <summary>Enough is staged: open files are bounded.</summary>
    public bool IsLarge => _staged.Count >= StagedMax;

    /// <summary>Removes what a writer that died left unnamed.</summary>
    public static void CleanUp(string root) => DurableFile.DeleteDirectory(Path.Combine(root, TemporaryDirectory));

    /// <summary>Writes a file without a name.</summary>
    public void Stage(string relativePath, ReadOnlySpan<byte> content)
    {
        (string temporary, SafeFileHandle file) = Begin(relativePath);
        DurableFile.Write(file, temporary, content);
    }

    /// <summary>Takes a file that is there already, and right, as if it had been staged:
    /// a process that died may not have flushed its name.</summary>
    public void Keep(string relativePath) => _kept.Add(Path.GetDirectoryName(Path.Combine(root, relativePath))!);

    /// <summary>The same, of what may be too large for memory.</summary>
    public void Stage(string relativePath, Stream content)
    {
        (string temporary, SafeFileHandle file) = Begin(relativePath);
        byte[] buffer = new byte[1 << 16];
        for (int read; (read = content.Read(buffer)) > 0;) DurableFile.Write(file, temporary, buffer.AsSpan(0, read));
    }

    /// <summary>Makes every staged file durable under its name.</summary>
    public void Commit()
    {
        var directories = new SortedSet<string>(_kept, StringComparer.Ordinal);
        foreach (var (_, _, file) in _staged) DurableFile.StartWriting(file);
        FlushAll();
        foreach (var (temporary, path, _) in _staged)
        {
            string directory = Path.GetDirectoryName(path)!;
            if (directories.Add(directory)) DurableFile.MakeDirectory(directory);
            if (!DurableFile.TryLink(temporary, path)) RequireSame(path, temporary);
            DurableFile.Delete(temporary);
        }
        foreach (string directory in directories) DurableFile.SyncDirectory(directory);
        Dispose();
    }

    /// <summary>Forgets what is staged and not committed.</summary>
    public void Dispose()
    {
        foreach (var (_, _, file) in _staged) file.Dispose();
        _staged.Clear();
        _kept.Clear();
    }

    private (string Temporary, SafeFileHandle File) Begin(string relativePath)
    {
        string directory = Path.Combine(root, TemporaryDirectory);
        if (_staged.Count == 0) DurableFile.MakeDirectory(directory);
        string temporary =
            Path.Combine(directory, string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{owner}{_stagedEver++}"));
        SafeFileHandle file = DurableFile.CreateForWrite(temporary, DurableFile.ImmutableMode);
        _staged.Add((temporary, Path.Combine(root, relativePath), file));
        return (temporary, file);
    }

    private void FlushAll()
    {
        if (_staged.Count < TogetherMin)
        {
            foreach (var (temporary, _, file) in _staged) DurableFile.Sync(file, temporary);
            return;
        }
        try
        {
            Parallel.ForEach(_staged, Together, static staged => DurableFile.Sync(staged.File, staged.Temporary));
        }
        catch (AggregateException all)
        {
            ExceptionDispatchInfo.Throw(all.InnerExceptions[0]);    // the first is the end, whatever became of the others
        }
    }

    private static void RequireSame(string path, string temporary)
    {
        byte[] found = DurableFile.ReadAll(path, int.MaxValue), content = DurableFile.ReadAll(temporary, int.MaxValue);
        int same = found.AsSpan().CommonPrefixLength(content);
        if (same != content.Length || same != found.Length)
        {
            throw new LedgerCorruptException(
                path, same, $"expected the {content.Length} bytes that follow from the sealed entries, found {found.Length} that differ");
        }
        DurableFile.SyncExisting(path);
    }
}
