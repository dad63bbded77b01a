using System.Diagnostics;
using Indelible.Format;

namespace Indelible.Server.Demo;

/// <summary>Finds PostgreSQL's server programs and runs them as a user they accept (they refuse root).</summary>
internal static class PostgresBinaries
{
    private const string DebianRoot = "/usr/lib/postgresql";
    private const string ServerUser = "postgres";

    /// <summary>The directory that holds <c>initdb</c> and <c>postgres</c>: first on PATH, then the newest Debian version.</summary>
    public static string Find()
    {
        IEnumerable<string> onPath = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':', StringSplitOptions.RemoveEmptyEntries);
        IEnumerable<string> debian = Directory.Exists(DebianRoot)
            ? Directory.GetDirectories(DebianRoot).OrderByDescending(VersionOf).Select(version => Path.Combine(version, "bin"))
            : [];
        return onPath.Concat(debian).FirstOrDefault(HoldsServer) ?? throw new IndelibleException(
            ExitCode.Environment,
            $"expected PostgreSQL's initdb and postgres on PATH or in {DebianRoot}/*/bin, found neither; install them: "
                + "apt-get install postgresql");
    }

    /// <summary>A process to start: as the user postgres when this one is root, in a directory every user can enter,
    /// messages in English.</summary>
    public static ProcessStartInfo Command(params ReadOnlySpan<string> command)
    {
        var start = new ProcessStartInfo
        {
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["LC_ALL"] = "C";
        string[] whole = Environment.IsPrivilegedProcess
            ? ["setpriv", $"--reuid={ServerUser}", $"--regid={ServerUser}", "--init-groups", .. command]
            : [.. command];
        start.FileName = whole[0];
        foreach (string argument in whole.AsSpan(1)) start.ArgumentList.Add(argument);
        return start;
    }

    /// <summary>Runs a process to its end; throws with what it said on standard error if it fails.</summary>
    public static async Task RunAsync(ProcessStartInfo start, string input, CancellationToken cancellationToken)
    {
        using Process process = Process.Start(start) ?? throw new UnreachableException("a process that is not a document always starts");
        await process.StandardInput.WriteAsync(input.AsMemory(), cancellationToken);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        string error = await process.StandardError.ReadToEndAsync(cancellationToken);
        await output;
        await process.WaitForExitAsync(cancellationToken);
        if (process.ExitCode == 0) return;
        throw new IndelibleException(ExitCode.Environment,
            $"{string.Join(' ', start.ArgumentList.Prepend(start.FileName))} failed with code {process.ExitCode}: {error.Trim()}");
    }

    /// <summary>Makes a directory only the server's user can enter.</summary>
    public static async Task MakePrivateAsync(string directory, CancellationToken cancellationToken)
    {
        Directory.CreateDirectory(directory);
        if (Environment.IsPrivilegedProcess) await RunAsync(Plain("chown", $"{ServerUser}:{ServerUser}", directory), "", cancellationToken);
        await RunAsync(Plain("chmod", "700", directory), "", cancellationToken);
    }

    /// <summary>Sends a signal by name, such as INT, to a process.</summary>
    public static Task SignalAsync(string signal, int pid, CancellationToken cancellationToken) =>
        RunAsync(Plain("kill", $"-{signal}", pid.ToString(System.Globalization.CultureInfo.InvariantCulture)), "", cancellationToken);

    private static ProcessStartInfo Plain(string program, params IEnumerable<string> arguments) =>
        new(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true };

    private static bool HoldsServer(string directory) => Path.Exists(Path.Combine(directory, "initdb"))
        && Path.Exists(Path.Combine(directory, "postgres"));

    private static int VersionOf(string directory) => int.TryParse(Path.GetFileName(directory), out int version) ? version : 0;
}
