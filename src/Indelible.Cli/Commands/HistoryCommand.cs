using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Capture;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>history TABLE KEY</c>: everything that happened to one row, oldest first; with --as-of, which entries its values came from at a time.</summary>
internal static class HistoryCommand
{
    private const int LimitDefault = 200;

    private static readonly Argument<string> Table = new("TABLE") { Description = "TABLE or SCHEMA.TABLE" };
    private static readonly Argument<string> Key = new("KEY") { Description = "The row's key values in the order of the primary key, separated by commas" };
    private static readonly Option<string?> Source = new("--source") { Description = "Only this source", HelpName = "NAME" };
    private static readonly Option<string?> Column = new("--column") { Description = "Only changes of this column", HelpName = "NAME" };
    private static readonly Option<string?> AsOf = new("--as-of") { Description = "The row's protected values as they stood at this time", HelpName = "TIME" };
    private static readonly Option<int> Limit = new("--limit") { Description = $"At most this many; default {LimitDefault}", HelpName = "COUNT", DefaultValueFactory = _ => LimitDefault };
    private static readonly Option<string?> After = new("--after") { Description = "Go on after this cursor", HelpName = "CURSOR" };

    public static Command Build()
    {
        Command command = new("history", "Everything that happened to one row") { Table, Key, Source, Column, AsOf, Limit, After };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        TableName table = TableName.Parse(parse.GetValue(Table)!);
        RowQuery row = RowQuery.Of(ledger.Value, invocation.Config(parse), parse.GetValue(Source), table.Schema, table.Name, Cli.RowKeys.Split(parse.GetValue(Key)!));
        Terminal terminal = invocation.TerminalFor(parse);
        if (parse.GetValue(AsOf) is { } text)
        {
            MicroTime at = TimeArgument.Parse("--as-of", text, invocation.Time.GetUtcNow());
            return PrintState(terminal, RowState.AsOf(ledger.Value, row.Query, at), parse.GetValue(Column), at);
        }
        Pages.Print(terminal, ledger.Value, ledger.Value.Index.Find(row.Query with
        {
            Column = parse.GetValue(Column),
            OldestFirst = true,
            Limit = parse.GetValue(Limit),
            After = parse.GetValue(After),
        }));
        return (int)ExitCode.Fine;
    }

    private static int PrintState(Terminal terminal, RowState state, string? column, MicroTime at)
    {
        StateField[] fields = [.. state.Fields.Where(field => column is null || field.Name == column)];
        string summary = state.Exists switch
        {
            true => $"at {at} the row stood as follows; values stay sealed until `indelible reveal INDEX --column NAME --reason WHY`",
            false => $"at {at} the row did not exist (entry {state.EndedBy} ended it)",
            null => $"the ledger knows nothing of this row at {at}",
        };
        terminal.Line(summary);
        if (state.Exists == true)
        {
            terminal.Table(["COLUMN", "VALUE", "SINCE", "ENTRY"],
                [.. fields.Select(field => (IReadOnlyList<string>)[field.Name, EntryText.Value(field.Value), field.Since.ToString(), $"{field.EntryIndex}"])]);
        }
        terminal.Json(new JsonObject
        {
            ["asOf"] = at.ToString(),
            ["exists"] = state.Exists,
            ["endedBy"] = state.EndedBy,
            ["fields"] = new JsonArray([.. fields.Select(field => (JsonNode)new JsonObject
            {
                ["column"] = field.Name,
                ["value"] = EntryJson.Value(field.Value),
                ["since"] = field.Since.ToString(),
                ["entry"] = field.EntryIndex,
                ["side"] = Words.Of(field.Side),
            })]),
        });
        return (int)ExitCode.Fine;
    }
}
