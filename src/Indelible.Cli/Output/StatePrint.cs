using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Server;

namespace Indelible.Cli.Output;

/// <summary>Prints a row's protected values as they stood at a time: sealed, or decrypted for a reason.</summary>
internal sealed class StatePrint(Terminal terminal, MicroTime at, string? column)
{
    /// <summary>What proving the entries behind it came to; null if nobody asked.</summary>
    public ResultReport? Report { get; set; }

    /// <summary>Says what was proved; where something was not, that is all there is to say.</summary>
    public ExitCode Tell()
    {
        if (Report is { Findings.Count: > 0 })
            terminal.Json(new JsonObject { ["asOf"] = at.ToString(), ["verification"] = ResultOptions.Json(Report) });
        return ResultOptions.Tell(terminal, Report);
    }

    /// <summary>Values stay sealed.</summary>
    /// <param name="state">What the row held.</param>
    /// <param name="closed">Origin of the closed ledger that says so; null: the current one does.</param>
    public void Sealed(RowState state, string? closed) =>
        Print(state, closed, field => EntryText.Value(field.Value), field => EntryJson.Value(field.Value), accessEntry: null);

    /// <summary>Values in clear; who read them and why is sealed first.</summary>
    public async Task RevealedAsync(RowState state, LedgerHost host, LedgerView from, Reveal reveal, CancellationToken cancellationToken)
    {
        string? closed = from == host.View ? null : from.Origin;
        StateField[] fields = Wanted(state);
        if (fields.Length == 0)
        {
            Sealed(state, closed);
            return;
        }
        Dictionary<string, string> facts = new()
        {
            ["asOf"] = at.ToString(),
            ["entries"] = string.Join(", ",
                fields.Select(field => field.EntryIndex).Distinct().Order().Select(index => index.ToString(CultureInfo.InvariantCulture))),
            ["fields"] = string.Join(", ", fields.Select(field => field.Name)),
        };
        if (closed is not null) facts["ledger"] = closed;
        long access = await reveal.SealAsync(host, fields[0].Entry.Header.Source, facts, cancellationToken);
        Print(
            state,
            closed,
            field => ValueText.Of(field.Value, from.Values.Open(field.Entry, field.Field, field.Side)),
            field => ValueText.Json(field.Value, from.Values.Open(field.Entry, field.Field, field.Side)),
            access);
        terminal.Note($"sealed as access entry {access}");
    }

    private StateField[] Wanted(RowState state) => [.. state.Fields.Where(field => column is null || field.Name == column)];

    private void Print(RowState state, string? closed, Func<StateField, string> text, Func<StateField, JsonNode> json, long? accessEntry)
    {
        StateField[] fields = Wanted(state);
        terminal.Line(state.Exists switch
        {
            true => $"at {at} the row stood as follows{(accessEntry is null ? "; sealed values: add --reason WHY" : "")}",
            false => $"at {at} the row did not exist; entry {state.EndedBy} ended it",
            null => $"the ledger knows nothing of this row at {at}",
        });
        if (closed is not null) terminal.Note($"as the closed ledger {closed} says; entries are its entries");
        if (fields.Length > 0)
        {
            terminal.Table(["COLUMN", "VALUE", "SINCE", "ENTRY"],
                [.. fields.Select(field => (IReadOnlyList<string>)
                    [field.Name, text(field), field.Since.ToString(), field.EntryIndex.ToString(CultureInfo.InvariantCulture)])]);
        }
        JsonObject document = new()
        {
            ["asOf"] = at.ToString(),
            ["closedLedger"] = closed,
            ["exists"] = state.Exists,
            ["endedBy"] = state.EndedBy,
            ["accessEntry"] = accessEntry,
            ["fields"] = new JsonArray([.. fields.Select(field => (JsonNode)new JsonObject
            {
                ["column"] = field.Name,
                ["value"] = json(field),
                ["since"] = field.Since.ToString(),
                ["entry"] = field.EntryIndex,
                ["side"] = Words.Of(field.Side),
            })]),
        };
        if (Report is not null) document["verification"] = ResultOptions.Json(Report);
        terminal.Json(document);
    }
}
