using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Alerts;

namespace Indelible.Cli.Commands;

/// <summary><c>alerts test</c>: tells every configured target a test alert, and says what came of it.</summary>
internal static class AlertsCommand
{
    public static Command Build()
    {
        Command test = new("test", "Send a test alert to every target");
        test.SetAction((parse, cancellationToken) => TestAsync(parse, Invocation.Of(parse), cancellationToken));
        return new Command("alerts", "Who is told of findings") { test };
    }

    private static async Task<int> TestAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        AlertsConfig? config = invocation.Running is { } running ? running.Config.Alerts : invocation.Config(parse).Alerts;
        string origin = new LedgerReader(invocation.ExistingPaths(parse).Ledger).ReadCheckpoint().Origin;
        TextWriter error = invocation.Running?.StandardError ?? invocation.Error;
        var results = await AlertSenders.TestAsync(config, origin, error, invocation.Time, cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Table(["TARGET", "KIND", "RESULT"],
            [.. results.Select(target => (IReadOnlyList<string>)[target.Name, Words.Of(target.Kind), target.Problem ?? "delivered"])]);
        terminal.Json(new JsonObject
        {
            ["targets"] = new JsonArray([.. results.Select(target => (JsonNode)new JsonObject
            {
                ["target"] = target.Name, ["kind"] = Words.Of(target.Kind), ["problem"] = target.Problem,
            })]),
        });
        return (int)(results.Any(target => target.Problem is not null) ? ExitCode.Environment : ExitCode.Fine);
    }
}
