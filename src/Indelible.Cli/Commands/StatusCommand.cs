using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Server;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Server.Witnessing;

namespace Indelible.Cli.Commands;

/// <summary><c>status</c>: size, head, index, copies, and how each source stands.
/// Exit code 1 if a source cannot be captured or a gap is open.</summary>
internal static class StatusCommand
{
    public static Command Build()
    {
        Command command = new("status", "Size, head, lag, coverage, gaps and copies");
        command.SetAction((parse, cancellationToken) => RunAsync(parse, Invocation.Of(parse), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        LedgerStatus status = await StatusAsync(parse, invocation, cancellationToken);
        Terminal terminal = invocation.TerminalFor(parse);
        Print(terminal, status);
        terminal.Json(Json(status));
        return (int)(HasProblem(status) ? ExitCode.Finding : ExitCode.Fine);
    }

    private static bool HasProblem(LedgerStatus status) =>
        status.Sources.Any(source => source.Problem is not null || source.OpenGaps.Count > 0)
        || status.Alerts.Any(target => target.Problem is not null)
        || status.Copies.Append(status.Store).Any(copy => copy is { Problem: not null } or { Strange.Count: > 0 })
        || status.TimeStamps.Any(stamp => stamp.Problem is not null)
        || status.Witnessing is { Problems.Count: > 0 }
        || status.Verification?.Problem is not null
        || status.IndexProblem is not null;

    /// <summary>Of the process that holds the ledger, as it stands: looking neither publishes nor indexes anything.</summary>
    private static async Task<LedgerStatus> StatusAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.Running is { } running) return LedgerStatus.Of(running);
        await using Borrowed<LedgerView> ledger = await Ledgers.ViewAsync(parse, invocation, cancellationToken);
        return await LedgerStatus.OfAsync(ledger.Value, invocation.Config(parse), invocation.Time, cancellationToken);
    }

    private static void Print(Terminal terminal, LedgerStatus status)
    {
        terminal.Pairs(
        [
            ("origin", status.Origin),
            ("running", status.Address is { } address ? $"yes, at {address}" : status.IsRunning ? "yes" : "no"),
            ("sealed", $"{status.TreeSize} entries"),
            ("published", $"{status.PublishedSize} entries, root {status.Root}"),
            .. status.Successor is { } successor ? [("closed", $"nothing more is sealed; {successor} goes on")] : ((string, string)[])[],
            ("indexed", $"{status.IndexedSize} entries{(status.IndexProblem is null ? "" : ": " + status.IndexProblem)}"),
            .. status.Store is { } store ? [("store", Copy(store) + Requests(store))] : ((string, string)[])[],
            .. status.Copies.Count == 0 ? [("copies", "none")] : status.Copies.Select(copy => ($"copy: {copy.Name}", Copy(copy))),
            .. status.TimeStamps.Select(stamp => ($"time: {stamp.Authority}", Stamped(stamp))),
            .. status.Witnessing is { } witnessing ? [("cosigned", Cosigned(witnessing))] : ((string, string)[])[],
            .. status.Holds.Select(held => ("legal hold", LegalHolds.Words(held))),
            ("verified", Verified(status.Verification)),
            .. status.Alerts.Select(target => ($"alerts: {target.Name}", Delivery(target))),
        ]);
        if (status.Successor is not null) return;
        if (status.Sources.Count == 0)
        {
            terminal.Line("no source is protected yet: indelible protect --source CONNECTION TABLE.COLUMN…");
            return;
        }
        terminal.Line();
        terminal.Table(["SOURCE", "STATE", "TABLES", "COLUMNS", "SEALED TO", "LOG END", "LAG", "COVERED TO", "OPEN GAPS", "SLOT"],
        [
            .. status.Sources.Select(source => (IReadOnlyList<string>)
            [
                source.Name, source.State, Text(source.Tables), Text(source.Columns), Text(source.Sealed), Text(source.LogEnd), Lag(source),
                Text(source.CoveredTo), Text(source.OpenGaps.Count), source.Slot,
            ]),
        ]);
        foreach (SourceLine source in status.Sources) terminal.Pairs(Troubles(source));
    }

    private static string Verified(VerificationStatus? status) => status switch
    {
        null => "not by itself now",
        { Problem: { } problem } => $"FAILED: {problem}",
        { LastPass: { } at } => $"by itself, whole at {at}; {status.Entries} of {status.TreeSize} entries in the pass under way",
        _ => $"by itself, {status.Entries} of {status.TreeSize} entries in the first pass",
    };

