using System.CommandLine;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Index;
using Indelible.Server;
using Indelible.Server.Succeeding;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli.Commands;

/// <summary><c>history TABLE KEY</c>: everything that happened to one row, oldest first;
/// with --as-of, its protected values as they stood at a time.</summary>
internal static class HistoryCommand
{
    private const int LimitDefault = 200;
    private const int LimitMax = 10_000;

    private static readonly Argument<string> Table =
        new("TABLE") { Description = "TABLE or SCHEMA.TABLE; double quotes around a part that holds a dot" };
    private static readonly Argument<string> Key =
        new("KEY") { Description = "17, id=17, \"eu, 4\", \"region=eu, id=4\"; double quotes around a value that holds a comma" };
    private static readonly Option<string?> Source = new("--source") { Description = "Only this source", HelpName = "NAME" };
    private static readonly Option<string?> Column = new("--column") { Description = "Only this column", HelpName = "NAME" };
    private static readonly Option<string?> AsOf = new("--as-of")
    {
        Description = "The row's protected values as they stood at this time: ISO 8601, or an age such as 2h or 3d",
        HelpName = "TIME",
    };
    private static readonly Option<string?> Reason = new("--reason")
    {
        Description = "With --as-of: decrypt the values; why, sealed with your name before they are shown",
        HelpName = "TEXT",
    };
    private static readonly Option<int> Limit =
        new("--limit") { Description = "At most this many", HelpName = "COUNT", DefaultValueFactory = _ => LimitDefault };
    private static readonly Option<string?> After =
        new("--after") { Description = "Go on after this cursor, as the previous page printed it", HelpName = "CURSOR" };

    public static Command Build()
    {
        Command command = new("history", "Everything that happened to one row")
        {
            Table, Key, Source, Column, AsOf, Reason, Limit, After, ResultOptions.Verify, ResultOptions.Key,
        };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        int limit = parse.GetValue(Limit);
        if (limit is < 1 or > LimitMax) throw new IndelibleException(ExitCode.Usage, $"--limit: expected 1 to {LimitMax}, found {limit}");
        if (parse.GetValue(AsOf) is { } asOf) return await StateAsync(parse, invocation, asOf, cancellationToken);
        if (parse.GetValue(Reason) is not null)
        {
            throw new IndelibleException(
                ExitCode.Usage, "--reason: expected --as-of with it, found none; for one entry's values use `indelible reveal`");
        }
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        if (invocation.Config(parse).Predecessors.Count > 0 && !parse.GetValue(ResultOptions.Verify))
            return await ChainAsync(parse, invocation, ledger.Value, limit, cancellationToken);
        RowTrail trail = new(ledger.Value, RowOf(parse, invocation, ledger.Value));
        TrailPage page = trail.Page(parse.GetValue(Column), limit, parse.GetValue(After));
        if (page.Entries.Count == 0)
            RowQuery.RequireKnown(ledger.Value, invocation.Config(parse), ColumnOf(parse));
        ResultReport? report = ResultOptions.Check(parse, invocation, ledger.Value, page.Entries, trail.Strangers);
        ExitCode exitCode = Pages.Print(terminal, page.Entries, page.Next, "the ledger knows no such row", report);
        if (trail.IsCut) terminal.Note("the row had more keys than are followed here: ask for the oldest one shown");
        return (int)exitCode;
    }

    /// <summary>Through the closed ledgers too, as far as they are at hand.</summary>
    private static async Task<int> ChainAsync(
        ParseResult parse, Invocation invocation, LedgerView current, int limit, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        using ClosedLedgers closed =
            await ClosedLedgers.OpenAsync(current, invocation.Config(parse), NullLogger.Instance, cancellationToken);
        (TrailPage page, bool isCut) = new ChainHistory(closed, current, view => RowOf(parse, invocation, view))
            .Page(parse.GetValue(Column), limit, parse.GetValue(After));
        ExitCode exitCode = Pages.Print(terminal, page.Entries, page.Next, "the ledger knows no such row", report: null, current.Origin);
        if (isCut) terminal.Note("the row had more keys than are followed here: ask for the oldest one shown");
        TellMissing(terminal, closed);
        return (int)exitCode;
    }

    private static void TellMissing(Terminal terminal, ClosedLedgers closed)
    {
        foreach (ChainMember member in closed.Members.Where(member => member.Missing is not null)) terminal.Note(member.Missing!);
    }

    private static async Task<int> StateAsync(ParseResult parse, Invocation invocation, string asOf, CancellationToken cancellationToken)
    {
        MicroTime at = TimeArgument.Parse("--as-of", asOf, invocation.Time.GetUtcNow());
        StatePrint print = new(invocation.TerminalFor(parse), at, parse.GetValue(Column));
        if (parse.GetValue(Reason) is not { } reason)
        {
            await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
            using ClosedLedgers chain =
                await ClosedLedgers.OpenAsync(ledger.Value, invocation.Config(parse), NullLogger.Instance, cancellationToken);
            (RowState known, LedgerView by) = new ChainHistory(chain, ledger.Value, view => RowOf(parse, invocation, view)).AsOf(at);
            if (IsProved(parse, invocation, by, known, print)) print.Sealed(known, by == ledger.Value ? null : by.Origin);
            TellMissing(invocation.TerminalFor(parse), chain);
            return (int)print.Tell();
        }
        await using Borrowed<LedgerHost> host = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        await host.Value.PublishAsync(cancellationToken);
        using ClosedLedgers closed =
            await ClosedLedgers.OpenAsync(host.Value.View, invocation.Config(parse), NullLogger.Instance, cancellationToken);
        (RowState state, LedgerView from) = new ChainHistory(closed, host.Value.View, view => RowOf(parse, invocation, view)).AsOf(at);
        if (IsProved(parse, invocation, from, state, print))
            await print.RevealedAsync(state, host.Value, from, new Reveal(invocation.User, reason), cancellationToken);
        TellMissing(invocation.TerminalFor(parse), closed);
        return (int)print.Tell();
    }

    /// <summary>With --verify, every entry that the state comes from is proved, or nothing of it is shown.</summary>
    private static bool IsProved(ParseResult parse, Invocation invocation, LedgerView ledger, RowState state, StatePrint print)
    {
        IEnumerable<IndexedEntry> from = state.Fields
            .Select(field => new IndexedEntry(field.EntryIndex, field.Entry))
            .DistinctBy(entry => entry.Index);
        if (state.EndedBy is { } end) from = from.Append(new IndexedEntry(end, ledger.Entry(end)));
        print.Report = ResultOptions.Check(parse, invocation, ledger, from, []);
        return print.Report is not { Findings.Count: > 0 };
    }

    private static Query ColumnOf(ParseResult parse)
    {
        TableName table = TableName.Parse(parse.GetValue(Table)!);
        return new Query { Source = parse.GetValue(Source), Schema = table.Schema, Table = table.Name, Column = parse.GetValue(Column) };
    }

    private static Query RowOf(ParseResult parse, Invocation invocation, LedgerView ledger)
    {
        TableName table = TableName.Parse(parse.GetValue(Table)!);
        return RowQuery.Of(
            ledger, invocation.Config(parse), parse.GetValue(Source), table.Schema, table.Name, KeyText.Typed(parse.GetValue(Key)!)).Query;
    }
}
