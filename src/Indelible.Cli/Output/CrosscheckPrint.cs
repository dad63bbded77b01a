using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Sealing;
using Indelible.Server;

namespace Indelible.Cli.Output;

/// <summary>Prints what crosschecks came to.</summary>
internal sealed class CrosscheckPrint(Terminal terminal)
{
    private readonly JsonArray _sources = [];

    /// <summary>Both sides of a cell, in clear.</summary>
    private sealed record ShownCell(DifferingCell Cell, OpenedValue Opened)
    {
        public string Live => Cell.Live.IsNull ? "NULL" : Encoding.UTF8.GetString(Cell.Live.Text.Span);

        public string Held => ValueText.Of(Cell.Held.Value, Opened);
    }

    private bool _isFine = true;

    /// <summary>One source. If values are to be shown, an access entry that says so is sealed first.</summary>
    public async Task AddAsync(CrosscheckReport report, Reveal? reveal, LedgerHost host, CancellationToken cancellationToken)
    {
        Difference[] shown = [.. report.Differences.Where(difference => difference.Cell is not null)];
        long? access = reveal is null || shown.Length == 0
            ? null
            : await reveal.SealAsync(host, report.Source, Facts(report, shown), cancellationToken);
        Add(report, host.View, access);
    }

    /// <summary>One source; <paramref name="access"/> is the entry that says who sees the values, null if nobody does.</summary>
    public void Add(CrosscheckReport report, LedgerView view, long? access)
    {
        _isFine &= report.IsFine;
        Func<Difference, ShownCell?> cell = difference => access is null || difference.Cell is not { } both
            ? null
            : new ShownCell(both, Opened(view, both));
        PrintDifferences(report, cell, access is not null);
        foreach (NotCovered table in report.NotCovered) terminal.Line($"{table.Table}: not covered: {table.Reason}");
        if (report.UnknownValues > 0)
            terminal.Line($"{report.UnknownValues} values could not be compared: the ledger knows that they changed, not to what");
        if (report.LockedValues > 0) terminal.Line($"{report.LockedValues} values are not covered: their keys are not in this keyring");
        string sealedAs = report.GuardEntry is { } guard ? $"sealed as entry {guard}" : "not sealed: this is a copy of the ledger";
        string scope = report.Scope == CrosscheckScope.All ? "" : $" ({report.Scope})";
        string notCovered = report.NotCovered.Count > 0 ? $", {report.NotCovered.Count} tables not covered" : "";
        terminal.Line($"{report.Source}{scope}: {report.Rows} rows, {report.Values} values compared, "
            + $"{report.DifferenceCount} differences{notCovered}; {sealedAs}");
        if (access is not null) terminal.Note($"sealed as access entry {access}");
        _sources.Add(Json(report, cell, access));
    }

    /// <summary>Prints the JSON document; gives the exit code.</summary>
    public ExitCode End()
    {
        terminal.Json(new JsonObject { ["sources"] = _sources });
        return _isFine ? ExitCode.Fine : ExitCode.Finding;
    }

    private void PrintDifferences(CrosscheckReport report, Func<Difference, ShownCell?> cell, bool isRevealed)
    {
        if (report.Differences.Count > 0)
        {
            IReadOnlyList<string> headings = ["TABLE", "ROW", "COLUMN", "DIFFERENCE", "ENTRY"];
            terminal.Table(isRevealed ? [.. headings, "DATABASE", "LEDGER"] : headings, [.. report.Differences.Select(d =>
            {
                IReadOnlyList<string> row =
                    [d.Table, d.Row, d.Column ?? "", d.What, d.EntryIndex?.ToString(CultureInfo.InvariantCulture) ?? ""];
                return isRevealed ? [.. row, cell(d)?.Live ?? "", cell(d)?.Held ?? ""] : row;
            })]);
        }
        if (report.DifferenceCount > report.Differences.Count)
            terminal.Line($"… and {report.DifferenceCount - report.Differences.Count} more");
    }

    private static Dictionary<string, string> Facts(CrosscheckReport report, Difference[] shown) => new()
    {
        ["crosscheck"] = report.GuardEntry?.ToString(CultureInfo.InvariantCulture) ?? "",
        ["cells"] = shown.Length.ToString(CultureInfo.InvariantCulture),
        ["entries"] = string.Join(", ",
            shown.Select(d => d.Cell!.Held.EntryIndex).Distinct().Order().Select(index => index.ToString(CultureInfo.InvariantCulture))),
        ["fields"] = string.Join(", ", shown.Select(d => $"{d.Table}.{d.Column}").Distinct()),
    };

    private static OpenedValue Opened(LedgerView view, DifferingCell cell) =>
        view.Values.Open(cell.Held.Entry, cell.Held.Field, cell.Held.Side);

    private static JsonNode Json(CrosscheckReport report, Func<Difference, ShownCell?> cell, long? access) => new JsonObject
    {
        ["source"] = report.Source,
        ["scope"] = report.Scope,
        ["fine"] = report.IsFine,
        ["rows"] = report.Rows,
        ["values"] = report.Values,
        ["unknownValues"] = report.UnknownValues,
        ["lockedValues"] = report.LockedValues,
        ["differenceCount"] = report.DifferenceCount,
        ["guardEntry"] = report.GuardEntry,
        ["accessEntry"] = access,
        ["notCovered"] = new JsonArray(
            [.. report.NotCovered.Select(table => (JsonNode)new JsonObject { ["table"] = table.Table, ["reason"] = table.Reason })]),
        ["differences"] = new JsonArray([.. report.Differences.Select(d => (JsonNode)Cell(new JsonObject
        {
            ["table"] = d.Table,
            ["row"] = d.Row,
            ["column"] = d.Column,
            ["what"] = d.What,
            ["entry"] = d.EntryIndex,
        }, cell(d)))]),
    };

    private static JsonObject Cell(JsonObject difference, ShownCell? cell)
    {
        if (cell is null) return difference;
        difference["database"] = cell.Cell.Live.IsNull ? new JsonObject { ["null"] = true } : new JsonObject { ["value"] = cell.Live };
        difference["ledger"] = ValueText.Json(cell.Cell.Held.Value, cell.Opened);
        return difference;
    }
}
