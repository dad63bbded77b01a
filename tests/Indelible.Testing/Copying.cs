using System.Diagnostics;

namespace Indelible.Testing;

/// <summary>Copies of directories, owners and permissions included.</summary>
public static class Copying
{
    /// <summary>Copies a directory to a path that does not exist yet.</summary>
    public static async Task AsIsAsync(string directory, string copy)
    {
        using Process cp = Process.Start("cp", ["-a", "--reflink=auto", directory, copy]);
        await cp.WaitForExitAsync();
        if (cp.ExitCode != 0) throw new IOException($"cp of {directory} to {copy} failed with code {cp.ExitCode}");
    }

    /// <summary>Puts a copy in a directory's place.</summary>
    public static void PutBack(string copy, string directory)
    {
        Directory.Delete(directory, recursive: true);
        Directory.Move(copy, directory);
    }
}
