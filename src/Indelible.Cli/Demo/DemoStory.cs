using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server.Control;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Cli.Demo;

/// <summary>The demo, told in the order it happens. Everything Indelible does in it, it does as the command a user would type.</summary>
internal sealed class DemoStory(string directory, PrivatePostgres server, Narrator narrator, TimeProvider time)
{
    private const string Source = "clinic";
    private const int Rounds = 3;
    private const int LogLinesKept = 20;
    private static readonly string[] Columns =
    [
        "patients.ssn", "patients.phone", "patients.date_of_birth",
        "prescriptions.dose_mg", "prescriptions.drug=plain", "lab_results.value",
    ];
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(20);

    private readonly LedgerPaths paths = LedgerPaths.For(Path.Combine(directory, "ledger"));
    private readonly ClinicTraffic traffic = new(server);
    private readonly DemoSummary summary = new();
    private readonly Queue<string> log = new();
    private readonly Self self = new(directory, new Dictionary<string, string>
    {
        ["INDELIBLE_LEDGER"] = Path.Combine(directory, "ledger"),
    });
    private string verifierKey = "";

    /// <summary>Tells the whole story once; then, unless <paramref name="once"/>, traffic goes on until cancelled. Returns the summary.</summary>
    public async Task<JsonObject> TellAsync(bool once, CancellationToken cancellationToken)
    {
        await PrepareAsync(cancellationToken);
        using Process run = self.Start(["run", "--listen", "127.0.0.1:0"]);
        run.OutputDataReceived += (_, _) => { };    // read, so that it never waits for us
        run.BeginOutputReadLine();
        run.ErrorDataReceived += (_, line) => KeepLog(line.Data);
        run.BeginErrorReadLine();
        try
        {
            await RunningAsync(run, once, cancellationToken);
        }
        finally
        {
            await StopAsync(run);
        }
        await TamperWithCopyAsync(CancellationToken.None);
        return Summarise();
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        narrator.Step("A clinic's database: patients, prescriptions, lab results. A private PostgreSQL, under " + directory);
        await TimedAsync("clinic", () => CreateClinicAsync(cancellationToken));
        narrator.Step("A ledger, and the columns that matter");
        JsonNode made = await TypeAsync("init", ["init", "--origin", "demo.indelible.example/clinic", "--json"], cancellationToken);
        verifierKey = made["verifierKey"]!.GetValue<string>();
        narrator.Say($"the auditor's key: {verifierKey}");
        await ShowAsync("protect", ["protect", "--source", server.ConnectionString(ClinicTraffic.Database), "--name", Source, .. Columns], cancellationToken);
    }

    private async Task RunningAsync(Process run, bool once, CancellationToken cancellationToken)
    {
        narrator.Step("Capture, and people at work: an application, support in psql, a COPY import, a delete that cascades");
        narrator.Typed("indelible run");
        await traffic.RoundAsync(cancellationToken);
        await CaughtUpAsync(run, cancellationToken);
        for (int round = 1; round < Rounds; round++) await traffic.RoundAsync(cancellationToken);
        narrator.Step("A DBA, first with ordinary triggers off, then with the attribution trigger disabled");
        await traffic.DbaWithTriggersOffAsync(cancellationToken);
        await traffic.DbaWithoutAttributionAsync(cancellationToken);
        await TimedAsync("sealed", () => CaughtUpAsync(run, cancellationToken));
        await ShowAsync("log", ["log", "--limit", "12"], cancellationToken);
        narrator.Say("changes that nobody signed for:");
        await ShowAsync("unattributed", ["log", "--grade", "none", "--kind", "change", "--limit", "5"], cancellationToken);
        await InspectAsync(cancellationToken);
        DemoAttacks attacks = new(server, self, narrator, summary, stop => CaughtUpAsync(run, stop));
        await TimedAsync("attacks", () => attacks.RunAsync($"indelible_{Source}", cancellationToken));
        await BehindTheRecordAsync(run, cancellationToken);
        if (!once) await GoOnAsync(run, cancellationToken);
    }

