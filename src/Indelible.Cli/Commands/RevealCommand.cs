using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Server;
using Indelible.Server.Succeeding;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli.Commands;

/// <summary><c>reveal INDEX --column C --reason R</c>: decrypts one field. That it was done, by whom and why is sealed first.</summary>
internal static class RevealCommand
{
    private static readonly Argument<long> Index = new("INDEX") { Description = "Index of the entry, from 0" };
    private static readonly Option<string> Column =
        new("--column") { Description = "The column, or the free text (reason, statement)", HelpName = "NAME", Required = true };
    private static readonly Option<string> Reason =
        new("--reason") { Description = "Why; sealed with your name before the value is shown", HelpName = "TEXT", Required = true };
    private static readonly Option<string?> SideName = new("--side") { Description = "before or after; default: both", HelpName = "SIDE" };
    private static readonly Option<string?> Of =
        new("--of") { Description = "Origin of a closed ledger of the chain: the entry is one of its entries", HelpName = "ORIGIN" };

    public static Command Build()
    {
        Command command = new("reveal", "Decrypt one value; who and why is sealed first") { Index, Column, Reason, SideName, Of };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IReadOnlyList<Side> sides = Sides(parse.GetValue(SideName));
        Reveal reveal = new(invocation.User, parse.GetValue(Reason)!);
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        long index = parse.GetValue(Index);
        string? origin = parse.GetValue(Of);
        using ClosedLedgers? closed = origin is null
            ? null
            : await ClosedLedgers.OpenAsync(ledger.Value.View, invocation.Config(parse), NullLogger.Instance, cancellationToken);
        LedgerView view = closed?.Of(origin!) ?? ledger.Value.View;
        Entry entry = Entries.Read(view.Reader, index);
        Field field = FieldOf(index, entry, parse.GetValue(Column)!);
        if (sides.Contains(Side.Before)) await ledger.Value.PublishAsync(cancellationToken);
        StateField? earlier = sides.Contains(Side.Before) ? EarlierValue.Of(view, index, entry, field) : null;
        Dictionary<string, string> facts = Facts(index, field, sides, earlier);
        if (origin is not null) facts["ledger"] = origin;
        long access = await reveal.SealAsync(ledger.Value, entry.Header.Source, facts, cancellationToken);
        Print(invocation.TerminalFor(parse), view, index, entry, field, sides, earlier, access);
        return (int)ExitCode.Fine;
    }

    private static IReadOnlyList<Side> Sides(string? name) => name switch
    {
        null => [Side.Before, Side.After],
        "before" => [Side.Before],
        "after" => [Side.After],
        _ => throw new IndelibleException(ExitCode.Usage, $"--side: expected before or after, found '{name}'"),
    };

    private static Field FieldOf(long index, Entry entry, string name) =>
        entry.Fields.FirstOrDefault(field => field.Name == name)
        ?? throw new IndelibleException(ExitCode.Usage, entry.Fields.Count == 0
            ? $"entry {index}: expected one with values to reveal, found one without: see `indelible show {index}`"
            : $"entry {index}: expected --column {string.Join(" or ", entry.Fields.Select(field => field.Name))}, found '{name}'");

    private static Dictionary<string, string> Facts(long index, Field field, IReadOnlyList<Side> sides, StateField? earlier)
    {
        Dictionary<string, string> facts = new()
        {
            ["entry"] = index.ToString(CultureInfo.InvariantCulture),
            ["field"] = field.Name,
            ["sides"] = string.Join(", ", sides.Select(Words.Of)),
        };
        if (earlier is not null) facts["before-from-entry"] = earlier.EntryIndex.ToString(CultureInfo.InvariantCulture);
        return facts;
    }

    private static void Print(
        Terminal terminal, LedgerView view, long index, Entry entry, Field field, IReadOnlyList<Side> sides, StateField? earlier,
        long access)
    {
        JsonObject json = new() { ["index"] = index, ["column"] = field.Name, ["accessEntry"] = access };
        foreach (Side side in sides)
        {
            StateField? from = side == Side.Before ? earlier : null;
            FieldValue kept = from?.Value ?? (side == Side.Before ? field.Before : field.After);
            OpenedValue opened = from is null ? view.Values.Open(entry, field, side) : view.Values.Open(from.Entry, from.Field, from.Side);
            terminal.Pairs([(Words.Of(side).PadRight(6), ValueText.Of(kept, opened))]);
            json[Words.Of(side)] = ValueText.Json(kept, opened);
            if (from is null) continue;
            terminal.Note($"the log did not say what was before: it is the ledger's last value, from entry {from.EntryIndex}");
            json["beforeFromEntry"] = from.EntryIndex;
        }
        terminal.Note($"sealed as access entry {access}");
        terminal.Json(json);
    }
}
