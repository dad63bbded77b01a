using System.CommandLine;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Commands;

/// <summary><c>crosscheck</c>: the ledger against the live database at exact snapshots. Exit code 1 if anything differs.</summary>
internal static class CrosscheckCommand
{
    private static readonly Option<string?> Source = new("--source") { Description = "Only this configured source; default: all", HelpName = "NAME" };

    public static Command Build()
    {
        Command command = new("crosscheck", "Compare the live database with the ledger") { Source };
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Terminal terminal = invocation.TerminalFor(parse);
        await using Borrowed<LedgerHost> ledger = await Ledgers.HostAsync(parse, invocation, cancellationToken);
        List<CrosscheckReport> reports = [];
        foreach ((string name, SourceConfig config) in Sources(ledger.Value.Config, parse.GetValue(Source)))
        {
            Crosscheck crosscheck = new(ledger.Value, name, config, SourceConnections.Of(config), invocation.Terminal ? terminal.Note : static _ => { });
            CrosscheckReport report = await crosscheck.RunAsync(cancellationToken);
            Print(terminal, report);
            reports.Add(report);
        }
        terminal.Json(new JsonObject { ["sources"] = new JsonArray([.. reports.Select(Json)]) });
        return (int)(reports.Any(report => report.DifferenceCount > 0) ? ExitCode.Finding : ExitCode.Fine);
    }

    private static IReadOnlyList<KeyValuePair<string, SourceConfig>> Sources(IndelibleConfig config, string? name)
    {
        KeyValuePair<string, SourceConfig>[] sources = [.. config.Sources.Where(source => name is null || source.Key == name)];
        if (sources.Length > 0) return sources;
        string known = config.Sources.Count == 0 ? "none is configured: `indelible protect` first" : $"configured are {string.Join(", ", config.Sources.Keys)}";
        throw new IndelibleException(ExitCode.Usage, $"--source: expected a configured source, found {(name is null ? "none" : $"'{name}'")}; {known}");
    }

    private static void Print(Terminal terminal, CrosscheckReport report)
    {
        if (report.Differences.Count > 0)
        {
            terminal.Table(["TABLE", "ROW", "COLUMN", "DIFFERENCE", "ENTRY"],
                [.. report.Differences.Select(d => (IReadOnlyList<string>)[d.Table, d.Row, d.Column ?? "", d.What, d.EntryIndex?.ToString(System.Globalization.CultureInfo.InvariantCulture) ?? ""])]);
        }
        if (report.DifferenceCount > report.Differences.Count) terminal.Line($"… and {report.DifferenceCount - report.Differences.Count} more");
        if (report.UnknownValues > 0) terminal.Line($"{report.UnknownValues} values could not be compared: the ledger knows that they changed, not to what");
        terminal.Line($"{report.Source}: {report.Rows} rows, {report.Values} values compared, {report.DifferenceCount} differences; sealed as entry {report.GuardEntry}");
    }

    private static JsonNode Json(CrosscheckReport report) => new JsonObject
    {
        ["source"] = report.Source,
        ["rows"] = report.Rows,
        ["values"] = report.Values,
        ["unknownValues"] = report.UnknownValues,
        ["differenceCount"] = report.DifferenceCount,
        ["guardEntry"] = report.GuardEntry,
        ["differences"] = new JsonArray([.. report.Differences.Select(d => (JsonNode)new JsonObject
        {
            ["table"] = d.Table,
            ["row"] = d.Row,
            ["column"] = d.Column,
            ["what"] = d.What,
            ["entry"] = d.EntryIndex,
        })]),
    };
}
