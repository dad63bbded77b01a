using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>The one place that writes files. Whatever a method here wrote is durable when it returns, name and content,
/// unless it says otherwise.</summary>
/// <remarks>Every failure is an <see cref="IOException"/> with the path and what to do. A failed flush is never tried again: after it the
/// system may call lost pages clean, so the caller must stop and start over from what is on disk.</remarks>
public static partial class DurableFile
{
    /// <summary>Permissions of an immutable file: 0444.</summary>
    internal const int ImmutableMode = 0x124;
    /// <summary>Permissions of a file everybody may read: 0644.</summary>
    internal const int PublicMode = 0x1A4;
    /// <summary>Permissions of a secret file: 0600.</summary>
    internal const int SecretMode = 0x180;

    /// <summary>Ending of the name under which a file is written that is to replace another;
    /// one is left where a process died meanwhile.</summary>
    public const string Unfinished = ".new";
    /// <summary>Names remembered to be durable; beyond it they are flushed once more.</summary>
    private const int NamedMax = 4096;
    /// <summary>Directories whose names this process has flushed.</summary>
    private static readonly HashSet<string> Named = new(StringComparer.Ordinal);

    /// <summary>Tests watch, fail and copy here: called before and after every system call that changes something.</summary>
    internal static DiskHook? Hook { get; set; }

    /// <summary>Puts <paramref name="content"/> in place of whatever <paramref name="path"/> holds, at once or
    /// not at all; mode 0644.</summary>
    public static void Replace(string path, ReadOnlySpan<byte> content) => Replace(path, content, PublicMode);

    /// <summary>As <see cref="Replace(string, ReadOnlySpan{byte})"/>, readable by its owner only.</summary>
    public static void ReplaceSecret(string path, ReadOnlySpan<byte> content) => Replace(path, content, SecretMode);

    /// <summary>Makes a directory and those above it; durable. Of one that exists the name is flushed, once:
    /// whoever made it may have died before.</summary>
    public static void MakeDirectory(string path) => MakeDirectory(path, 0x1ED);

    /// <summary>As <see cref="MakeDirectory(string)"/>, for its owner only (0700).</summary>
    public static void MakeSecretDirectory(string path) => MakeDirectory(path, 0x1C0);

    /// <summary>Flushes a directory: the names in it are durable when this returns.</summary>
    public static void SyncDirectory(string path)
    {
        using SafeFileHandle directory = TryOpen(path, ReadOnly | DirectoryOnly, 0, expectedError: 0)!;
        SyncDirectory(directory, path);
    }

    /// <summary>Throws with the reason unless this user may write into a directory, or a file:
    /// permissions, and a file system that was mounted, or became after an error, read-only. Writes nothing.</summary>
    public static void RequireWritable(string path) => Require(NativeAccess(path, MayWrite), "write to", path);

    /// <summary>Removes a file; that it is gone is not durable until its directory is flushed. Nothing happens if there is none.</summary>
    public static void Delete(string path)
    {
        Before(DiskOperation.Delete, path);
        if (NativeUnlink(path) != 0 && Marshal.GetLastPInvokeError() is int error && error is not (NoEntry or NotDirectory))
            throw Failure("remove", path, error);
        After(DiskOperation.Delete, path);
    }

    /// <summary>Removes a directory and the files in it, as <see cref="Delete"/> does. Nothing happens if there is none.</summary>
    internal static void DeleteDirectory(string path)
    {
        if (!Directory.Exists(path)) return;
        foreach (string file in Directory.EnumerateFiles(path)) Delete(file);
        Before(DiskOperation.Delete, path);
        if (NativeRemoveDirectory(path) != 0) throw Failure("remove directory", path, Marshal.GetLastPInvokeError());
        After(DiskOperation.Delete, path);
    }

    /// <summary>Creates a file that must not exist and writes it; content durable, name not before the directory is flushed.</summary>
    internal static void WriteNew(string path, ReadOnlySpan<byte> content, int mode)
    {
        using SafeFileHandle file = Create(path, WriteOnly, mode);
        Write(file, path, content);
        Sync(file, path);
    }

    /// <summary>Creates a file that must not exist and leaves it open.</summary>
    internal static SafeFileHandle Create(string path, int flags, int mode)
    {
        Before(DiskOperation.Create, path);
        SafeFileHandle file = TryOpen(path, CreateNew | flags, mode, expectedError: 0)!;
        After(DiskOperation.Create, path);
        return file;
    }

    internal static SafeFileHandle CreateForAppend(string path, int mode) => Create(path, WriteOnly | Append, mode);

    internal static SafeFileHandle CreateForWrite(string path, int mode) => Create(path, WriteOnly, mode);

    internal static unsafe void Write(SafeFileHandle file, string path, ReadOnlySpan<byte> content)
    {
        Before(DiskOperation.Write, path);
        fixed (byte* start = content)
        {
            for (nint done = 0; done < content.Length;)
            {
                nint written = NativeWrite(file, start + done, content.Length - done);
                if (written >= 0) done += written;
                else if (Marshal.GetLastPInvokeError() is int error && error != Interrupted) throw Failure("write", path, error);
            }
        }
        After(DiskOperation.Write, path);
    }

