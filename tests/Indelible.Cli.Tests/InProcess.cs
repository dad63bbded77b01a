using Indelible.Testing;

namespace Indelible.Cli.Tests;

/// <summary>The command inside the test's own process.</summary>
internal static class InProcess
{
    /// <summary>Runs the command to its end inside this process: many calls take a fraction of the time of many processes.</summary>
    public static Task<IndelibleProcess.Result> CallAsync(this IndelibleProcess indelible, params string[] arguments) =>
        CallAsync(indelible, isTerminal: false, arguments);

    /// <summary>As when a person watches.</summary>
    public static Task<IndelibleProcess.Result> WatchAsync(this IndelibleProcess indelible, params string[] arguments) =>
        CallAsync(indelible, isTerminal: true, arguments);

    private static async Task<IndelibleProcess.Result> CallAsync(IndelibleProcess indelible, bool isTerminal, string[] arguments)
    {
        using StringWriter output = new(), error = new();
        int exitCode = await CommandLine.RunAsync(arguments, new Invocation
        {
            Output = output,
            Error = error,
            Input = new Lazy<string?>((string?)null),
            Terminal = isTerminal,
            Width = 80,
            Directory = indelible.Home,
            Environment = new Dictionary<string, string>(),
            User = "tester",
            Time = TimeProvider.System,
        }, CancellationToken.None);
        return new IndelibleProcess.Result(exitCode, output.ToString(), error.ToString());
    }
}
