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
        command.SetAction((parse, _) => Task.FromResult(Run(parse, Invocation.Of(parse))));
        return command;
    }

    private static int Run(ParseResult parse, Invocation invocation)
    {
        LedgerReader reader = new(invocation.ExistingPaths(parse).Ledger);
        long index = parse.GetValue(Index);
        Entry entry = Entries.Read(reader, index);
        Terminal terminal = invocation.TerminalFor(parse);
        terminal.Pairs(EntryText.Whole(index, entry));
        terminal.Json(EntryJson.Of(index, entry));
        return (int)ExitCode.Fine;
    }
}
