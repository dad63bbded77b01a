using System.Diagnostics;

namespace Indelible.Bench;

/// <summary>The indelible command, and other programs, as a user runs them.</summary>
internal sealed class Command(string root, string directory)
{
    /// <summary>The command's program.</summary>
    public string Binary => Path.Combine(root, "bin", "indelible");

    /// <summary>Where the ledger is.</summary>
    public string Ledger => Path.Combine(directory, "ledger");
    /// <summary>Where its journal is.</summary>
    public string Journal => Path.Combine(directory, "journal");
    /// <summary>Where its index is.</summary>
    public string Index => Path.Combine(directory, "index");
    /// <summary>Where its configuration is.</summary>
    public string Config => Path.Combine(directory, "indelible.json");

    /// <summary>Runs the command to its end and returns standard output; throws on an exit code other than 0.</summary>
    public Task<string> RunAsync(CancellationToken cancellationToken, params string[] arguments) =>
        RunProgramAsync(Binary, cancellationToken, arguments);

    /// <summary>Runs any program likewise.</summary>
    public async Task<string> RunProgramAsync(string program, CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Start(program, arguments);
        using CancellationTokenRegistration end = cancellationToken.Register(process.Kill);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        string output = await process.StandardOutput.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? output
            : throw new InvalidOperationException(
                $"{program} {string.Join(' ', arguments)}: exit {process.ExitCode}\n{output}\n{await error}");
    }

    /// <summary>Runs a program that needs no ledger.</summary>
    public static Task<string> RunToolAsync(string program, CancellationToken cancellationToken, string[] arguments) =>
        new Command("/", "/").RunProgramAsync(program, cancellationToken, arguments);

    /// <summary>As <see cref="RunAsync"/>, and the most memory the process held, in MiB, asked for ten times a second.</summary>
    public async Task<(string Output, double PeakMemory)> RunWatchedAsync(CancellationToken cancellationToken, params string[] arguments)
    {
        using Process process = Start(Binary, arguments);
        process.ErrorDataReceived += (_, line) => Trace(line.Data);
        process.BeginErrorReadLine();
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        double peak = 0;
        while (!output.IsCompleted)
        {
            process.Refresh();
            if (!process.HasExited) peak = Math.Max(peak, process.PeakWorkingSet64 / 1048576.0);
            await Task.WhenAny(output, Task.Delay(100, cancellationToken));
        }
        await process.WaitForExitAsync(cancellationToken);
        return process.ExitCode == 0
            ? (await output, peak)
            : throw new InvalidOperationException($"indelible {string.Join(' ', arguments)}: exit {process.ExitCode}\n{await output}");
    }

    /// <summary>Starts `indelible run`; its output is thrown away.</summary>
    public Collector StartRun()
    {
        Process process = Start(Binary, ["run", "--listen", "127.0.0.1:0"]);
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, line) => Trace(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new Collector(process, Journal);
    }

    private static void Trace(string? line)
    {
        if (line is not null && Environment.GetEnvironmentVariable("INDELIBLE_BENCH_TRACE") == "1") Console.Error.WriteLine(line);
    }

    private Process Start(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(
            program, arguments) { WorkingDirectory = directory, RedirectStandardOutput = true, RedirectStandardError = true };
        start.Environment["INDELIBLE_LEDGER"] = Ledger;
        return Process.Start(start)!;
    }
}
