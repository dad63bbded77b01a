using System.CommandLine;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>reveal INDEX --column C --reason R</c>: decrypts one field. That it was done, by whom and why is sealed first.</summary>
internal static class RevealCommand
{
    private static readonly Argument<long> Index = new("INDEX") { Description = "Index of the entry, from 0" };
    private static readonly Option<string> Column = new("--column") { Description = "The column, or the free text (reason, statement)", HelpName = "NAME", Required = true };
    private static readonly Option<string> Reason = new("--reason") { Description = "Why; sealed with your name before the value is shown", HelpName = "TEXT", Required = true };
    private static readonly Option<string?> SideName = new("--side") { Description = "before or after; default: both", HelpName = "SIDE" };

    public static Command Build()
    {
        Command command = new("reveal", "Decrypt one value; who and why is sealed first") { Index, Column, Reason, SideName };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IReadOnlyList<Side> sides = Sides(parse.GetValue(SideName));
        string reason = parse.GetValue(Reason)!.Trim();
        if (reason.Length == 0) throw new IndelibleException(ExitCode.Usage, "--reason: expected a reason, found nothing");
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        long index = parse.GetValue(Index);
        Entry entry = Entries.Read(ledger.Value.View.Reader, index);
        Field field = FieldOf(index, entry, parse.GetValue(Column)!);
        if (sides.Contains(Side.Before)) await ledger.Value.PublishAsync(cancellationToken);
        StateField? earlier = sides.Contains(Side.Before) ? EarlierValue.Of(ledger.Value.View, index, entry, field) : null;
        long access = await SealAccessAsync(ledger.Value, invocation.User, index, entry, field, sides, earlier, reason, cancellationToken);
        Print(invocation.TerminalFor(parse), ledger.Value.View, index, entry, field, sides, earlier, access);
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
        ?? throw new IndelibleException(ExitCode.Usage, $"entry {index}: expected "
            + (entry.Fields.Count == 0 ? "nothing to reveal: it has no values" : $"--column {string.Join(" or ", entry.Fields.Select(field => field.Name))}")
            + $", found '{name}'");

    /// <summary>Durable before any value is opened; returns the index of the access entry.</summary>
    private static async Task<long> SealAccessAsync(
        LedgerHost host, string user, long index, Entry entry, Field field, IReadOnlyList<Side> sides, StateField? earlier, string reason, CancellationToken cancellationToken)
    {
        Dictionary<string, string> facts = new()
        {
            ["entry"] = index.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["field"] = field.Name,
            ["sides"] = string.Join(", ", sides.Select(Words.Of)),
        };
        if (earlier is not null) facts["before-from-entry"] = earlier.EntryIndex.ToString(System.Globalization.CultureInfo.InvariantCulture);
        Operator who = new() { Grade = Grade.Session, SessionUser = user, Application = "indelible reveal" };
        EntryBatch entries = new();
        host.NewMaker(entry.Header.Source ?? "").AddAccess(entries, "reveal", who, reason, facts);
        return (await host.SealAsync(entries, cancellationToken)).FirstIndex;
    }

    private static void Print(Terminal terminal, LedgerView view, long index, Entry entry, Field field, IReadOnlyList<Side> sides, StateField? earlier, long access)
    {
        JsonObject json = new() { ["index"] = index, ["column"] = field.Name, ["accessEntry"] = access };
        foreach (Side side in sides)
        {
            bool isEarlier = side == Side.Before && earlier is not null;
            OpenedValue opened = isEarlier ? view.Values.Open(earlier!.Entry, earlier.Field, earlier.Side) : view.Values.Open(entry, field, side);
            string text = isEarlier ? Text(earlier!.Field, earlier.Side, opened) : Text(field, side, opened);
            string word = Words.Of(side);
            terminal.Pairs([(word, text)]);
            if (isEarlier) terminal.Note($"the log did not say what was before: it is the ledger's last value, from entry {earlier!.EntryIndex}");
            if (isEarlier) json["beforeFromEntry"] = earlier!.EntryIndex;
            json[word] = opened is { Fault: OpenFault.None, Value: { IsMissing: false, IsNull: false } }
                ? new JsonObject { ["value"] = Encoding.UTF8.GetString(opened.Value.Bytes.Span) }
                : new JsonObject { [opened.Value.IsNull && opened.Fault == OpenFault.None ? "null" : "unavailable"] = opened.Value.IsNull ? true : text };
        }
        terminal.Note($"sealed as access entry {access}");
        terminal.Json(json);
    }

    private static string Text(Field field, Side side, OpenedValue opened)
    {
        FieldValue kept = side == Side.Before ? field.Before : field.After;
        if (opened.Fault == OpenFault.None && !opened.Value.IsMissing) return opened.Value.IsNull ? "NULL" : Encoding.UTF8.GetString(opened.Value.Bytes.Span);
        if (kept.Kind is ValueKind.Missing or ValueKind.Digest) return EntryText.Value(kept);
        return opened.Fault == OpenFault.NotSealed ? "(its key is not in this keyring)" : $"(does not open: {Words.Of(opened.Fault)})";
    }
}
