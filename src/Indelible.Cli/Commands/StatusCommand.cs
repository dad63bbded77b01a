using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>status</c>: size, head, index, and how each source stands. Exit code 1 if a source is stopped.</summary>
internal static class StatusCommand
{
    public static Command Build()
    {
        Command command = new("status", "Size, head, lag and coverage");
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerStatus status = await StatusAsync(parse, invocation, cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        Print(terminal, status);
        terminal.Json(Json(status));
        return (int)(status.Sources.Any(source => source.Problem is not null) ? ExitCode.Finding : ExitCode.Fine);
    }

    /// <summary>Of the process that holds the ledger, as it stands: looking neither publishes nor indexes anything.</summary>
    private static async Task<LedgerStatus> StatusAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.Running is { } running) return LedgerStatus.Of(running);
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        return LedgerStatus.Of(ledger.Value, invocation.Config(parse));
    }

    private static void Print(Terminal terminal, LedgerStatus status)
    {
        terminal.Pairs(
        [
            ("origin", status.Origin),
            ("running", status.Address is { } address ? $"yes, at {address}" : status.IsRunning ? "yes" : "no"),
            ("sealed", $"{status.TreeSize} entries"),
            ("published", $"{status.PublishedSize} entries, root {status.Root}"),
            ("indexed", $"{status.IndexedSize} entries"),
        ]);
        if (status.Sources.Count == 0)
        {
            terminal.Line("no source is protected yet: indelible protect --source CONNECTION TABLE.COLUMN…");
            return;
        }
        terminal.Line();
        terminal.Table(["SOURCE", "STATE", "TABLES", "COLUMNS", "SEALED TO", "LAG BYTES", "COVERED TO", "SLOT", "LAST GAP", "PROBLEM"],
        [
            .. status.Sources.Select(source => (IReadOnlyList<string>)
            [
                source.Name, source.State, Text(source.Tables), Text(source.Columns), Text(source.Sealed),
                source.LagBytes is { } lag ? Text(lag) : "", Text(source.CoveredTo), source.Slot, source.LastGap ?? "none", source.Problem ?? "",
            ]),
        ]);
    }

    private static JsonObject Json(LedgerStatus status) => new()
    {
        ["origin"] = status.Origin,
        ["running"] = status.IsRunning,
        ["address"] = status.Address,
        ["treeSize"] = status.TreeSize,
        ["publishedSize"] = status.PublishedSize,
        ["root"] = status.Root,
        ["indexedSize"] = status.IndexedSize,
        ["sources"] = new JsonArray([.. status.Sources.Select(source => (JsonNode)new JsonObject
        {
            ["source"] = source.Name,
            ["state"] = source.State,
            ["tables"] = source.Tables,
            ["columns"] = source.Columns,
            ["sealedTo"] = source.Sealed.ToString(),
            ["lagBytes"] = source.LagBytes,
            ["coveredTo"] = source.CoveredTo.ToString(),
            ["slot"] = source.Slot,
            ["changes"] = source.Changes,
            ["lastGap"] = source.LastGap,
            ["problem"] = source.Problem,
        })]),
    };

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(Lsn position) => position == Lsn.None ? "–" : position.ToString();
}
