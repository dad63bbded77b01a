using System.Text;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server.Succeeding;

/// <summary>A file beside a successor's ledger directory that is there until everything the successor begins with is in it.
/// Until then nothing may be captured into it.</summary>
internal static class OpeningMark
{
    private const int LengthMax = 1024;

    /// <summary>The file.</summary>
    public static string PathOf(LedgerPaths successor) => Path.Combine(Path.GetDirectoryName(successor.Ledger)!, "opening");

    /// <summary>Throws if the ledger is a successor that is not whole yet.</summary>
    /// <exception cref="IndelibleException">Usage: with what to do.</exception>
    public static void RequireNone(LedgerPaths paths)
    {
        if (!Path.Exists(PathOf(paths))) return;
        throw new IndelibleException(ExitCode.Usage,
            $"the ledger in {paths.Ledger} is not whole yet: `indelible rotate` was stopped before it was done. "
                + "Give the same command again; until the old ledger is closed it is as before");
    }

    /// <summary>Begins a successor of a ledger: what an earlier attempt left is removed, anything else refused.</summary>
    /// <exception cref="IndelibleException">Usage: something else is in the way.</exception>
    public static void Begin(LedgerPaths successor, string predecessor)
    {
        string home = Path.GetDirectoryName(successor.Ledger)!, path = PathOf(successor);
        byte[] mark = Encoding.UTF8.GetBytes(predecessor + "\n");
        if (Directory.Exists(home) && Directory.EnumerateFileSystemEntries(home).Any()
            && DurableFile.TryReadAll(path, LengthMax)?.AsSpan().SequenceEqual(mark) != true)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"expected an empty directory or none for the successor, found files in {home}: name another with --to");
        }
        DurableFile.MakeDirectory(home);
        DurableFile.Replace(path, mark);
        foreach (string directory in (string[])[successor.Ledger, successor.Journal, successor.Index, successor.Keyring])
        {
            if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        }
    }

    /// <summary>The successor is whole; durable when it returns.</summary>
    public static void End(LedgerPaths successor)
    {
        string path = PathOf(successor);
        DurableFile.Delete(path);
        DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
    }
}