    private async Task InspectAsync(CancellationToken cancellationToken)
    {
        string patient = ClinicTraffic.Protagonist.ToString(CultureInfo.InvariantCulture);
        narrator.Step("One value's history, and what it says when it is opened with a reason");
        await ShowAsync("history", ["history", "patients", patient, "--column", "ssn"], cancellationToken);
        long index = await NewestAsync(patient, cancellationToken);
        string number = index.ToString(CultureInfo.InvariantCulture);
        await ShowAsync("reveal", ["reveal", number, "--column", "ssn", "--reason", "demo: show the auditor"], cancellationToken);
        narrator.Step("A proof that fits in a mail, checked offline with one public key");
        await ShowAsync("prove", ["prove", number, "-o", "entry.tlog-proof"], cancellationToken);
        summary.Results["evidence"] = Verdict(await ShowAsync("verifyEvidence", ["verify", "entry.tlog-proof", "--key", verifierKey], cancellationToken));
    }

    private async Task BehindTheRecordAsync(Process run, CancellationToken cancellationToken)
    {
        narrator.Step("Is the live database what the ledger says it is?");
        summary.Results["crosscheckBefore"] = Verdict(await ShowAsync("crosscheck", ["crosscheck"], cancellationToken));
        narrator.Step("A DBA takes the table out of the publication, changes a number, puts the table back. The log that capture reads has nothing of it");
        await traffic.BehindTheRecordsBackAsync($"indelible_{Source}", cancellationToken);
        await CaughtUpAsync(run, cancellationToken);
        bool isCaught = Verdict(await ShowAsync("crosscheckCaught", ["crosscheck"], cancellationToken), expected: 1);
        string patient = (ClinicTraffic.Protagonist + 2).ToString(CultureInfo.InvariantCulture);
        summary.Add("crosscheckCaught", "table out of the publication for one update", $"crosscheck: the number of patient {patient} is another than in the ledger", isCaught);
    }

    private async Task GoOnAsync(Process run, CancellationToken cancellationToken)
    {
        narrator.Step("Traffic goes on until Ctrl-C. Look at it from another terminal:");
        narrator.Say($"cd {directory} && indelible --ledger {paths.Ledger} log");
        try
        {
            while (!run.HasExited)
            {
                await traffic.RoundAsync(cancellationToken);
                await Task.Delay(TimeSpan.FromSeconds(2), time, cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            narrator.Say("stopping");
        }
    }

    private async Task TamperWithCopyAsync(CancellationToken cancellationToken)
    {
        narrator.Step("The whole ledger, from raw bytes");
        summary.Results["ledger"] = Verdict(await ShowAsync("verify", ["verify", paths.Ledger, "--key", verifierKey], cancellationToken));
        narrator.Step("Somebody with root alters a copy of the ledger");
        string copy = Path.Combine(directory, "tampered");
        narrator.Say("changed " + Tampering.CopyAndAlter(paths.Ledger, copy));
        summary.Results["tamperedCopyCaught"] = Verdict(await ShowAsync("verifyTampered", ["verify", copy, "--key", verifierKey], cancellationToken), expected: 1);
    }

    private JsonObject Summarise()
    {
        var reader = new LedgerReader(paths.Ledger);
        Checkpoint head = reader.ReadCheckpoint();
        summary.Count(reader, head.Size);
        return summary.Json(head, verifierKey, directory);
    }

    private async Task CreateClinicAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("postgres", $"CREATE DATABASE {ClinicTraffic.Database}", cancellationToken);
        using var script = new StreamReader(typeof(DemoStory).Assembly.GetManifestResourceStream("Indelible.Cli.Demo.Clinic.sql")!);
        await ExecuteAsync(ClinicTraffic.Database, await script.ReadToEndAsync(cancellationToken), cancellationToken);
    }

    private async Task ExecuteAsync(string database, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }

    /// <summary>Waits until the source's position at this moment is sealed and found by queries.</summary>
    private async Task CaughtUpAsync(Process run, CancellationToken cancellationToken)
    {
        Lsn now = await PositionAsync(cancellationToken);
        long begin = time.GetTimestamp();
        while (time.GetElapsedTime(begin) < CatchUpLimit)
        {
            if (run.HasExited) throw new IndelibleException(ExitCode.Environment, $"`indelible run` ended:\n{LogTail()}");
            // Before it answers, a `status` would open the ledger itself and be in its way.
            if (Path.Exists(ControlSocket.PathFor(paths.Journal)) && await IsSealedAsync(now, cancellationToken)) return;
            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
        }
        throw new IndelibleException(ExitCode.Environment, $"expected everything up to {now} to be sealed within {CatchUpLimit.TotalSeconds} s; see `indelible status` in {directory}");
    }

    private async Task<bool> IsSealedAsync(Lsn position, CancellationToken cancellationToken)
    {
        Self.Outcome status = await self.RunAsync(["status", "--json"], cancellationToken);
        return status.ExitCode == 0 && IsPast(JsonNode.Parse(status.Output)!, position);
    }

    private void KeepLog(string? line)
    {
        lock (log)
        {
            log.Enqueue(line ?? "");
            if (log.Count > LogLinesKept) log.Dequeue();
        }
    }

    private string LogTail()
    {
        lock (log) return string.Join('\n', log);
    }

    private static bool IsPast(JsonNode status, Lsn position) =>
        status["running"]!.GetValue<bool>()
        && status["indexedSize"]!.GetValue<long>() == status["treeSize"]!.GetValue<long>()
        && status["sources"]!.AsArray().All(source => Lsn.Parse(source!["sealedTo"]!.GetValue<string>()) >= position);

    private async Task<Lsn> PositionAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(ClinicTraffic.Database) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand("SELECT pg_current_wal_insert_lsn()::text", connection);
        return Lsn.Parse((string)(await command.ExecuteScalarAsync(cancellationToken))!);
    }

