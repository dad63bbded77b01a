using System.Diagnostics;
using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Testing;

namespace Indelible.Cli.Tests;

/// <summary>A strace that holds a process at a call, so that it can be killed there.</summary>
internal static class Tracer
{
    private const int SegmentsMax = 60;
    /// <summary>A process that made the call stands still so long that it can be killed there.</summary>
    private const int DelayMicros = 3_000_000;

    /// <summary>Runs a command until a call was done so often, and kills the process before it does anything more.
    /// Says whether it came to that, and how it ended.</summary>
    /// <param name="indelible">The command's directory.</param>
    /// <param name="arguments">The command.</param>
    /// <param name="call">The call of the system.</param>
    /// <param name="file">The file it is about, below the directory; <c>{n}</c> is any journal segment's number.</param>
    /// <param name="count">Which of these calls is the last.</param>
    public static async Task<(bool IsKilled, string Story)> KilledAsync(
        IndelibleProcess indelible, string[] arguments, string call, string file, int count)
    {
        string log = Path.Combine(indelible.Home, "strace.log");
        File.Delete(log);
        IEnumerable<string> files = Enumerable.Range(1, SegmentsMax)
            .Select(n => file.Replace("{n}", n.ToString("D16", CultureInfo.InvariantCulture), StringComparison.Ordinal)).Distinct();
        using Process command = indelible.Start(arguments, null,
            ["strace", "-D", "-f", "-qq", "--seccomp-bpf", "-o", log,
                .. files.SelectMany(path => (string[])["-P", Path.Combine(indelible.Home, path)]), "-e", $"trace={call}", "-e",
                $"inject={call}:delay_exit={DelayMicros}"]);
        Task<string> output = command.StandardOutput.ReadToEndAsync(), error = command.StandardError.ReadToEndAsync();
        while (!command.HasExited && Regex.Count(File.Exists(log) ? await File.ReadAllTextAsync(log) : "", "DELAYED") < count)
            await Task.Delay(20);
        bool isKilled = !command.HasExited;
        if (isKilled)
        {
            command.Kill();
            End(log);
        }
        await command.WaitForExitAsync().WaitAsync(Patience.Max);
        return (isKilled, $"{call} {file} {count}: {(isKilled ? "killed" : $"exit code {command.ExitCode}")} {await output}{await error}");
    }

    /// <summary>Ends it, after what it held was killed: a killed process is not gone before its tracer has waited as long as
    /// it meant to hold it.</summary>
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
