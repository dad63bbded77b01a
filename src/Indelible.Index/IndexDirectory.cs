using Indelible.Format;
using Indelible.Ledger;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Index;

/// <summary>The directory of an index. What is in it may be deleted at any time, so it must be ours: a marker file says so.</summary>
/// <remarks>Without it, a wrong path in a configuration would empty a keyring.</remarks>
internal static class IndexDirectory
{
    /// <summary>Name of the marker file.</summary>
    public const string Marker = "indelible-index";

    /// <summary>Name of a table file that is not part of the index yet.</summary>
    public const string NextTable = "next-table";

    private const string Condemned = "damaged";

    /// <summary>Makes the directory, or checks that it is an index's, and keeps other processes out until the handle is closed:
    /// RocksDB's own lock does not hold while an index is thrown away and begun again.</summary>
    /// <exception cref="IndelibleException">Environment: another process has it.
    /// Usage: it holds something else; nothing was touched.</exception>
    public static SafeFileHandle Claim(string directory)
    {
        Directory.CreateDirectory(directory);
        SafeFileHandle held = DurableFile.TryLockDirectory(directory) ?? throw InUse(directory);
        try
        {
            Mark(directory);
            return held;
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    /// <summary>Another process has the index.</summary>
    public static IndelibleException InUse(string directory, Exception? inner = null) => new(ExitCode.Environment,
        $"the index in {directory} is in use by another process; stop it, or ask it: `indelible run` answers on its socket",
        inner) { IsBusy = true };

    private static void Mark(string directory)
    {
        bool isMarked = false, isEmpty = true;
        foreach (string path in Directory.EnumerateFileSystemEntries(directory))
        {
            string name = Path.GetFileName(path);
            isMarked |= name == Marker;
            isEmpty &= name == Marker + DurableFile.Unfinished; // a process died while it claimed the directory
        }
        if (isMarked) return;
        if (!isEmpty)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected an index or an empty directory, found other files in {directory}; "
                    + "name another directory, or empty it if it is an old index");
        }
        DurableFile.Replace(Path.Combine(directory, Marker), "derived from a ledger; may be deleted while nothing runs\n"u8);
    }

    /// <summary>Notes that the index is damaged.</summary>
    public static void Condemn(string directory) =>
        DurableFile.Replace(Path.Combine(directory, Condemned), "met while in use; begun again when opened\n"u8);

    /// <summary>True if damage was noted since the index was begun.</summary>
    public static bool IsCondemned(string directory) => Path.Exists(Path.Combine(directory, Condemned));

    /// <summary>Deletes every file but the marker.</summary>
    public static void Empty(string directory)
    {
        foreach (string path in Directory.EnumerateFiles(directory))    // RocksDB's own files: all flat
        {
            if (Path.GetFileName(path) != Marker) DurableFile.Delete(path);
        }
    }
}
