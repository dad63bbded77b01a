using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>The system calls .NET does not offer. Linux, 64 bit.</summary>
public static partial class DurableFile
{
    private const int ReadOnly = 0, WriteOnly = 1, CreateNew = 0x40 | 0x80, ReadWrite = 2, CreateMissing = 0x40, Truncate = 0x200,
        Append = 0x400, NoWaiting = 0x800, CloseOnExec = 0x80000;
    /// <summary>One of the few flags whose number depends on the processor.</summary>
    private static readonly int DirectoryOnly = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 0x4000 : 0x10000;
    private const int LockExclusive = 2, LockNoWait = 4, MayWrite = 2;
    private const int NoEntry = 2, Interrupted = 4, WouldBlock = 11, NoAccess = 13, Exists = 17, NotDirectory = 20, IsDirectory = 21,
        NoSpace = 28, Quota = 122;

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeOpen(string path, int flags, int mode);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static unsafe partial nint NativeRead(SafeFileHandle file, byte* bytes, nint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static unsafe partial nint NativeWrite(SafeFileHandle file, byte* bytes, nint length);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int NativeSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "fdatasync", SetLastError = true)]
    private static partial int NativeSyncContent(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "sync_file_range", SetLastError = true)]
    private static partial int NativeStartWriting(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeLink(string from, string to);

    [LibraryImport("libc", EntryPoint = "rename", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeRename(string from, string to);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeUnlink(string path);

    [LibraryImport("libc", EntryPoint = "rmdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeRemoveDirectory(string path);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeMakeDirectory(string path, int mode);

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int NativeAccess(string path, int mode);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static unsafe partial int NativeStat(SafeFileHandle file, string path, int flags, uint mask, byte* found);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint NativeUser();

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int NativeLock(SafeFileHandle file, int operation);

    private static SafeFileHandle? TryOpen(string path, int flags, int mode, int expectedError)
    {
        int descriptor;
        do descriptor = NativeOpen(path, flags | CloseOnExec, mode);
        while (descriptor < 0 && Marshal.GetLastPInvokeError() == Interrupted);
        if (descriptor >= 0) return new SafeFileHandle(descriptor, ownsHandle: true);
        int error = Marshal.GetLastPInvokeError();
        // A path through something that is no directory leads nowhere, as one to a missing file does.
        bool isExpected = error == expectedError || (error == NotDirectory && expectedError == NoEntry);
        return isExpected ? null : throw Failure("open", path, error);
    }

    private static void Require(int result, string action, string path)
    {
        if (result != 0) throw Failure(action, path, Marshal.GetLastPInvokeError());
    }

    /// <summary>The failed call as an exception; its HResult is the error number.</summary>
    private static IOException Failure(string action, string path, int error)
    {
        string advice = error switch
        {
            NoSpace or Quota => "; free space on that file system, then start again",
            NoAccess => "; run as the user it belongs to, or mend its owner and mode",
            _ => "",
        };
        string message = $"cannot {action} {path}: {Marshal.GetPInvokeErrorMessage(error)}{advice}";
        return error == NoEntry ? new FileNotFoundException(message, path) : new IOException(message, error);
    }
}
