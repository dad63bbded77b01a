namespace Indelible.Bench;

/// <summary>Where a suite's server and ledger are.</summary>
internal static class WorkDirectory
{
    /// <summary>A new one that the server's own user can enter too.</summary>
    public static string New() => Enterable(Directory.CreateTempSubdirectory("indelible-bench-"));

    /// <summary>One that is kept; made if there is none.</summary>
    public static string Kept(string path) => Enterable(Directory.CreateDirectory(path));

    private static string Enterable(DirectoryInfo directory)
    {
        directory.UnixFileMode |= UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        return directory.FullName;
    }
}
