using System.Text.Json.Nodes;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Server;
using Indelible.Server.Control;

namespace Indelible.Cli;

/// <summary>What the process that holds the ledger finds wrong, asked as <c>status</c> asks it, with what to do.</summary>
internal static class RunningDoctor
{
    /// <summary>For an answer.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Asks once; nothing if no process listens.</summary>
    public static async Task<IReadOnlyList<(string Where, SourceCheck Check)>> CheckAsync(
        string journalDirectory, Invocation invocation, CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(Patience);
        ControlRequest request = new()
        {
            Arguments = ["status", "--json"], Directory = invocation.Directory, Environment = new Dictionary<string, string>(),
            User = invocation.User, Terminal = false, Width = invocation.Width,
        };
        using StringWriter answer = new(), said = new();
        try
        {
            if (await ControlClient.TryRunAsync(journalDirectory, request, answer, said, patience.Token) is null) return [];
        }
        catch (IndelibleException e)
        {
            return [("run", new SourceCheck("process", CheckStatus.Fail, e.Message, "an answer", null))];
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            return [("run",
                new SourceCheck("process", CheckStatus.Fail, $"it listens, and has not answered for {Patience.TotalSeconds} s", "an answer",
                    "systemctl restart indelible   # if it is not only halted; nothing acknowledged is lost"))];
        }
        if (answer.ToString() is not { Length: > 0 } text)      // what it needed for an answer is damaged, or away
            return [("run", new SourceCheck("process", CheckStatus.Fail, said.ToString().Trim(), "an answer",
                "indelible verify   # names what is damaged: put it back from a copy; else see the log of run"))];
        JsonNode status = JsonNode.Parse(text)!;
        return [("run", new SourceCheck("process", CheckStatus.Ok, $"running, {status["treeSize"]} entries sealed", "an answer", null)),
            .. Problems(status),
            .. (status["holds"]?.AsArray() ?? new JsonArray()).Select(hold => ("here", LocalDoctor.Hold((string)hold!["words"]!)))];
    }

    private static IEnumerable<(string, SourceCheck)> Problems(JsonNode status) =>
    [
        .. Problem("run", "verification", status["verification"]?["problem"],
            "indelible verify   # names what is damaged: put it back from a copy"),
        .. Problem("run", "index", status["indexProblem"], "df -h   # free space on the disk of the index: it catches up by itself"),
        .. Problem("store", "written", status["store"]?["problem"], "make the bucket answer   # what waits is published by itself"),
        .. Strange("store", status["store"]),
        .. status["copies"]!.AsArray().SelectMany(copy => (IEnumerable<(string, SourceCheck)>)
        [
            .. Problem($"copy {copy!["target"]}", "written", copy["problem"],
                "make its place writable   # it catches up by itself; see docs/copies.md"),
            .. Strange($"copy {copy["target"]}", copy),
        ]),
        .. (status["witnessing"]?["problems"]?.AsArray() ?? []).SelectMany(problem => Problem("witnesses", "cosigned", problem,
            "see docs/witnesses.md")),
        .. status["alerts"]!.AsArray().SelectMany(target => Problem($"alerts {target!["target"]}", "told", target["problem"],
            "indelible alerts test   # once its address is right; what waits is told by itself")),
        .. status["timestamps"]!.AsArray().SelectMany(stamp => Problem($"time {stamp!["authority"]}", "stamped", stamp["problem"],
            "see docs/timestamps.md")),
        .. status["sources"]!.AsArray().SelectMany(source => (IEnumerable<(string, SourceCheck)>)
        [
            .. Problem((string)source!["source"]!, "capture", source["problem"], null),
            .. source["openGaps"]!.AsArray().SelectMany(gap => Problem(
                (string)source["source"]!, "gap", $"{gap!["from"]} to {gap["to"]}: {gap["message"]}",
                "indelible coverage   # what is not covered; the gap ends by itself once the tables were compared")),
        ]),
    ];

    private static IEnumerable<(string, SourceCheck)> Strange(string where, JsonNode? copy) =>
        copy?["strange"]?.AsArray() is { Count: > 0 } found
            ? Problem(where, "what it holds", $"{found.Count} things that are not ours, or lacks some: {found[0]}",
                "find out who has the credentials   # what the ledger's head covers is read all the same")
            : [];

    private static IEnumerable<(string, SourceCheck)> Problem(string where, string name, JsonNode? found, string? fix) =>
        found is null ? [] : [(where, new SourceCheck(name, CheckStatus.Fail, (string)found!, "no problem", fix))];
}
