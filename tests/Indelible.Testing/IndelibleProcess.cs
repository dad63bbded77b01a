using System.Diagnostics;
using System.Text.Json.Nodes;

namespace Indelible.Testing;

/// <summary>The real command as a process, in a directory of its own. The test project must reference <c>Indelible.Cli</c>.</summary>
public sealed class IndelibleProcess : IDisposable
{
    private static readonly string Binary =
        Path.Combine(AppContext.BaseDirectory, OperatingSystem.IsWindows() ? "indelible.exe" : "indelible");

    /// <summary>Where it runs; ledger and configuration go there.</summary>
    public string Home { get; } = Directory.CreateTempSubdirectory("indelible-cli-").FullName;

    /// <summary>What a finished command left.</summary>
    public sealed record Result(int ExitCode, string Output, string Error)
    {
        /// <summary>Its output, read.</summary>
        public JsonNode Json => JsonNode.Parse(Output)!;
    }

    /// <summary>Runs the command to its end with a text on its standard input.</summary>
    public async Task<Result> RunWithInputAsync(string input, params string[] arguments)
    {
        using Process process = Start(arguments);
        await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Result(process.ExitCode, await output, await error);
    }

    /// <summary>Runs the command to its end.</summary>
    public async Task<Result> RunAsync(params string[] arguments) => await RunAsync(null, arguments);

    /// <inheritdoc cref="RunAsync(string[])"/>
    public async Task<Result> RunAsync(IReadOnlyDictionary<string, string>? environment, params string[] arguments)
    {
        using Process process = Start(arguments, environment);
        Task<string> output = process.StandardOutput.ReadToEndAsync(), error = process.StandardError.ReadToEndAsync();
        await process.WaitForExitAsync();
        return new Result(process.ExitCode, await output, await error);
    }

    /// <summary>Starts the command and leaves it running.</summary>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables besides those of this process.</param>
    /// <param name="under">A command that starts it, with its own arguments; none: itself.</param>
    public Process Start(
        IReadOnlyList<string> arguments, IReadOnlyDictionary<string, string>? environment = null, IReadOnlyList<string>? under = null)
    {
        string[] line = [.. under ?? [], Binary, .. arguments];
        ProcessStartInfo start = new(line[0], line[1..])
        {
            WorkingDirectory = Home,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach ((string name, string value) in environment ?? new Dictionary<string, string>()) start.Environment[name] = value;
        return Process.Start(start)!;
    }

    /// <summary>Starts <c>run</c> on a free port and waits until it says where it listens; its log is collected.</summary>
    public async Task<(Process Process, string Address, Task<string> Log)> RunServerAsync()
    {
        Process process = Start(["run", "--listen", "127.0.0.1:0", "--json"]);
        Task<string> log = process.StandardError.ReadToEndAsync();
        string? line = await process.StandardOutput.ReadLineAsync();
        if (line is null) throw new InvalidOperationException($"run ended at once: {await log}");
        return (process, (string)JsonNode.Parse(line)!["address"]!, log);
    }

    /// <summary>Sends a signal by its name.</summary>
    public static void Signal(Process process, string name)
    {
        using Process kill = Process.Start("kill", [$"-{name}", process.Id.ToString(System.Globalization.CultureInfo.InvariantCulture)]);
        kill.WaitForExit();
    }

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Home, recursive: true);
}
