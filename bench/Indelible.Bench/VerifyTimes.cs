using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Ledger;

namespace Indelible.Bench;

/// <summary>How long `indelible verify` takes, as a whole process.</summary>
internal static class VerifyTimes
{
    private const int Rounds = 3;

    /// <summary>The verifier key of a ledger that no process holds.</summary>
    public static async Task<string> KeyAsync(Command command, CancellationToken cancellationToken) =>
        (string)JsonNode.Parse(await command.RunAsync(cancellationToken, "keys", "show", "--json"))!["verifierKey"]!;

    public static async Task RunAsync(Command command, string key, Results results, CancellationToken cancellationToken)
    {
        long size = new LedgerReader(command.Ledger).ReadCheckpoint().Size;
        List<double> seconds = [], processor = [];
        for (int round = 0; round < Rounds; round++)
        {
            TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
            long begin = Stopwatch.GetTimestamp();
            await command.RunAsync(cancellationToken, "verify", command.Ledger, "--key", key);
            seconds.Add(Stopwatch.GetElapsedTime(begin).TotalSeconds);
            processor.Add((ProcessorTime.OfChildren(Environment.ProcessId) - before).TotalSeconds);
        }
        results.Add("verify", $"{Results.Number(size / Results.Median(seconds))} entries/s",
            $"{size} entries, whole process, warm, median of {Rounds}: {Results.Number(Results.Median(seconds))} s; "
                + $"{Results.Number(1e9 * Results.Median(processor) / size)} ns of processor time an entry");
    }
}
