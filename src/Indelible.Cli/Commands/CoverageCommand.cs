using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>coverage</c>: from where to where of each source the record is complete, and its gaps. Exit code 1 if one is open.</summary>
internal static class CoverageCommand
{
    private static readonly Option<string?> Source =
        new("--source") { Description = "Only this configured source; default: all", HelpName = "NAME" };

    public static Command Build()
    {
        Command command = new("coverage", "From where to where of each source the record is complete; gaps") { Source };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        IndelibleConfig config = invocation.Running?.Config ?? invocation.Config(parse);
        string? wanted = parse.GetValue(Source);
        if (wanted is not null && !config.Sources.ContainsKey(wanted))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"--source: expected a configured source, found '{wanted}'; configured are {string.Join(", ", config.Sources.Keys)}");
        }
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        CoverageReport[] reports = [.. config.Sources.Where(source => wanted is null || source.Key == wanted)
            .Select(source => CoverageReport.Of(ledger.Value, source.Key, source.Value.Protection, cancellationToken))];
        Terminal terminal = invocation.TerminalFor(parse);
        foreach (CoverageReport report in reports) Print(terminal, report);
        if (reports.Length == 0) terminal.Line("no source is protected yet: indelible protect --source CONNECTION TABLE.COLUMN…");
        terminal.Json(new JsonObject { ["sources"] = new JsonArray([.. reports.Select(Json)]) });
        return (int)(reports.Any(report => report.Gaps.Any(gap => gap.WholeFrom is null)) ? ExitCode.Finding : ExitCode.Fine);
    }

    private static void Print(Terminal terminal, CoverageReport report)
    {
        int open = report.Gaps.Count(gap => gap.WholeFrom is null);
        terminal.Line($"{report.Source}: covered{(open == 0 ? "" : $", but for {open} gaps that are OPEN, below")}");
        terminal.Table(["FROM", "TO", "SINCE", "UNTIL", "TIMELINE", "SYSTEM", "SLOT", "PROTECTION", "ENTRIES"],
        [
            .. report.Intervals.Select(interval => (IReadOnlyList<string>)
            [
                Text(interval.From), Text(interval.To), interval.Since.ToString(), interval.Until.ToString(), Text(interval.Timeline),
                interval.SystemId.ToString(CultureInfo.InvariantCulture),
                interval.Slot, interval.Protection[..8] + "…", $"{interval.FirstEntry} to {interval.LastEntry}",
            ]),
        ]);
        if (report.Gaps.Count == 0)
        {
            terminal.Line("no gaps");
            return;
        }
        terminal.Line("gaps");
        terminal.Table(["ENTRY", "FROM", "TO", "SEALED", "TABLE", "REASON", "WHOLE AGAIN FROM"],
        [
            .. report.Gaps.Select(gap => (IReadOnlyList<string>)
                [Text(gap.Entry), gap.From, gap.To, gap.SealedAt.ToString(), gap.Table ?? "all", gap.Reason,
                    gap.WholeFrom is { } whole ? $"entry {whole}" : "not yet: OPEN"]),
        ]);
    }

    private static JsonNode Json(CoverageReport report) => new JsonObject
    {
        ["source"] = report.Source,
        ["intervals"] = new JsonArray([.. report.Intervals.Select(interval => (JsonNode)new JsonObject
        {
            ["from"] = interval.From.ToString(),
            ["to"] = interval.To.ToString(),
            ["systemId"] = interval.SystemId.ToString(CultureInfo.InvariantCulture),
            ["timeline"] = interval.Timeline,
            ["slot"] = interval.Slot,
            ["protection"] = interval.Protection,
            ["since"] = interval.Since.ToString(),
            ["until"] = interval.Until.ToString(),
            ["firstEntry"] = interval.FirstEntry,
            ["lastEntry"] = interval.LastEntry,
        })]),
        ["gaps"] = new JsonArray([.. report.Gaps.Select(gap => (JsonNode)new JsonObject
        {
            ["entry"] = gap.Entry,
            ["table"] = gap.Table,
            ["reason"] = gap.Reason,
            ["from"] = gap.From,
            ["to"] = gap.To,
            ["sealedAt"] = gap.SealedAt.ToString(),
            ["message"] = gap.Message,
            ["open"] = gap.WholeFrom is null,
            ["wholeFrom"] = gap.WholeFrom,
        })]),
    };

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(Lsn position) => position == Lsn.None ? "–" : position.ToString();
}
