using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server.Demo;

namespace Indelible.Cli.Demo;

/// <summary>The demo, told in the order it happens. Everything Indelible does in it, it does as the command a user would type.</summary>
internal sealed class DemoStory(DemoStage stage, PrivatePostgres server, TimeProvider time)
{
    private const int Rounds = 3;

    /// <summary>Tells the whole story once; then, unless <paramref name="once"/>, traffic goes on until cancelled.
    /// Returns the stage.Summary.</summary>
    public async Task<JsonObject> TellAsync(bool once, CancellationToken cancellationToken)
    {
        await stage.PrepareAsync(cancellationToken);
        using Process run = stage.StartRun("--listen", "127.0.0.1:0");
        try
        {
            await RunningAsync(run, once, cancellationToken);
        }
        finally
        {
            await DemoStage.StopAsync(run);
        }
        await TamperWithCopyAsync(CancellationToken.None);
        return Summarise();
    }

    private async Task RunningAsync(Process run, bool once, CancellationToken cancellationToken)
    {
        stage.Narrator.Step("Capture, and people at work: an application, support in psql, a COPY import, a delete that cascades");
        stage.Narrator.Typed("indelible run");
        await stage.Traffic.RoundAsync(cancellationToken);
        await stage.CaughtUpAsync(run, cancellationToken);
        for (int round = 1; round < Rounds; round++) await stage.Traffic.RoundAsync(cancellationToken);
        stage.Narrator.Step("A DBA, first with ordinary triggers off, then with the attribution trigger disabled");
        await stage.Traffic.DbaWithTriggersOffAsync(cancellationToken);
        await stage.Traffic.DbaWithoutAttributionAsync(cancellationToken);
        await stage.TimedAsync("sealed", () => stage.CaughtUpAsync(run, cancellationToken));
        await stage.ShowAsync("log", ["log", "--limit", "12"], cancellationToken);
        stage.Narrator.Say("changes that nobody signed for:");
        await stage.ShowAsync("unattributed", ["log", "--grade", "none", "--kind", "change", "--limit", "5"], cancellationToken);
        await InspectAsync(cancellationToken);
        DemoAttacks attacks =
            new(server, stage.Self, stage.Narrator, stage.Summary, stage.Traffic, stop => stage.CaughtUpAsync(run, stop), time);
        await stage.TimedAsync("attacks", () => attacks.RunAsync($"indelible_{DemoStage.Source}", cancellationToken));
        await CompareAsync(run, cancellationToken);
        if (!once) await GoOnAsync(run, cancellationToken);
    }

    private async Task InspectAsync(CancellationToken cancellationToken)
    {
        string patient = ClinicTraffic.Protagonist.ToString(CultureInfo.InvariantCulture);
        stage.Narrator.Step("One value's history, and what it says when it is opened with a reason");
        await stage.ShowAsync("history", ["history", "patients", patient, "--column", "ssn"], cancellationToken);
        long index = await NewestAsync(patient, cancellationToken);
        string number = index.ToString(CultureInfo.InvariantCulture);
        await stage.ShowAsync("reveal", ["reveal", number, "--column", "ssn", "--reason", "demo: show the auditor"], cancellationToken);
        stage.Narrator.Step("A proof that fits in a mail, checked offline with one public key");
        await stage.ShowAsync("prove", ["prove", number, "-o", "entry.tlog-proof"], cancellationToken);
        stage.Summary.Results["evidence"] = DemoStage.Verdict(
            await stage.ShowAsync("verifyEvidence", ["verify", "entry.tlog-proof", "--key", stage.VerifierKey], cancellationToken));
    }

    private async Task CompareAsync(Process run, CancellationToken cancellationToken)
    {
        stage.Narrator.Step("Is the live database what the ledger says it is? What was hidden is found, so it is");
        await stage.CaughtUpAsync(run, cancellationToken);
        stage.Summary.Results["crosscheck"] = DemoStage.Verdict(await stage.ShowAsync("crosscheck", ["crosscheck"], cancellationToken));
    }

    private async Task GoOnAsync(Process run, CancellationToken cancellationToken)
    {
        stage.Narrator.Step("Traffic goes on until Ctrl-C. Look at it from another terminal:");
        stage.Narrator.Say($"cd {stage.Directory} && indelible --ledger {stage.Paths.Ledger} log");
        try
        {
            while (!run.HasExited)
            {
                await stage.Traffic.RoundAsync(cancellationToken);
                await Task.Delay(TimeSpan.FromSeconds(2), time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            stage.Narrator.Say("stopping");
        }
    }

    private async Task TamperWithCopyAsync(CancellationToken cancellationToken)
    {
        stage.Narrator.Step("The whole ledger, from raw bytes");
        stage.Summary.Results["ledger"] = DemoStage.Verdict(
            await stage.ShowAsync("verify", ["verify", stage.Paths.Ledger, "--key", stage.VerifierKey], cancellationToken));
        stage.Narrator.Step("Somebody with root alters a copy of the ledger");
        string copy = Path.Combine(stage.Directory, "tampered");
        stage.Narrator.Say("changed " + Tampering.CopyAndAlter(stage.Paths.Ledger, copy));
        stage.Summary.Results["tamperedCopyCaught"] = DemoStage.Verdict(
            await stage.ShowAsync("verifyTampered", ["verify", copy, "--key", stage.VerifierKey], cancellationToken), expected: 1);
    }

    private JsonObject Summarise()
    {
        var reader = new LedgerReader(stage.Paths.Ledger);
        Checkpoint head = reader.ReadCheckpoint();
        stage.Summary.Count(reader, head.Size);
        return stage.Summary.Json(head, stage.VerifierKey, stage.Directory);
    }

    private async Task<long> NewestAsync(string patient, CancellationToken cancellationToken)
    {
        Self.Outcome history = await stage.Self.RunAsync(
            ["log", "--table", "patients", "--key", patient, "--column", "ssn", "--limit", "1", "--json"], cancellationToken);
        return JsonNode.Parse(history.Output)!["entries"]![0]!["index"]!.GetValue<long>();
    }
}
