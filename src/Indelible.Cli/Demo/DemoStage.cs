using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server.Control;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Cli.Demo;

/// <summary>What every story needs: the clinic, its ledger, commands as a user types them, and what came of them.</summary>
internal sealed class DemoStage(string directory, PrivatePostgres server, Narrator narrator, TimeProvider time)
{
    /// <summary>Name of the clinic's source.</summary>
    public const string Source = "clinic";
    /// <summary>Origin of the clinic's ledger.</summary>
    public const string Origin = "demo.indelible.example/clinic";

    private const int LogLinesKept = 20;
    private static readonly string[] Columns =
    [
        "patients.ssn", "patients.phone", "patients.date_of_birth",
        "prescriptions.dose_mg", "prescriptions.drug=plain", "lab_results.value",
    ];
    private static readonly TimeSpan CatchUpLimit = TimeSpan.FromSeconds(20);

    private readonly Queue<string> log = new();

    /// <summary>Where everything is.</summary>
    public string Directory => directory;
    /// <summary>The ledger's directories.</summary>
    public LedgerPaths Paths { get; } = LedgerPaths.For(Path.Combine(directory, "ledger"));
    /// <summary>The command.</summary>
    public Self Self { get; init; } =
        new(directory, new Dictionary<string, string> { ["INDELIBLE_LEDGER"] = Path.Combine(directory, "ledger") });
    /// <summary>Tells the story.</summary>
    public Narrator Narrator => narrator;
    /// <summary>What came of it.</summary>
    public DemoSummary Summary { get; } = new();
    /// <summary>People at work.</summary>
    public ClinicTraffic Traffic { get; } = new(server);
    /// <summary>The auditor's key.</summary>
    public string VerifierKey { get; private set; } = "";

    /// <summary>Makes the clinic, a ledger for it, and protects its columns.</summary>
    public async Task PrepareAsync(CancellationToken cancellationToken)
    {
        narrator.Step("A clinic's database: patients, prescriptions, lab results. A private PostgreSQL, under " + directory);
        await TimedAsync("clinic", () => CreateClinicAsync(cancellationToken));
        narrator.Step("A ledger, and the columns that matter");
        JsonNode made = await TypeAsync("init", ["init", "--origin", Origin, "--json"], cancellationToken);
        VerifierKey = made["verifierKey"]!.GetValue<string>();
        narrator.Say($"the auditor's key: {VerifierKey}");
        string owner = server.ConnectionString(ClinicTraffic.Database);
        await ShowAsync("protect", ["protect", "--source", owner, "--name", Source, .. Columns], cancellationToken);
    }

    /// <summary>Starts a command that goes on; its last lines are kept.</summary>
    public Process Start(params string[] arguments)
    {
        Process process = Self.Start(arguments);
        process.ErrorDataReceived += (_, line) => KeepLog(line.Data);
        process.BeginErrorReadLine();
        return process;
    }

    /// <summary>Starts `run`; what it prints is thrown away.</summary>
    public Process StartRun(params string[] arguments)
    {
        Process run = Start(["run", .. arguments]);
        run.OutputDataReceived += (_, _) => { };    // read, so that it never waits for us
        run.BeginOutputReadLine();
        return run;
    }

    /// <summary>Waits until the source's position at this moment is sealed and found by queries.</summary>
    public async Task CaughtUpAsync(Process run, CancellationToken cancellationToken)
    {
        Lsn now = await PositionAsync(cancellationToken);
        long begin = time.GetTimestamp();
        while (time.GetElapsedTime(begin) < CatchUpLimit)
        {
            if (run.HasExited) throw new IndelibleException(ExitCode.Environment, $"`indelible run` ended:\n{LogTail()}");
            // Before it answers, a `status` would open the ledger itself and be in its way.
            if (Path.Exists(ControlSocket.PathFor(Paths.Journal)) && await IsSealedAsync(now, cancellationToken)) return;
            await Task.Delay(TimeSpan.FromMilliseconds(200), time, cancellationToken);
        }
        throw new IndelibleException(ExitCode.Environment,
            $"expected everything up to {now} to be sealed within {CatchUpLimit.TotalSeconds} s; see `indelible status` in {directory}");
    }

    /// <summary>Runs a command whose result is wanted as JSON; shows only that it was run.</summary>
    public async Task<JsonNode> TypeAsync(string name, string[] arguments, CancellationToken cancellationToken)
    {
        Self.Outcome outcome = await TimedAsync(name, () => Self.RunAsync(arguments, cancellationToken));
        narrator.Typed(Self.Typed(arguments.Where(word => word != "--json")));
        return outcome.ExitCode == 0
            ? JsonNode.Parse(outcome.Output)!
            : throw new IndelibleException((ExitCode)outcome.ExitCode, outcome.Error);
    }

    /// <summary>Runs a command and shows what it printed.</summary>
    public async Task<Self.Outcome> ShowAsync(string name, string[] arguments, CancellationToken cancellationToken, int linesMax = 14)
    {
        narrator.Typed(Self.Typed(arguments));
        Self.Outcome outcome = await TimedAsync(name, () => Self.RunAsync(arguments, cancellationToken));
        narrator.Printed(outcome.Output.Length > 0 ? outcome.Output : outcome.Error, linesMax);
        if (outcome.ExitCode > 1) throw new IndelibleException((ExitCode)outcome.ExitCode, outcome.Error);
        return outcome;
    }

    /// <summary>True if a command ended as it should.</summary>
    public static bool Verdict(Self.Outcome outcome, int expected = 0) => outcome.ExitCode == expected;

    /// <summary>Notes how long a step took.</summary>
    public Task TimedAsync(string name, Func<Task> work) => TimedAsync(name, async () =>
    {
        await work();
        return true;
    });

    /// <summary>Stops a process as an operator does.</summary>
    public static async Task StopAsync(Process process, string signal = "-TERM")
    {
        if (!process.HasExited)
        {
            using Process kill = Process.Start("kill", [signal, process.Id.ToString(CultureInfo.InvariantCulture)]);
            await kill.WaitForExitAsync();
        }
        await process.WaitForExitAsync();
    }

    /// <summary>The last lines that any command that goes on logged.</summary>
    public string LogTail()
    {
        lock (log) return string.Join('\n', log);
    }

    private async Task<T> TimedAsync<T>(string name, Func<Task<T>> work)
    {
        long begin = time.GetTimestamp();
        T result = await work();
        Summary.TimingsMs[name] = (long)time.GetElapsedTime(begin).TotalMilliseconds;
        return result;
    }

    private void KeepLog(string? line)
    {
        lock (log)
        {
            log.Enqueue(line ?? "");
            if (log.Count > LogLinesKept) log.Dequeue();
        }
    }

    private async Task<bool> IsSealedAsync(Lsn position, CancellationToken cancellationToken)
    {
        Self.Outcome status = await Self.RunAsync(["status", "--json"], cancellationToken);
        return status.Output.Length > 0 && IsPast(JsonNode.Parse(status.Output)!, position);
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

    private async Task CreateClinicAsync(CancellationToken cancellationToken)
    {
        await ExecuteAsync("postgres", $"CREATE DATABASE {ClinicTraffic.Database}", cancellationToken);
        using var script = new StreamReader(typeof(DemoStage).Assembly.GetManifestResourceStream("Indelible.Cli.Demo.Clinic.sql")!);
        await ExecuteAsync(ClinicTraffic.Database, await script.ReadToEndAsync(cancellationToken), cancellationToken);
    }

    private async Task ExecuteAsync(string database, string sql, CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(server.ConnectionString(database) + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync(cancellationToken);
    }
}
