using System.Diagnostics;
using System.Reflection;

namespace Indelible.Cli.Demo;

/// <summary>This very command as a child process: the demo does nothing that a user could not type.</summary>
internal sealed class Self(string directory, IReadOnlyDictionary<string, string> environment)
{
    /// <summary>What a finished command left.</summary>
    public sealed record Outcome(int ExitCode, string Output, string Error);

    /// <summary>Runs a command to its end.</summary>
    public async Task<Outcome> RunAsync(IEnumerable<string> arguments, CancellationToken cancellationToken)
    {
        using Process process = Start(arguments);
        Task<string> output = process.StandardOutput.ReadToEndAsync(cancellationToken);
        Task<string> error = process.StandardError.ReadToEndAsync(cancellationToken);
        await process.WaitForExitAsync(cancellationToken);
        return new Outcome(process.ExitCode, await output, await error);
    }

    /// <summary>Starts a command with its three streams redirected. The caller reads and disposes.</summary>
    public Process Start(IEnumerable<string> arguments)
    {
        string program = Environment.ProcessPath!;
        var start = new ProcessStartInfo(program)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        // Under `dotnet indelible.dll` the process is the host, and the program its first argument.
        if (Path.GetFileNameWithoutExtension(program) == "dotnet") start.ArgumentList.Add(Assembly.GetEntryAssembly()!.Location);
        foreach (string argument in arguments) start.ArgumentList.Add(argument);
        foreach ((string name, string value) in environment) start.Environment[name] = value;
        return Process.Start(start) ?? throw new InvalidOperationException($"could not start {program}");
    }

    /// <summary>A command line as one would type it.</summary>
    public static string Typed(IEnumerable<string> arguments) =>
        "indelible " + string.Join(' ', arguments.Select(word => word.Any(c => c is ' ' or ';' or '"' or '*') ? $"'{word}'" : word));
}
