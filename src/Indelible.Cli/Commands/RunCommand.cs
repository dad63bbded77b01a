using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;
using Indelible.Server.Control;
using Microsoft.Extensions.Logging;

namespace Indelible.Cli.Commands;

/// <summary><c>run</c>: capture, seal, index and serve, for every configured source, until SIGTERM.</summary>
internal static class RunCommand
{
    private static readonly Option<string?> Listen = new("--listen")
    {
        Description = $"Loopback address and port of the HTTP service; default {IndelibleConfig.ListenDefault}",
        HelpName = "ADDRESS",
    };

    public static Command Build()
    {
        Command command = new("run", "Capture, seal, index and serve, until SIGTERM") { Listen };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = invocation.Config(parse);
        if (parse.GetValue(Listen) is { } listen) config.Listen = listen;
        ConfigFile.ListenAddress(config);
        using ILoggerFactory loggers = Logging.Create();
        await using LedgerHost host =
            await LedgerHost.OpenAsync(invocation.ExistingPaths(parse), config, invocation.Time, loggers, cancellationToken);
        host.StandardError = invocation.Error;
        Task told = TellAsync(invocation.TerminalFor(parse), host);
        await host.RunAsync(
            (request, output, error, stop) => ExecuteAsync(request, output, error, host, invocation, stop), cancellationToken);
        return (int)ExitCode.Fine;
    }

    private static async Task TellAsync(Terminal terminal, LedgerHost host)
    {
        string address = await host.Listening;
        if (host.Config.Sources.Count == 0)
            terminal.Note("no source is configured yet: run `indelible protect --source CONNECTION TABLE.COLUMN…` in another terminal");
        terminal.Json(new JsonObject { ["origin"] = host.View.Origin, ["address"] = address, ["treeSize"] = host.Writer.TreeSize });
    }

    /// <summary>Executes a forwarded command as if it had been called here, with its caller's surroundings.</summary>
    private static Task<int> ExecuteAsync(
        ControlRequest request, TextWriter output, TextWriter error, LedgerHost host, Invocation here,
        CancellationToken cancellationToken) =>
        CommandLine.RunAsync([.. request.Arguments], new Invocation
        {
            Output = output,
            Error = error,
            Input = new Lazy<string?>(request.Input),
            Terminal = request.Terminal,
            Width = request.Width,
            Directory = request.Directory,
            Environment = request.Environment,
            User = request.User,
            Time = here.Time,
            Running = host,
        }, cancellationToken);
}
