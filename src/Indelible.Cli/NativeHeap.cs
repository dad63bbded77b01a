using System.Runtime.InteropServices;

namespace Indelible.Cli;

/// <summary>The C library's heap, which RocksDB allocates from.</summary>
internal static unsafe class NativeHeap
{
    private const int ArenaMax = -8, MapThreshold = -3;
    /// <summary>Blocks from this size on go back to the system when they are freed.
    /// RocksDB's tables in memory are made of blocks of 1 MiB.</summary>
    private const int MappedLengthMin = 256 << 10;

    /// <summary>Between two times that what is free goes back to the system. Under load 10 MB a second become free inside those heaps;
    /// giving them back costs less than a hundredth of the processor time.</summary>
    private static readonly TimeSpan TrimInterval = TimeSpan.FromSeconds(2);

    private static Timer? _trimming;

    /// <summary>Keeps glibc from giving each thread a heap of its own: blocks made by one thread and freed by another
    /// leave all of them half empty, a third of the process under load.
    /// The threads that the runtime began with have theirs already: what is free inside those goes back to the system now and then.
    /// Does nothing where the C library is another. man 3 mallopt, malloc_trim.</summary>
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
}