    private static string Cosigned(WitnessingStatus status) =>
        (status.CosignedSize == 0 ? "nothing" : $"{status.CosignedSize} entries{(status.CosignedAt is { } at ? $", at {at}" : "")}")
            + string.Concat(status.Problems.Select(problem => $"; {problem}"));

    private static string Copy(TargetStatus copy)
    {
        string since = copy.Lag is { } lag ? string.Create(CultureInfo.InvariantCulture, $" for {lag.TotalSeconds:F1} s") : "";
        string behind = copy.LagEntries == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", {copy.LagEntries} behind{since}");
        string last = copy.LastSuccess is { } at ? $", written {at}" : "";
        string error = copy.Problem is { } problem ? $"; NOT WRITTEN: {problem}"
            : copy.LastError is { } failure ? $"; last error {failure.At}: {failure.Message}"
            : "";
        string strange = copy.Strange.Count == 0 ? "" : $"; {copy.Strange.Count} THINGS THAT ARE NOT OURS: {copy.Strange.First()}";
        string hold = copy.Hold is null ? "" : $"; legal hold: {copy.Hold}";
        return $"{copy.Size} entries in {copy.Place}{behind}{last}{error}{strange}{hold}";
    }

    private static string Requests(TargetStatus store) =>
        store.Requests is { } made
            ? string.Create(CultureInfo.InvariantCulture,
                $"; {made.Puts} requests that write, {made.Gets + made.Lists + made.Others} others since the start")
            : "";

    private static string Stamped(TimeStampStatus stamp) =>
        (stamp.At is { } at ? $"size {stamp.Size} stamped {at}" : "nothing stamped yet")
            + (stamp.Problem is { } problem ? $"; NOT STAMPED: {problem}" : "");

    private static string Delivery(AlertTargetStatus target)
    {
        string told = target.LastDelivered is { } at ? $", last told {at}" : "";
        string error = target.Problem is { } problem ? $"; not delivered: {problem}" : target.LastError is { } last
            ? $"; last error {last.At}: {last.Message}"
            : "";
        return $"delivered up to entry {target.DeliveredTo}, {target.Pending} pending{told}{error}";
    }

    private static IEnumerable<(string, string)> Troubles(SourceLine source)
    {
        if (source.Problem is { } problem) yield return ($"{source.Name}: problem", problem);
        if (source is { State: not "capturing", LastHeard: { } heard }) yield return ($"{source.Name}: last heard", heard.ToString());
        if (source.LastError is { } error && error.Message != source.Problem)
            yield return ($"{source.Name}: last error", $"{error.At}: {error.Message}");
        if (source.LastGap is { } last && source.OpenGaps.Count == 0) yield return ($"{source.Name}: last gap", last);
        yield return ($"{source.Name}: last crosscheck", source.LastCrosscheck is { } checkedAt ? LastCrosscheck.Words(checkedAt) : "none");
        foreach (EntryHeader gap in source.OpenGaps)
        {
            yield return ($"{source.Name}: open gap",
                $"{Fact(gap, "from")} to {Fact(gap, "to")}, sealed {gap.SealedAt}: {Fact(gap, "message")}");
        }
    }

    private static string Fact(EntryHeader header, string name) => header.Facts?.GetValueOrDefault(name) ?? "?";

    private static string Lag(SourceLine source) => (source.LagBytes, source.Lag) switch
    {
        (null, null) => "not known",
        (null, { } time) => string.Create(CultureInfo.InvariantCulture, $"not known for {time.TotalSeconds:F1} s"),
        ({ } bytes, null) => $"{bytes} bytes",
        ({ } bytes, { } time) => string.Create(CultureInfo.InvariantCulture, $"{bytes} bytes, {time.TotalSeconds:F1} s"),
    };

    private static JsonObject Json(LedgerStatus status) => new()
    {
        ["origin"] = status.Origin,
        ["running"] = status.IsRunning,
        ["address"] = status.Address,
        ["treeSize"] = status.TreeSize,
        ["publishedSize"] = status.PublishedSize,
        ["successor"] = status.Successor,
        ["root"] = status.Root,
        ["indexedSize"] = status.IndexedSize,
        ["indexProblem"] = status.IndexProblem,
        ["store"] = status.Store is { } store ? Json(store) : null,
        ["copies"] = new JsonArray([.. status.Copies.Select(copy => (JsonNode)Json(copy))]),
        ["verification"] = status.Verification is not { } verified ? null : new JsonObject
        {
            ["entries"] = verified.Entries,
            ["treeSize"] = verified.TreeSize,
            ["passes"] = verified.Passes,
            ["lastPass"] = verified.LastPass?.ToString(),
            ["problem"] = verified.Problem,
        },
        ["timestamps"] = new JsonArray([.. status.TimeStamps.Select(stamp => (JsonNode)new JsonObject
        {
            ["authority"] = stamp.Authority, ["size"] = stamp.Size, ["at"] = stamp.At?.ToString(), ["problem"] = stamp.Problem,
        })]),
        ["witnessing"] = status.Witnessing is not { } witnessing ? null : new JsonObject
        {
            ["cosignedSize"] = witnessing.CosignedSize,
            ["cosignedAt"] = witnessing.CosignedAt?.ToString(),
            ["problems"] = new JsonArray([.. witnessing.Problems.Select(problem => JsonValue.Create(problem))]),
        },
        ["alerts"] = new JsonArray([.. status.Alerts.Select(target => (JsonNode)new JsonObject
        {
            ["target"] = target.Name,
            ["kind"] = Words.Of(target.Kind),
            ["deliveredTo"] = target.DeliveredTo,
            ["pending"] = target.Pending,
            ["lastDelivered"] = target.LastDelivered?.ToString(),
            ["problem"] = target.Problem,
            ["lastError"] = Error(target.LastError),
        })]),
        ["holds"] = new JsonArray([.. status.Holds.Select(held => (JsonNode)new JsonObject
        {
            ["ledger"] = Fact(held.Entry.Header, "ledger"), ["by"] = Fact(held.Entry.Header, "by"),
            ["since"] = held.Entry.Header.SealedAt.ToString(), ["entry"] = held.Index, ["words"] = LegalHolds.Words(held),
        })]),
        ["sources"] = new JsonArray([.. status.Sources.Select(source => (JsonNode)new JsonObject
        {
            ["source"] = source.Name,
            ["state"] = source.State,
            ["tables"] = source.Tables,
            ["columns"] = source.Columns,
            ["sealedTo"] = source.Sealed.ToString(),
            ["logEnd"] = source.LogEnd.ToString(),
            ["lagBytes"] = source.LagBytes,
            ["lagSeconds"] = source.Lag is { } lag ? Math.Round(lag.TotalSeconds, 3) : null,
            ["lastHeard"] = source.LastHeard?.ToString(),
            ["coveredTo"] = source.CoveredTo.ToString(),
            ["openGaps"] = new JsonArray([.. source.OpenGaps.Select(gap => (JsonNode)new JsonObject
            {
                ["from"] = Fact(gap, "from"), ["to"] = Fact(gap, "to"),
                ["reason"] = Fact(gap, "reason"), ["message"] = Fact(gap, "message"), ["sealedAt"] = gap.SealedAt.ToString(),
            })]),
            ["slot"] = source.Slot,
            ["changes"] = source.Changes,
            ["lastGap"] = source.LastGap,
            ["lastCrosscheck"] = source.LastCrosscheck is { } result
                ? new JsonObject
                {
                    ["at"] = result.SealedAt.ToString(), ["rows"] = Fact(result, "rows"),
                    ["differences"] = Fact(result, "differences"), ["notCovered"] = result.Facts?.GetValueOrDefault("not-covered"),
                }
                : null,
            ["problem"] = source.Problem,
            ["lastError"] = Error(source.LastError),
        })]),
    };

    private static JsonObject Json(TargetStatus copy) => new()
    {
        ["target"] = copy.Name,
        ["kind"] = Words.Of(copy.Kind),
        ["place"] = copy.Place,
        ["size"] = copy.Size,
        ["lagEntries"] = copy.LagEntries,
        ["lagSeconds"] = copy.Lag is { } lag ? Math.Round(lag.TotalSeconds, 3) : null,
        ["lastSuccess"] = copy.LastSuccess?.ToString(),
        ["strange"] = new JsonArray([.. copy.Strange.Select(what => (JsonNode)what)]),
        ["requests"] = copy.Requests is { } made
            ? new JsonObject { ["write"] = made.Puts, ["read"] = made.Gets, ["list"] = made.Lists, ["other"] = made.Others }
            : null,
        ["legalHold"] = copy.Hold,
        ["problem"] = copy.Problem,
        ["lastError"] = Error(copy.LastError),
    };

    private static JsonObject? Error(SourceError? error) => error is null
        ? null
        : new JsonObject { ["at"] = error.At.ToString(), ["message"] = error.Message };

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);

    private static string Text(Lsn position) => position == Lsn.None ? "–" : position.ToString();
}
