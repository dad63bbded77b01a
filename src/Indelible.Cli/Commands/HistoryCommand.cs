using System.CommandLine;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Index;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>history TABLE KEY</c>: everything that happened to one row, oldest first; with --as-of, its protected values as they stood at a time.</summary>
internal static class HistoryCommand
{
    private const int LimitDefault = 200;
    private const int LimitMax = 10_000;

    private static readonly Argument<string> Table = new("TABLE") { Description = "TABLE or SCHEMA.TABLE; double quotes around a part that holds a dot" };
    private static readonly Argument<string> Key = new("KEY") { Description = "17, id=17, \"eu, 4\", \"region=eu, id=4\"; double quotes around a value that holds a comma" };
    private static readonly Option<string?> Source = new("--source") { Description = "Only this source", HelpName = "NAME" };
    private static readonly Option<string?> Column = new("--column") { Description = "Only this column", HelpName = "NAME" };
    private static readonly Option<string?> AsOf = new("--as-of") { Description = "The row's protected values as they stood at this time: ISO 8601, or an age such as 2h or 3d", HelpName = "TIME" };
    private static readonly Option<string?> Reason = new("--reason") { Description = "With --as-of: decrypt the values; why, sealed with your name before they are shown", HelpName = "TEXT" };
    private static readonly Option<int> Limit = new("--limit") { Description = "At most this many", HelpName = "COUNT", DefaultValueFactory = _ => LimitDefault };
    private static readonly Option<string?> After = new("--after") { Description = "Go on after this cursor, as the previous page printed it", HelpName = "CURSOR" };

    public static Command Build()
    {
        Command command = new("history", "Everything that happened to one row") { Table, Key, Source, Column, AsOf, Reason, Limit, After };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        int limit = parse.GetValue(Limit);
        if (limit is < 1 or > LimitMax) throw new IndelibleException(ExitCode.Usage, $"--limit: expected 1 to {LimitMax}, found {limit}");
        if (parse.GetValue(AsOf) is { } asOf) return await StateAsync(parse, invocation, asOf, cancellationToken);
        if (parse.GetValue(Reason) is not null) throw new IndelibleException(ExitCode.Usage, "--reason: expected --as-of with it, found none; for one entry's values use `indelible reveal`");
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        RowTrail trail = new(ledger.Value, RowOf(parse, invocation, ledger.Value));
        TrailPage page = trail.Page(parse.GetValue(Column), limit, parse.GetValue(After));
        Pages.Print(terminal, page.Entries, page.Next, "the ledger knows no such row");
        if (trail.IsCut) terminal.Note("the row had more keys than are followed here: ask for the oldest one shown");
        return (int)ExitCode.Fine;
    }

    private static async Task<int> StateAsync(ParseResult parse, Invocation invocation, string asOf, CancellationToken cancellationToken)
    {
        MicroTime at = TimeArgument.Parse("--as-of", asOf, invocation.Time.GetUtcNow());
        StatePrint print = new(invocation.TerminalFor(parse), at, parse.GetValue(Column));
        if (parse.GetValue(Reason) is not { } reason)
        {
            await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
            print.Sealed(RowState.AsOf(ledger.Value, RowOf(parse, invocation, ledger.Value), at));
            return (int)ExitCode.Fine;
        }
        await using Borrowed<LedgerHost> host = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        await host.Value.PublishAsync(cancellationToken);
        RowState state = RowState.AsOf(host.Value.View, RowOf(parse, invocation, host.Value.View), at);
        await print.RevealedAsync(state, host.Value, new Reveal(invocation.User, reason), cancellationToken);
        return (int)ExitCode.Fine;
    }

    private static Query RowOf(ParseResult parse, Invocation invocation, LedgerView ledger)
    {
        TableName table = TableName.Parse(parse.GetValue(Table)!);
        return RowQuery.Of(ledger, invocation.Config(parse), parse.GetValue(Source), table.Schema, table.Name, KeyText.Typed(parse.GetValue(Key)!)).Query;
    }
}
