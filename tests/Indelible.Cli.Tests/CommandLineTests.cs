using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The tree of commands inside a process that lives long.</summary>
public sealed class CommandLineTests
{
    [Fact]
    public async Task A_process_that_executes_many_commands_keeps_nothing_of_them()
    {
        Invocation invocation = new()
        {
            Output = TextWriter.Null,
            Error = TextWriter.Null,
            Input = new Lazy<string?>((string?)null),
            Terminal = false,
            Width = 80,
            Directory = Path.GetTempPath(),
            Environment = new Dictionary<string, string>(),
            User = "tester",
            Time = TimeProvider.System,
        };
        for (int i = 0; i < 3; i++) await CommandLine.RunAsync(["status", "--bogus"], invocation, TestContext.Current.CancellationToken);
        Assert.Single(Globals.Json.Parents);
    }
}