    internal static void Sync(SafeFileHandle file, string path)
    {
        Before(DiskOperation.Sync, path);
        Require(NativeSync(file), "flush", path);
        After(DiskOperation.Sync, path);
    }

    /// <summary>Asks the system to begin writing a file out; only a hint, so that flushing many files later
    /// finds them on their way.</summary>
    internal static void StartWriting(SafeFileHandle file)
    {
        const uint write = 2;
        _ = NativeStartWriting(file, 0, 0, write);
    }

    /// <summary>Flushes content and length, not times.</summary>
    internal static void SyncContent(SafeFileHandle file, string path)
    {
        Before(DiskOperation.Sync, path);
        Require(NativeSyncContent(file), "flush", path);
        After(DiskOperation.Sync, path);
    }

    /// <summary>Flushes a file that is already there.</summary>
    internal static void SyncExisting(string path)
    {
        using SafeFileHandle file = TryOpen(path, ReadOnly, 0, expectedError: 0)!;
        Sync(file, path);
    }

    /// <summary>Gives a file a second name; false if something has that name already.
    /// Not durable before the directory is flushed.</summary>
    internal static bool TryLink(string from, string to)
    {
        Before(DiskOperation.Link, from, to);
        bool isNew = NativeLink(from, to) == 0;
        if (!isNew && Marshal.GetLastPInvokeError() is int error && error != Exists) throw Failure("create", to, error);
        After(DiskOperation.Link, from, to);
        return isNew;
    }

    /// <summary>Takes the writer's lock on a directory, held until the handle is closed or the process ends;
    /// null if someone has it.</summary>
    public static SafeFileHandle? TryLockDirectory(string path)
    {
        SafeFileHandle directory = TryOpen(path, ReadOnly | DirectoryOnly, 0, expectedError: 0)!;
        if (NativeLock(directory, LockExclusive | LockNoWait) == 0) return directory;
        int error = Marshal.GetLastPInvokeError();
        directory.Dispose();
        return error == WouldBlock ? null : throw Failure("lock", path, error);
    }

    private static void Replace(string path, ReadOnlySpan<byte> content, int mode)
    {
        string temporary = path + Unfinished;
        Delete(temporary);
        WriteNew(temporary, content, mode);
        Before(DiskOperation.Rename, temporary, path);
        Require(NativeRename(temporary, path), "replace", path);
        After(DiskOperation.Rename, temporary, path);
        SyncDirectory(Path.GetDirectoryName(path)!);
    }

    private static void MakeDirectory(string path, int mode)
    {
        string? parent = Path.GetDirectoryName(path);
        if (Directory.Exists(path))
        {
            if (string.IsNullOrEmpty(parent) || IsNamed(path)) return;
            using SafeFileHandle? above = TryOpen(parent, ReadOnly | DirectoryOnly, 0, expectedError: NoAccess);
            if (above is null) return;      // not one that we made anything in
            SyncDirectory(above, parent);
            NoteNamed(path);
            return;
        }
        if (!string.IsNullOrEmpty(parent)) MakeDirectory(parent, mode);
        Before(DiskOperation.MakeDirectory, path);
        if (NativeMakeDirectory(path, mode) != 0 && Marshal.GetLastPInvokeError() is int error && error != Exists)
            throw Failure("make directory", path, error);
        After(DiskOperation.MakeDirectory, path);
        if (string.IsNullOrEmpty(parent)) return;
        SyncDirectory(parent);
        NoteNamed(path);
    }

    private static void SyncDirectory(SafeFileHandle directory, string path)
    {
        Before(DiskOperation.SyncDirectory, path);
        Require(NativeSync(directory), "flush directory", path);
        After(DiskOperation.SyncDirectory, path);
    }

    private static bool IsNamed(string path)
    {
        lock (Named) return Named.Contains(path);
    }

    private static void NoteNamed(string path)
    {
        lock (Named)
        {
            if (Named.Count == NamedMax) Named.Clear();
            Named.Add(path);
        }
    }

    private static void Before(DiskOperation operation, string path, string? target = null) => Hook?.Invoke(operation, path, target, false);

    private static void After(DiskOperation operation, string path, string? target = null) => Hook?.Invoke(operation, path, target, true);
}

/// <summary>A call that changes what is on disk.</summary>
/// <remarks><see cref="SyncDatabase"/>: RocksDB writes and flushes a log of its own.</remarks>
internal enum DiskOperation { Create, Write, Sync, Link, Rename, Delete, MakeDirectory, SyncDirectory, SyncDatabase }

/// <summary>Sees a call before and after; throws to make it fail.</summary>
internal delegate void DiskHook(DiskOperation operation, string path, string? target, bool isDone);
