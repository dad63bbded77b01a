using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>log</c>: entries that match, newest first.</summary>
internal static class LogCommand
{
    private const int LimitDefault = 50;
    private const int LimitMax = 10_000;
    private const string FromInput = "-";

    private static readonly Option<string?> Source = new("--source") { Description = "Only this source", HelpName = "NAME" };
    private static readonly Option<string?> Table =
        new("--table") { Description = "Only this table, with or without schema", HelpName = "[SCHEMA.]TABLE" };
    private static readonly Option<string?> Key =
        new("--key") { Description = "Only this row (needs --table): 17, id=17, or \"eu, 4\" for a key of two columns", HelpName = "KEY" };
    private static readonly Option<string?> Column = new("--column") { Description = "Only changes of this column", HelpName = "NAME" };
    private static readonly Option<string?> Operator =
        new("--operator") { Description = "Only this operator: the person named, or the session's user", HelpName = "NAME" };
    private static readonly Option<string?> Grade =
        new("--grade") { Description = $"Only this grade: {Words.All<Grade>()}", HelpName = "GRADE" };
    private static readonly Option<string?> Since =
        new("--since") { Description = "Only from this time on: ISO 8601, or an age such as 2h or 3d", HelpName = "TIME" };
    private static readonly Option<string?> Until = new("--until") { Description = "Only before this time", HelpName = "TIME" };
    private static readonly Option<uint?> Transaction =
        new("--tx") { Description = "Only this transaction id, 0 to 4294967295", HelpName = "XID" };
    private static readonly Option<string?> Value = new("--value")
    {
        Description =
            "Only changes from or to exactly this value (needs --table and --column); "
                + "- reads it from standard input, so that it is in no shell history",
        HelpName = "TEXT",
    };
    private static readonly Option<string?> Kind =
        new("--kind") { Description = $"Only this kind: {Words.All<EntryKind>()}", HelpName = "KIND" };
    private static readonly Option<string?> Operation =
        new("--operation") { Description = $"Only this operation: {Words.All<Operation>()}", HelpName = "OPERATION" };
    private static readonly Option<int> Limit =
        new("--limit") { Description = "At most this many", HelpName = "COUNT", DefaultValueFactory = _ => LimitDefault };
    private static readonly Option<string?> After =
        new("--after") { Description = "Go on after this cursor, as the previous page printed it", HelpName = "CURSOR" };
    private static readonly Option<bool> Oldest = new("--oldest-first") { Description = "Oldest first" };

    public static Command Build()
    {
        Command command = new("log", "List entries, newest first")
        {
            Source, Table, Key, Column, Operator, Grade, Since, Until, Transaction, Value, Kind, Operation, Limit, After, Oldest,
            ResultOptions.Verify, ResultOptions.KeyOfLedger,
        };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        Query query = QueryOf(parse, invocation, ledger.Value);
        List<long> strangers = [];
        // renamed since, it is still the row
        Query asked = query.Relation is null ? query : query with { Source = null, Schema = null, Table = null };
        IReadOnlyList<IndexedEntry> entries = ValueOf(parse, invocation) is { } value
            ? ValueSearch.Of(ledger.Value, invocation.Config(parse), query, value).Find(strangers, out string? next, cancellationToken)
            : Find(ledger.Value, asked, strangers, out next);
        if (entries.Count == 0) RowQuery.RequireKnown(ledger.Value, invocation.Config(parse), query);
        ResultReport? report = ResultOptions.Check(parse, invocation, ledger.Value, entries, strangers);
        return (int)Pages.Print(invocation.TerminalFor(parse), entries, next, "no entry matches", report);
    }

    private static IndexedEntry[] Find(LedgerView ledger, Query query, List<long> strangers, out string? next)
    {
        Page page = ledger.Index.Find(query);
        next = page.Next;
        return [.. ledger.Matching(page.Entries, query, strangers)];
    }

    /// <summary>True if the value to look for is to be read from standard input.</summary>
    public static bool ReadsInput(ParseResult parse) => parse.GetValue(Value) == FromInput;

    private static string? ValueOf(ParseResult parse, Invocation invocation)
    {
        if (!ReadsInput(parse)) return parse.GetValue(Value);
        return invocation.Input.Value
            ?? throw new IndelibleException(ExitCode.Usage, "--value -: expected the value on standard input, found nothing");
    }

    private static Query QueryOf(ParseResult parse, Invocation invocation, LedgerView ledger)
    {
        DateTimeOffset now = invocation.Time.GetUtcNow();
        int limit = parse.GetValue(Limit);
        if (limit is < 1 or > LimitMax) throw new IndelibleException(ExitCode.Usage, $"--limit: expected 1 to {LimitMax}, found {limit}");
        TableName? table = parse.GetValue(Table) is { } text ? TableName.Parse(text) : null;
        if (parse.GetValue(Value) is not null && (table is null || parse.GetValue(Column) is null))
        {
            throw new IndelibleException(
                ExitCode.Usage, "--value: expected --table and --column with it: values are looked for in one column");
        }
        return Row(parse, invocation, ledger, table) with
        {
            Source = parse.GetValue(Source),
            Schema = table?.Schema,
            Table = table?.Name,
            Column = parse.GetValue(Column),
            Operator = parse.GetValue(Operator),
            Grade = Word<Grade>(parse, Grade),
            Since = parse.GetValue(Since) is { } since ? TimeArgument.Parse("--since", since, now) : null,
            Until = parse.GetValue(Until) is { } until ? TimeArgument.Parse("--until", until, now) : null,
            Transaction = parse.GetValue(Transaction),
            Kind = Word<EntryKind>(parse, Kind),
            Operation = Word<Operation>(parse, Operation),
            OldestFirst = parse.GetValue(Oldest),
            Limit = limit,
            After = parse.GetValue(After),
        };
    }

    private static Query Row(ParseResult parse, Invocation invocation, LedgerView ledger, TableName? table)
    {
        if (parse.GetValue(Key) is not { } key) return new Query();
        if (table is null) throw new IndelibleException(ExitCode.Usage, "--key: expected --table with it, found none");
        return RowQuery.Of(ledger, invocation.Config(parse), parse.GetValue(Source), table.Schema, table.Name,
            KeyText.Typed(key)).Query with { IsRowOnly = true };
    }

    private static T? Word<T>(ParseResult parse, Option<string?> option) where T : struct, Enum
    {
        if (parse.GetValue(option) is not { } word) return null;
        return Words.Parse<T>(word)
            ?? throw new IndelibleException(ExitCode.Usage, $"{option.Name}: expected one of {Words.All<T>()}, found '{word}'");
    }
}
