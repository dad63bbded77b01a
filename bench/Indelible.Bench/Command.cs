using System.Diagnostics;
using System.Globalization;

namespace Indelible.Bench;

/// <summary>The indelible command, and other programs, as a user runs them.</summary>
internal sealed class Command(string root, string directory)
{
    private string Binary => Path.Combine(root, "src", "Indelible.Cli", "bin", "Release", "net10.0", "indelible");

    /// <summary>Runs the command to its end and returns standard output; throws on an exit code other than 0.</summary>
    public Task<string> RunAsync(CancellationToken cancellationToken, params string[] arguments) => RunProgramAsync(Binary, cancellationToken, arguments);

    /// <summary>Runs any program likewise.</summary>
    public async Task<string> RunProgramAsync(string program, CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0 ? output : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}\n{output}\n{await error}");
    }

    /// <summary>Starts `indelible run`; its output is thrown away.</summary>
    public Process StartRun()
    {
        Process process = Start(Binary, ["run"]);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Stops it as a service manager would, and waits.</summary>
    public static async Task StopAsync(Process run)
    {
        using Process kill = Process.Start("kill", ["-TERM", run.Id.ToString(CultureInfo.InvariantCulture)]);
        await run.WaitForExitAsync();
    }

    /// <summary>Bytes below a directory.</summary>
    public static long Size(string path) => Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories).Sum(file => new FileInfo(file).Length);

    private Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["INDELIBLE_LEDGER"] = Path.Combine(directory, "ledger");
        start.Environment["DOTNET_SYSTEM_NET_SOCKETS_INLINE_COMPLETIONS"] = "1";
        return Process.Start(start)!;
    }
}
