using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>show INDEX</c>: one entry whole, its values as sealed.</summary>
internal static class ShowCommand
{
    private static readonly Argument<long> Index = new("INDEX") { Description = "Index of the entry, from 0" };

    public static Command Build()
    {
        Command command = new("show", "Print one entry whole, values as sealed") { Index, ResultOptions.Verify, ResultOptions.Key };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerReader reader = await Ledgers.ReaderAsync(parse, invocation, cancellationToken);
        long index = parse.GetValue(Index);
        Entry entry = Entries.Read(reader, index);
        Terminal terminal = invocation.TerminalFor(parse);
        ResultReport? report = await CheckAsync(parse, invocation, new IndexedEntry(index, entry), cancellationToken);
        if (report is not { Findings.Count: > 0 }) terminal.Pairs(EntryText.Whole(index, entry));
        JsonObject json = report is { Findings.Count: > 0 } ? [] : EntryJson.Of(index, entry);
        if (report is not null) json["verification"] = ResultOptions.Json(report);
        terminal.Json(json);
        return (int)ResultOptions.Tell(terminal, report);
    }

    private static async Task<ResultReport?> CheckAsync(
        ParseResult parse, Invocation invocation, IndexedEntry entry, CancellationToken cancellationToken)
    {
        if (!parse.GetValue(ResultOptions.Verify)) return null;
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        return ResultOptions.Check(parse, invocation, ledger.Value, [entry], [])! with { IsQuery = false };
    }
}
