using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>Bounded reads.</summary>
public static partial class DurableFile
{
    /// <summary>A whole file of at most <paramref name="lengthMax"/> bytes; a longer one is an <see cref="IOException"/>, a missing one a
    /// <see cref="FileNotFoundException"/>.</summary>
    public static byte[] ReadAll(string path, int lengthMax) =>
        TryReadAll(path, lengthMax) ?? throw new FileNotFoundException($"expected a file, found none: {path}", path);

    /// <summary>As <see cref="ReadAll"/>; null if there is no such file.</summary>
    public static byte[]? TryReadAll(string path, int lengthMax)
    {
        using SafeFileHandle? file = TryOpenForRead(path);
        if (file is null) return null;
        long length = RandomAccess.GetLength(file);
        if (length > lengthMax) throw new IOException($"expected at most {lengthMax} bytes, found {length}: {path}");
        byte[] content = GC.AllocateUninitializedArray<byte>((int)length);
        int read = ReadFully(file, 0, content);
        return read == content.Length ? content : content[..read];
    }

    /// <summary>Bytes from <paramref name="offset"/> on, as many as there are and fit; returns how many. The file must exist.</summary>
    public static int ReadAt(string path, long offset, Span<byte> destination)
    {
        using SafeFileHandle file = TryOpenForRead(path) ?? throw new FileNotFoundException($"expected a file, found none: {path}", path);
        return ReadFully(file, offset, destination);
    }

    /// <summary>Reads a file from its start into a buffer that grows as needed; returns how many bytes, null if there is no such file.
    /// For many small files: four calls of the system, nothing asked before.</summary>
    /// <param name="path">The file; a directory in its place is no file.</param>
    /// <param name="buffer">Receives the bytes; replaced by a longer one if it is too short.</param>
    /// <param name="lengthMax">Bytes after which reading ends; at least as many are there then.</param>
    public static int? TryReadInto(string path, ref byte[] buffer, int lengthMax)
    {
        using SafeFileHandle? file = TryOpen(path, ReadOnly, 0, expectedError: NoEntry);
        if (file is null) return null;
        int done = 0;
        while (done < lengthMax)
        {
            if (done == buffer.Length) Array.Resize(ref buffer, 2 * buffer.Length);
            int read = NativeReadSome(file, buffer.AsSpan(done, Math.Min(buffer.Length, lengthMax) - done), path);
            if (read < 0) return null;
            if (read == 0) break;
            done += read;
        }
        return done;
    }

    /// <summary>Opens a file for reading once from the start, for what may be large; null if there is no such file.
    /// The caller disposes it.</summary>
    public static Stream? TryOpenRead(string path)
    {
        SafeFileHandle? file = TryOpenForRead(path);
#pragma warning disable RS0030 // This is DurableFile: the one place that may, and it only reads.
        return file is null ? null : new FileStream(file, FileAccess.Read, bufferSize: 1 << 16);
#pragma warning restore RS0030
    }

    private static SafeFileHandle? TryOpenForRead(string path, int flags = 0)
    {
        SafeFileHandle? file = TryOpen(path, ReadOnly | flags, 0, expectedError: NoEntry);
        if (file is not null && Directory.Exists(path))
        {
            file.Dispose();
            throw new IOException($"expected a file, found a directory: {path}");
        }
        return file;
    }

    /// <summary>Bytes read, 0 at the end, -1 if it is a directory.</summary>
    private static unsafe int NativeReadSome(SafeFileHandle file, Span<byte> destination, string path)
    {
        while (true)
        {
            nint read;
            fixed (byte* start = destination) read = NativeRead(file, start, destination.Length);
            if (read >= 0) return (int)read;
            int error = Marshal.GetLastPInvokeError();
            if (error == IsDirectory) return -1;
            if (error != Interrupted) throw Failure("read", path, error);
        }
    }

    private static int ReadFully(SafeFileHandle file, long offset, Span<byte> destination)
    {
        int done = 0;
        while (done < destination.Length)
        {
            int read = RandomAccess.Read(file, destination[done..], offset + done);
            if (read == 0) break;
            done += read;
        }
        return done;
    }
}
