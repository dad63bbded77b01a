using System.CommandLine;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Cli.Commands;

/// <summary><c>show INDEX</c>: one entry whole, its values as sealed.</summary>
internal static class ShowCommand
{
    private static readonly Argument<long> Index = new("INDEX") { Description = "Index of the entry, from 0" };

    public static Command Build()
    {
        Command command = new("show", "Print one entry whole, values as sealed") { Index };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerReader reader = await Ledgers.ReaderAsync(parse, invocation, cancellationToken);
        long index = parse.GetValue(Index);
        Entry entry = Entries.Read(reader, index);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs(EntryText.Whole(index, entry));
        terminal.Json(EntryJson.Of(index, entry));
        return (int)ExitCode.Fine;
    }
}
