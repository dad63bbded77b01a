using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Index;

/// <summary>The directory of an index. What is in it may be deleted at any time, so it must be ours: a marker file says so.</summary>
/// <remarks>Without it, a wrong path in a configuration would empty a keyring.</remarks>
internal static class IndexDirectory
{
    /// <summary>Name of the marker file.</summary>
    public const string Marker = "indelible-index";

    private const string Condemned = "damaged";

    /// <summary>Makes the directory, or checks that it is an index's.</summary>
    /// <exception cref="IndelibleException">Usage: it holds something else; nothing was touched.</exception>
    public static void Claim(string directory)
    {
        Directory.CreateDirectory(directory);
        bool isMarked = false, isEmpty = true;
        foreach (string path in Directory.EnumerateFileSystemEntries(directory))
        {
            string name = Path.GetFileName(path);
            isMarked |= name == Marker;
            isEmpty &= name == Marker + DurableFile.Unfinished; // a process died while it claimed the directory
        }
        if (isMarked) return;
        if (!isEmpty) throw new IndelibleException(ExitCode.Usage, $"expected an index or an empty directory, found other files in {directory}; name another directory, or empty it if it is an old index");
        DurableFile.Replace(Path.Combine(directory, Marker), "derived from a ledger; may be deleted while nothing runs\n"u8);
    }

    /// <summary>Notes that the index is damaged.</summary>
    public static void Condemn(string directory) => DurableFile.Replace(Path.Combine(directory, Condemned), "met while in use; begun again when opened\n"u8);

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
