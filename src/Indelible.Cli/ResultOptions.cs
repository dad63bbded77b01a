using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary><c>--verify</c> and <c>--verifier-key</c> of queries: what the index found is checked against the ledger,
/// and only what is proved is shown.</summary>
internal static class ResultOptions
{
    public static readonly Option<bool> Verify =
        new("--verify") { Description = "Prove each entry found against the signed checkpoint; show only what is proved" };
    public static readonly Option<string?> Key = Named("--key");

    /// <summary>The same where <c>--key</c> is a row's.</summary>
    public static readonly Option<string?> KeyOfLedger = Named("--verifier-key");

    /// <summary>The report; null if nobody asked for one.</summary>
    public static ResultReport? Check(
        ParseResult parse, Invocation invocation, LedgerView view, IEnumerable<IndexedEntry> shown, IEnumerable<long> strangers)
    {
        Option<string?> option = parse.CommandResult.Command.Options.Contains(Key) ? Key : KeyOfLedger;
        string? key = parse.GetValue(option);
        if (!parse.GetValue(Verify))
        {
            return key is null
                ? null
                : throw new IndelibleException(ExitCode.Usage, $"{option.Name}: expected --verify with it, found none");
        }
        VerifierKey known = view.ClosedKey is { } closed ? LedgerKey.Read(closed, "predecessor-key", invocation)
            : key is null ? view.Keyring.LedgerKeys.Signer.VerifierKey
            : LedgerKey.Read(key, option.Name, invocation);
        return new ResultCheck(view.Reader, Policy.ForKey(known)).Check(shown, strangers);
    }

    /// <summary>Tells people what was proved and what was not.</summary>
    public static ExitCode Tell(Terminal terminal, ResultReport? report)
    {
        if (report is null) return ExitCode.Fine;
        foreach (string finding in report.Findings) terminal.Note($"FINDING  {finding}");
        if (report.Head is { } head)
        {
            terminal.Note(
                $"proved   {Words.Count(report.Proven.Count, "entry", "entries")}, as shown, in the ledger of size {head.Size}, "
                    + $"root {head.Root}, signed by {string.Join(", ", report.SignedBy)}");
        }
        terminal.Note($"not checked: {report.NotChecked}");
        return report.Findings.Count == 0 ? ExitCode.Fine : ExitCode.Finding;
    }

    /// <summary>The report for machines; null if there is none.</summary>
    public static JsonObject? Json(ResultReport? report) => report is null ? null : new JsonObject
    {
        ["proved"] = report.Proven.Count,
        ["findings"] = Texts(report.Findings),
        ["treeSize"] = report.Head?.Size,
        ["root"] = report.Head?.Root.ToString(),
        ["signedBy"] = Texts(report.SignedBy),
        ["notChecked"] = report.NotChecked,
    };

    private static Option<string?> Named(string name) => new(name)
    {
        Description = "With --verify: the ledger's verifier key, or a file that holds it; default: that of the keyring",
        HelpName = "VKEY|FILE",
    };

    private static JsonArray Texts(IEnumerable<string> texts) => new([.. texts.Select(text => (JsonNode)text)]);
}
