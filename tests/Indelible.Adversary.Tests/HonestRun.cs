using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>Whatever people do honestly, and whatever is restarted meanwhile, nobody is alarmed.</summary>
/// <remarks>INDELIBLE_HONEST_SEED sets the order of things; every run says its seed.</remarks>
public sealed class HonestRun : IAsyncLifetime
{
    /// <summary>Changes of schema as they come with releases, and what is done at night; {r} is the round, {h} a hundred of it.</summary>
    private static readonly string[] Migrations =
    [
        "ALTER TABLE people ADD COLUMN mood{r} text DEFAULT 'fine'", "CREATE INDEX ON people (note)",
        "ALTER TABLE people RENAME note TO remark", "ALTER TABLE people RENAME remark TO note",
        "CREATE TABLE visits_later{r} PARTITION OF visits FOR VALUES FROM ({h}00) TO ({h}99)",
        "INSERT INTO visits SELECT {h}50, n, 'new leaf' FROM generate_series(1, 20) n",
        "ALTER TABLE people ALTER height TYPE bigint",
        "CREATE TABLE homes{r} (person int PRIMARY KEY REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE, street text)",
        "INSERT INTO homes{r} SELECT id, 'a street' FROM people WHERE id < 50", "VACUUM FULL people", "CLUSTER people USING people_pkey",
        "REINDEX TABLE people", "ANALYZE",
        "ALTER TABLE people ADD CONSTRAINT tall{r} CHECK (height IS NULL OR height < 1000000) NOT VALID",
        "ALTER TABLE people ALTER height TYPE int",
        "ALTER TABLE people DROP COLUMN mood{r}", "VACUUM FREEZE people", "GRANT SELECT ON people TO clerk",
        "CREATE VIEW names{r} AS SELECT id, ssn FROM people", "COMMENT ON TABLE people IS 'everybody'",
        "CREATE OR REPLACE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.note := upper(NEW.note); RETURN NEW; END'",
        "CREATE TRIGGER shout BEFORE INSERT ON people FOR EACH ROW EXECUTE FUNCTION shout()", "DROP TRIGGER shout ON people",
        "VACUUM FULL pg_class", "VACUUM FULL pg_trigger", "VACUUM FULL pg_publication_rel",
        "DROP TABLE homes{r}",
    ];


    private readonly int _seed = int.TryParse(Environment.GetEnvironmentVariable("INDELIBLE_HONEST_SEED"), CultureInfo.InvariantCulture,
        out int seed) ? seed : Random.Shared.Next(1_000_000);
    private readonly IndelibleProcess _indelible = new();
    private PostgresServer _server = null!;
    private string _database = "";
    private Process? _running;
    private Task<string> _log = Task.FromResult("");
    /// <summary>Alerts that anybody was told.</summary>
    private readonly List<string> _told = [];

