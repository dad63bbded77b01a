using System.Diagnostics;
using System.Globalization;

namespace Indelible.Testing;

/// <summary>A file system of a few megabytes that can be filled to the last byte. Takes the rights to mount one.</summary>
public sealed class SmallDisk : IDisposable
{
    private readonly string _path;

    private SmallDisk(string path) => _path = path;

    private string Filler => Path.Combine(_path, "filler");

    /// <summary>Mounts one on a directory, which is made if missing; null where that is not permitted.</summary>
    /// <param name="path">The directory; what it held is hidden meanwhile.</param>
    /// <param name="megabytes">Its size.</param>
    public static SmallDisk? TryMount(string path, int megabytes)
    {
        Directory.CreateDirectory(path);
        string size = string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m");
        return Run("mount", "-t", "tmpfs", "-o", size, "tmpfs", path) == 0 ? new SmallDisk(path) : null;
    }

    /// <summary>Takes all the room there is.</summary>
    public void Fill()
    {
        byte[] block = new byte[4096];
        try
        {
            using FileStream filler = new(Filler, FileMode.Append, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (true) filler.Write(block);
        }
        catch (IOException)
        {
            return; // full
        }
    }

    /// <summary>Gives it back.</summary>
    public void Free() => File.Delete(Filler);

    /// <summary>Makes it read-only, as a file system becomes after an error of its disk.</summary>
    public void Protect() => Run("mount", "-o", "remount,ro", _path);

    /// <inheritdoc/>
    public void Dispose() => Run("umount", "-l", _path);

    private static int Run(string command, params string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(command, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode;
    }
}
