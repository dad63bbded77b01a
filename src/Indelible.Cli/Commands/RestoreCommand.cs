using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Restoring;

namespace Indelible.Cli.Commands;

/// <summary><c>mirror restore</c>: a ledger out of a copy, or a successor where the copy does not reach the highest known head.</summary>
internal static class RestoreCommand
{
    private static readonly Option<string> From = new("--from")
    {
        Description = "The copy: http(s):// address of its tlog-tiles, s3://BUCKET/PREFIX, or a directory",
        HelpName = "URL|DIR",
        Required = true,
    };
    private static readonly Option<string> Key =
        new("--key") { Description = "The ledger's verifier key, or a file that holds it", HelpName = "VKEY|FILE", Required = true };
    private static readonly Option<string[]> Heads = new("--heads")
    {
        Description = "Who may know a higher head: a mirror, a witness, a ledger, or a file with a checkpoint; may be given again",
        HelpName = "URL|DIR|FILE",
    };
    private static readonly Option<string?> Successor = new("--successor")
    {
        Description = "Open a new ledger of this origin instead, whose first entry names both heads",
        HelpName = "ORIGIN",
    };
    private static readonly Option<string?> To =
        new("--to") { Description = "Directory of the successor: ledger, keyring and configuration", HelpName = "DIR" };

    public static Command Build()
    {
        Command command = new("restore", "Make a ledger of a copy") { From, Key, Heads, Successor, To };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        Action<string> pace = terminal.Pace(invocation.Time);
        Restore restore = new(invocation.Paths(parse), invocation.Config(parse), invocation.Time, terminal.Note)
        {
            From = Place(parse.GetValue(From)!, invocation),
            Key = LedgerKey.Read(parse.GetValue(Key)!, Key.Name, invocation),
            Heads = [.. (parse.GetValue(Heads) ?? []).Select(place => Place(place, invocation))],
            Successor = parse.GetValue(Successor),
            SuccessorDirectory = parse.GetValue(To) is { } to ? invocation.Resolve(to) : null,
            By = invocation.User,
            Progress = (at, of) => pace($"{at} of {of} entries"),
        };
        RestoredLedger restored = await restore.RunAsync(cancellationToken);
        Print(terminal, restored);
        terminal.Json(JsonOf(restored));
        return (int)ExitCode.Fine;
    }

    private static void Print(Terminal terminal, RestoredLedger restored)
    {
        terminal.Pairs(
        [
            ("origin", restored.Complete.Checkpoint.Origin),
            ("complete", restored.Complete.ToString()),
            ("highest", restored.Highest is { } highest ? $"{highest.Head}, by {highest.Where}" : "not known: nobody was asked (--heads)"),
            .. restored.Sources.Select(
                source => ($"source {source.Source}", $"sealed to {source.Confirmable}, last change at {source.Last.CommitLsn}")),
            ("values", ValuesOf(restored.Values)),
            .. restored.Ledger is { } ledger ? [("ledger", ledger)] : ((string, string)[])[],
            .. restored.Successor is { } successor
                ? [("successor", successor.Origin), ("verifier key", successor.VerifierKey)]
                : ((string, string)[])[],
        ]);
        terminal.Note(restored.Successor is not null
            ? "the copy stays what it is: keep it, with its keyring, for what it proves and for its values\n"
                + "  next, in the successor's directory: `indelible protect` the columns again, then `indelible run`"
            : $"next: {(restored.Values.HasKeyring ? "" : "`indelible keys restore FILE`, then ")}"
                + "`indelible keys accept-head` if the guard is lost too: you vouch that nobody has a higher head; then `indelible run`\n"
                + "  what the source confirmed beyond the position above is sealed as a gap, with a new baseline");
    }

    private static string ValuesOf(ReadableValues values) => values switch
    {
        { HasKeyring: false } => $"{values.Sealed} encrypted; unreadable without the keyring's own backup",
        { Unreadable: 0 } => $"{values.Sealed} encrypted; the keyring has the keys of all",
        _ => $"{values.Sealed} encrypted; {values.Unreadable} unreadable, in entries {values.FirstEntry} to {values.LastEntry}: "
            + "their keys were made after the keyring's backup, or destroyed",
    };

    private static JsonObject JsonOf(RestoredLedger restored) => new()
    {
        ["origin"] = restored.Complete.Checkpoint.Origin,
        ["size"] = restored.Complete.Size,
        ["root"] = restored.Complete.Root.ToString(),
        ["highestSize"] = restored.Highest?.Head.Size,
        ["highestBy"] = restored.Highest?.Where,
        ["sources"] = new JsonArray([.. restored.Sources.Select(source => new JsonObject
        {
            ["source"] = source.Source,
            ["sealedTo"] = source.Confirmable.ToString(),
            ["lastChange"] = source.Last.CommitLsn.ToString(),
        })]),
        ["values"] = new JsonObject
        {
            ["keyring"] = restored.Values.HasKeyring,
            ["sealed"] = restored.Values.Sealed,
            ["unreadable"] = restored.Values.Unreadable,
        },
        ["ledger"] = restored.Ledger,
        ["successor"] = restored.Successor is { } successor
            ? new JsonObject { ["origin"] = successor.Origin, ["verifierKey"] = successor.VerifierKey }
            : null,
    };

    private static string Place(string place, Invocation invocation) =>
        place.Contains("://", StringComparison.Ordinal) ? place : invocation.Resolve(place);
}
