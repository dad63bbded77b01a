using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Bench;

/// <summary>Has the system forget files it holds in memory. Only those named: nobody else's.
/// https://man7.org/linux/man-pages/man2/posix_fadvise.2.html.</summary>
internal static partial class PageCache
{
    private const int DontNeed = 4;

    /// <summary>Of all files below a directory; they must be on disk already.</summary>
    public static void Drop(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            using SafeFileHandle file = File.OpenHandle(path);
            int error = Advise(file, 0, 0, DontNeed);
            if (error != 0) throw new IOException($"posix_fadvise {path}: error {error}");
        }
    }

    [LibraryImport("libc", EntryPoint = "posix_fadvise")]
    private static partial int Advise(SafeFileHandle file, long offset, long length, int advice);
}
