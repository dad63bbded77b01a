using Indelible.Format;
using Indelible.Format.Verification;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Verify;

#pragma warning disable RS0030 // This program links only Format, where DurableFile is not: it reads files by itself, and writes none.

/// <summary>Reads files. Nothing here writes.</summary>
internal static class Disk
{
    public static bool IsDirectory(string path) => Directory.Exists(path);

    public static bool IsFile(string path) => File.Exists(path);

    /// <summary>The whole file; it must not be longer than <paramref name="lengthMax"/> bytes.</summary>
    public static byte[] Read(string path, int lengthMax)
    {
        if (!File.Exists(path)) throw new IndelibleException(ExitCode.Usage, $"expected a file or directory at '{path}', found nothing");
        using FileStream file = File.OpenRead(path);
        if (file.Length > lengthMax)
            throw new IndelibleException(ExitCode.Finding, $"{path}: expected at most {lengthMax} bytes, found {file.Length}");
        byte[] bytes = new byte[file.Length];
        file.ReadExactly(bytes);
        return bytes;
    }

    public static Stream? Open(string path) => File.Exists(path) ? File.OpenRead(path) : null;

    /// <summary>For reading whole, which needs no stream.</summary>
    public static SafeFileHandle? OpenHandle(string path) => File.Exists(path) ? File.OpenHandle(path) : null;
}

#pragma warning restore RS0030

/// <summary>A ledger directory: gives files by their path in it. Keeps one buffer; what it returned is gone with the next read.</summary>
internal sealed class LedgerDirectory(string root)
{
    // The longest file that is read whole is a bundle.
    private byte[] _buffer = new byte[1 << 16];

    public ReadOnlyMemory<byte>? Read(string path)
    {
        using SafeFileHandle? file = Disk.OpenHandle(PathOf(path));
        if (file is null) return null;
        // One byte more than the longest: enough to be found too long.
        int length = (int)Math.Min(RandomAccess.GetLength(file), EntryBundle.LengthMax + 1), read = 0;
        if (length > _buffer.Length) _buffer = new byte[Math.Max(length, 2 * _buffer.Length)];
        for (int more; read < length && (more = RandomAccess.Read(file, _buffer.AsSpan(read, length - read), read)) > 0;) read += more;
        return _buffer.AsMemory(0, read);
    }

    public Stream? Open(string path) => Disk.Open(PathOf(path));

    private string PathOf(string path) => Path.Combine(root, path.Replace('/', Path.DirectorySeparatorChar));
}