    private async Task<long> NewestAsync(string patient, CancellationToken cancellationToken)
    {
        Self.Outcome history = await self.RunAsync(["log", "--table", "patients", "--key", patient, "--column", "ssn", "--limit", "1", "--json"], cancellationToken);
        return JsonNode.Parse(history.Output)!["entries"]![0]!["index"]!.GetValue<long>();
    }

    /// <summary>Runs a command whose result is wanted as JSON; shows only that it was run.</summary>
    private async Task<JsonNode> TypeAsync(string name, string[] arguments, CancellationToken cancellationToken)
    {
        Self.Outcome outcome = await TimedAsync(name, () => self.RunAsync(arguments, cancellationToken));
        narrator.Typed(Self.Typed(arguments.Where(word => word != "--json")));
        return outcome.ExitCode == 0 ? JsonNode.Parse(outcome.Output)! : throw new IndelibleException((ExitCode)outcome.ExitCode, outcome.Error);
    }

    /// <summary>Runs a command and shows what it printed.</summary>
    private async Task<Self.Outcome> ShowAsync(string name, string[] arguments, CancellationToken cancellationToken)
    {
        narrator.Typed(Self.Typed(arguments));
        Self.Outcome outcome = await TimedAsync(name, () => self.RunAsync(arguments, cancellationToken));
        narrator.Printed(outcome.Output.Length > 0 ? outcome.Output : outcome.Error);
        if (outcome.ExitCode > 1) throw new IndelibleException((ExitCode)outcome.ExitCode, outcome.Error);
        return outcome;
    }

    private static bool Verdict(Self.Outcome outcome, int expected = 0) => outcome.ExitCode == expected;

    private Task TimedAsync(string name, Func<Task> work) => TimedAsync(name, async () =>
    {
        await work();
        return true;
    });

    private async Task<T> TimedAsync<T>(string name, Func<Task<T>> work)
    {
        long begin = time.GetTimestamp();
        T result = await work();
        summary.TimingsMs[name] = (long)time.GetElapsedTime(begin).TotalMilliseconds;
        return result;
    }

    private static async Task StopAsync(Process run)
    {
        if (!run.HasExited)
        {
            using Process kill = Process.Start("kill", ["-TERM", run.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }
        await run.WaitForExitAsync();
    }
}
