using System.Diagnostics;
using System.Globalization;

namespace Indelible.Cli.Tests;

/// <summary>What a running process holds, from proc(5).</summary>
internal static class ProcessFigures
{
    /// <summary>Most memory it ever had, in KiB.</summary>
    public static long PeakKiB(Process process) => Status(process, "VmHWM:");

    /// <summary>Memory it has now, in KiB.</summary>
    public static long ResidentKiB(Process process) => Status(process, "VmRSS:");

    /// <summary>Its threads.</summary>
    public static long Threads(Process process) => Status(process, "Threads:");

    /// <summary>Files, sockets and pipes it holds open; not RocksDB's tables, which stay open while there are no
    /// more than its bound.</summary>
    public static long Handles(Process process) =>
        Directory.EnumerateFileSystemEntries(Path.Combine(Of(process), "fd"))
            .LongCount(handle => new FileInfo(handle).LinkTarget?.EndsWith(".sst", StringComparison.Ordinal) != true);

    private static string Of(Process process) => string.Create(CultureInfo.InvariantCulture, $"/proc/{process.Id}");

    private static long Status(Process process, string name)
    {
        string line = File.ReadLines(Path.Combine(Of(process), "status")).First(line => line.StartsWith(name, StringComparison.Ordinal));
        return long.Parse(line.AsSpan(name.Length).Trim(" \tkB"), CultureInfo.InvariantCulture);
    }
}
