using System.Runtime.InteropServices;

namespace Indelible.Cli;

/// <summary>The C library's heap, which RocksDB allocates from.</summary>
internal static unsafe class NativeHeap
{
    private const string HeapsVariable = "MALLOC_ARENA_MAX";
    private const int ArenaMax = -8, MapThreshold = -3;
    /// <summary>Blocks from this size on go back to the system when they are freed.
    /// RocksDB's tables in memory are made of blocks of 1 MiB.</summary>
    private const int MappedLengthMin = 256 << 10;

    /// <summary>Between two times that what is free goes back to the system. More often costs more than it brings.</summary>
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(20);

    private static Timer? _trimming;

    /// <summary>Has this process begin anew, the same program with the same arguments, with one heap for all threads. glibc gives each
    /// thread a heap of its own: blocks made by one and freed by another leave all of them half empty, a quarter of the process
    /// under load. It reads how many it may have before the first thread begins, so it must be told from outside.
    /// Returns if that is done, or cannot be done. man 3 mallopt, man 2 execve.</summary>
    public static void BeginWithOne(string[] arguments)
    {
        if (Environment.GetEnvironmentVariable(HeapsVariable) is not null) return;
        if (Environment.ProcessPath is not { } program || Path.GetFileNameWithoutExtension(program) == "dotnet") return;
        if (!NativeLibrary.TryLoad("libc.so.6", out nint library)) return;
        if (!NativeLibrary.TryGetExport(library, "setenv", out nint set)) return;
        if (!NativeLibrary.TryGetExport(library, "execv", out nint execute)) return;
        ((delegate* unmanaged<nint, nint, int, int>)set)(Text(HeapsVariable), Text("1"), 1);
        nint[] all = [Text(program), .. arguments.Select(Text), 0];
        fixed (nint* first = all) ((delegate* unmanaged<nint, nint*, int>)execute)(all[0], first);
    }

    /// <summary>Gives no further thread a heap of its own, and what is free back to the system: large blocks at once, what is inside
    /// heaps now and then. Does nothing where the C library is another. man 3 mallopt, malloc_trim.</summary>
    public static void KeepSmall()
    {
        if (!NativeLibrary.TryLoad("libc.so.6", out nint library)) return;
        if (NativeLibrary.TryGetExport(library, "mallopt", out nint mallopt))
        {
            var set = (delegate* unmanaged<int, int, int>)mallopt;
            set(ArenaMax, 1);
            set(MapThreshold, MappedLengthMin);
        }
        if (NativeLibrary.TryGetExport(library, "malloc_trim", out nint trim))
        {
            _trimming = new Timer(_ => ((delegate* unmanaged<nuint, int>)trim)(0), null, TrimInterval, TrimInterval);
        }
    }

    private static nint Text(string text) => Marshal.StringToCoTaskMemUTF8(text);
}