    public async ValueTask InitializeAsync()
    {
        _server = await SharedServer.StartAsync(
            new Dictionary<string, string> { ["wal_sender_timeout"] = "5s", ["deadlock_timeout"] = "50ms" });
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, HonestPeople.Schema, "GRANT SELECT, INSERT, UPDATE, DELETE ON people TO clerk");
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", "example.org/honest")).ExitCode);
        IndelibleProcess.Result protect = await _indelible.RunAsync(
            "protect", "--source", _database, "--name", "crm", "people.ssn", "people.phone=digest", "visits.note");
        Assert.True(protect.ExitCode == 0, protect.Error);
        string config = Path.Combine(_indelible.Home, "indelible.json");
        JsonNode json = JsonNode.Parse(await File.ReadAllTextAsync(config))!;
        json["coverageIntervalSeconds"] = 1;
        await File.WriteAllTextAsync(config, json.ToJsonString());
    }

    public async ValueTask DisposeAsync()
    {
        if (_running is { HasExited: false }) _running.Kill();
        _running?.Dispose();
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public Task An_honest_day_alarms_nobody() => WorkAsync(rounds: 1);

    [Fact(Explicit = true)]
    public Task Many_honest_days_alarm_nobody() => WorkAsync(rounds: 12);

    private async Task WorkAsync(int rounds)
    {
        Told($"INDELIBLE_HONEST_SEED={_seed}");
        Random random = new(_seed);
        await LaunchAsync();
        await using (new HonestPeople(_server, _database, _seed).Begin())
        {
            for (int round = 1; round <= rounds; round++)
            {
                Func<Task>[] disturbances = [StoppedAsync, KilledAsync, TakenOverAsync, ServerRestartedAsync, ServerCrashedAsync];
                random.Shuffle(disturbances);
                foreach ((Func<Task> disturbance, string[] migrations) in disturbances.Zip(Migrations.Chunk(6)))
                {
                    long begun = Stopwatch.GetTimestamp();
                    foreach (string migration in migrations) await MigrateAsync(migration, round);
                    TimeSpan migrated = Stopwatch.GetElapsedTime(begun);
                    await Task.Delay(random.Next(1000));
                    begun = Stopwatch.GetTimestamp();
                    await disturbance();
                    Told(string.Create(CultureInfo.InvariantCulture,
                        $"{migrations.Length} migrations {migrated.TotalSeconds:F1} s; {disturbance.Method.Name} "
                            + $"{Stopwatch.GetElapsedTime(begun).TotalSeconds:F1} s"));
                }
            }
        }
        await AssertNobodyAlarmedAsync();
    }

    private async Task AssertNobodyAlarmedAsync()
    {
        IndelibleProcess.Result crosscheck = await _indelible.RunAsync("crosscheck", "--json");
        Assert.True(crosscheck.ExitCode == 0, crosscheck.Output + crosscheck.Error);
        Assert.True((long)crosscheck.Json["sources"]![0]!["rows"]! > 100, crosscheck.Output);
        await EndAsync("TERM");
        Assert.Empty(_told);
        List<Entry> entries = LiveLedger.EntriesOf(LedgerPaths.For(Path.Combine(_indelible.Home, "ledger")));
        Assert.Empty(entries.Where(entry => entry.Header.Kind == EntryKind.Guard && GuardMeaning.Of(entry.Header.Code!).Holds(entry.Header))
            .Select(Telling.Of));
        Assert.Empty(entries.Where(entry => entry.Header is { Kind: EntryKind.Change, Operator.Grade: Grade.None }).Select(Telling.Of));
        Coverage[] covered = [.. entries.Where(entry => entry.Header.Kind == EntryKind.Coverage).Select(entry => entry.Header.Coverage!)];
        Assert.All(covered.Zip(covered.Skip(1)), pair => Assert.Equal(pair.First.To, pair.Second.From));
        IndelibleProcess.Result verify = await _indelible.RunAsync("verify");
        Assert.True(verify.ExitCode == 0, verify.Output);
        Told($"{entries.Count(entry => entry.Header.Kind == EntryKind.Change)} changes, {covered.Length} stretches of coverage");
    }

    private async Task MigrateAsync(string migration, int round)
    {
        string sql = migration.Replace("{r}", $"{round}", StringComparison.Ordinal)
            .Replace("{h}", $"{round + 1}", StringComparison.Ordinal);
        for (long begun = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(begun) < Patience.Max; )
        {
            try
            {
                await _server.ExecuteAsync(_database, sql);
                return;
            }
            catch (PostgresException e) when (e.SqlState == PostgresErrorCodes.DeadlockDetected)
            {
                await Task.Delay(50); // it and the traffic blocked each other
            }
        }
        Assert.Fail($"{sql}: blocked all the time");
    }

    private async Task LaunchAsync()
    {
        _running = _indelible.Start(["run", "--listen", "127.0.0.1:0", "--json"]);
        _log = _running.StandardError.ReadToEndAsync();
        if (await _running.StandardOutput.ReadLineAsync().WaitAsync(Patience.Max) is null) Assert.Fail(await _log);
    }

    private async Task EndAsync(string signal)
    {
        IndelibleProcess.Signal(_running!, signal);
        await _running!.WaitForExitAsync().WaitAsync(Patience.Max);
        if (signal == "TERM") Assert.True(_running.ExitCode == 0, await _log);
        _told.AddRange((await _log).Split('\n').Where(line => line.StartsWith("{\"alert\"", StringComparison.Ordinal)));
        _running.Dispose();
        _running = null;
    }

    private async Task StoppedAsync()
    {
        await EndAsync("TERM");
        await LaunchAsync();
    }

    private async Task KilledAsync()
    {
        await EndAsync("KILL");
        await LaunchAsync();
    }

    /// <summary>A second collector does not get the ledger while the first lives; the moment that one dies, it does.</summary>
    private async Task TakenOverAsync()
    {
        Assert.Equal(3, (await _indelible.RunAsync("run", "--listen", "127.0.0.1:0")).ExitCode);
        await KilledAsync();
    }

    private Task ServerRestartedAsync() => _server.Private.RestartAsync(CancellationToken.None);

    private async Task ServerCrashedAsync()
    {
        await _server.Private.KillAsync(CancellationToken.None);
        await _server.Private.StartAsync(CancellationToken.None);
    }

    private static void Told(string what) => TestContext.Current.TestOutputHelper?.WriteLine(what);
}
