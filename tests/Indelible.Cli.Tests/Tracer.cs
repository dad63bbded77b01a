using System.Diagnostics;

namespace Indelible.Cli.Tests;

/// <summary>The strace that holds a process at a call.</summary>
internal static class Tracer
{
    /// <summary>Ends it, after what it held was killed: a killed process is not gone before its tracer has waited as long as it meant to hold it.</summary>
    /// <param name="log">Its log file, by which it is told from others.</param>
    public static void End(string log)
    {
        foreach (Process one in Process.GetProcessesByName("strace"))
        {
            using (one)
            {
                if (File.ReadAllText($"/proc/{one.Id}/cmdline").Contains(log, StringComparison.Ordinal)) one.Kill();
            }
        }
    }
}
