using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Exactly once: the real command and a real server are stopped, killed and cut apart at random moments, and nothing committed is missing or doubled.</summary>
/// <remarks>INDELIBLE_KILL_ROUNDS sets how often (default 8), INDELIBLE_KILL_SEED the order of things; a failure names its seed.</remarks>
public sealed class KillTests : IAsyncLifetime
{
    private const string Origin = "example.org/kill";
    private static readonly int Rounds = Number("INDELIBLE_KILL_ROUNDS") ?? 8;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(90);

    private static readonly string[] Copies = ["near", "far"];

    private readonly int _seed = Number("INDELIBLE_KILL_SEED") ?? 11;
    private readonly IndelibleProcess _indelible = new();
    private readonly List<string> _log = [];
    private PostgresServer _server = null!;
    private Wire _wire = null!;
    private string _database = "";
    private Process? _running;
    private Task<string> _runningLog = Task.FromResult("");

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync(settings: new Dictionary<string, string> { ["wal_sender_timeout"] = "3s", ["deadlock_timeout"] = "50ms" });
        _wire = new Wire(_server.Private.Port);
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, GroundTruth.Schema, "INSERT INTO people SELECT n, 's' || n, 's' || n FROM generate_series(1, 50) n", "TRUNCATE truth");
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", Origin)).ExitCode);
        Configure("publishIntervalMs", 20);
        Configure("coverageIntervalSeconds", 1);
        JsonObject targets = [];
        foreach (string name in Copies) targets[name] = new JsonObject { ["path"] = Directory.CreateDirectory(Path.Combine(_indelible.Home, name)).FullName, ["everySeconds"] = 0 };
        Configure("targets", targets);
        Configure("confirmAfter", 1);
    }

    public async ValueTask DisposeAsync()
    {
        if (_running is { HasExited: false }) _running.Kill();
        _running?.Dispose();
        await _wire.DisposeAsync();
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task Whatever_is_killed_whenever_no_committed_change_is_missing_or_doubled()
    {
        Random random = new(_seed);
        await ProtectAsync();
        await using (BusySessions traffic = new Traffic(_server, _database, _seed).Begin())
        {
            for (int round = 0; round < Rounds; round++)
            {
                await DisturbAsync(round, random);
                if (_running is null) await CompareAsync(isWhole: false);
            }
        }
        await CaughtUpAsync();
        await StopAsync();
        int changes = await CompareAsync(isWhole: true);
        Told($"{changes} changes, all of them sealed once");
        foreach (string copy in Copies)
        {
            IndelibleProcess.Result verified = await _indelible.RunAsync("verify", copy, "--json");
            Assert.True(verified.ExitCode == 0, Story(verified.Output));
            Assert.Equal(new LedgerReader(Path.Combine(_indelible.Home, "ledger")).ReadCheckpoint().Root.ToString(), (string)verified.Json["root"]!);
        }
        IndelibleProcess.Result verify = await _indelible.RunAsync("verify"), crosscheck = await _indelible.RunAsync("crosscheck");
        Assert.True(verify.ExitCode == 0, Story(verify.Output));
        Assert.True(crosscheck.ExitCode == 0, Story(crosscheck.Output + crosscheck.Error));
    }

    [Fact]
    public async Task A_protection_killed_anywhere_can_be_made_again_and_loses_nothing_from_its_beginning_on()
    {
        Random random = new(_seed);
        await _server.ExecuteAsync(_database, "INSERT INTO people SELECT n, 'x', 'x' FROM generate_series(3000, 18000) n");
        await using (BusySessions traffic = new Traffic(_server, _database, _seed).Begin())
        {
            for (int attempt = 0; attempt < 3; attempt++)
            {
                using Process protect = _indelible.Start(Protect());
                Task<string> output = protect.StandardOutput.ReadToEndAsync(), error = protect.StandardError.ReadToEndAsync();
                await Task.Delay(random.Next(300, 1800));
                protect.Kill();
                await protect.WaitForExitAsync();
                Told($"protect killed: {await output}{(await error).Split('\n').LastOrDefault(line => line.Length > 0)}");
            }
            await ProtectAsync();
        }
        await CaughtUpAsync();
        await StopAsync();
        await ReadAsync(isWhole: true);
        IndelibleProcess.Result verify = await _indelible.RunAsync("verify"), crosscheck = await _indelible.RunAsync("crosscheck");
        Assert.True(verify.ExitCode == 0, Story(verify.Output));
        Assert.True(crosscheck.ExitCode == 0, Story(crosscheck.Output + crosscheck.Error));
    }

    private async Task DisturbAsync(int round, Random random)
    {
        int what = random.Next(10);
        TimeSpan after = TimeSpan.FromMilliseconds(random.Next(what is 0 ? 900 : 1800));
        if (_running is null) Launch();
        if (what != 0) await ListeningAsync();
        await Task.Delay(after);
        string happened = what switch
        {
            0 => await KilledAsync("killed while it starts"),
            1 or 2 or 3 => await KilledAsync("killed"),
            4 => await StopAsync(),
            5 => await ToSourceAsync("walsender ended", "SELECT pg_terminate_backend(pid) FROM pg_stat_replication"),
            6 => await ToSourceAsync("all its sessions ended", "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'indelible_capture'"),
            7 => await RestartedAsync(),
            8 => await CrashedAsync(),
            _ => Cut(),
        };
        Told($"round {round}, after {after.TotalMilliseconds} ms: {happened}");
    }

    private async Task<string> KilledAsync(string what)
    {
        _running!.Kill();
        await _running.WaitForExitAsync();
        await _runningLog;
        (_, _running) = (Forget(), null);
        return what;
    }

    private async Task<string> StopAsync()
    {
        long started = Stopwatch.GetTimestamp();
        IndelibleProcess.Signal(_running!, "TERM");
        await _running!.WaitForExitAsync().WaitAsync(Patience);
        Assert.True(_running.ExitCode == 0, Story(await _runningLog));
        (_, _running) = (Forget(), null);
        return string.Create(CultureInfo.InvariantCulture, $"stopped in {Stopwatch.GetElapsedTime(started).TotalMilliseconds:F0} ms");
    }

    private async Task<string> ToSourceAsync(string what, string sql)
    {
        await _server.ExecuteAsync(_database, sql);
        return what;
    }

    private async Task<string> RestartedAsync()
    {
        await _server.Private.RestartAsync(CancellationToken.None);
        return "PostgreSQL restarted";
    }

    private async Task<string> CrashedAsync()
    {
        await _server.Private.KillAsync(CancellationToken.None);
        await _server.Private.StartAsync(CancellationToken.None);
        return "PostgreSQL killed";
    }

    private string Cut()
    {
        _wire.Cut();
        return "connections cut";
    }

    private void Launch()
    {
        _running = _indelible.Start(["run", "--listen", "127.0.0.1:0", "--json"]);
        _runningLog = _running.StandardError.ReadToEndAsync();
        _listening = _running.StandardOutput.ReadLineAsync();
    }

    private Task<string?> _listening = Task.FromResult<string?>(null);

    private async Task ListeningAsync()
    {
        if (await _listening.WaitAsync(Patience) is null) Assert.Fail(Story(await _runningLog));
    }

    private bool Forget()
    {
        _running?.Dispose();
        return true;
    }

    /// <summary>Everything committed by now is sealed, and its position confirmed.</summary>
    private async Task CaughtUpAsync()
    {
        if (_running is null) Launch();
        await ListeningAsync();
        string end = (await _server.QueryAsync(_database, "SELECT pg_current_wal_insert_lsn()"))[0]!;
        long started = Stopwatch.GetTimestamp();
        while ((await _server.QueryAsync(_database, $"SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots"))[0] != "t")
        {
            if (_running!.HasExited || Stopwatch.GetElapsedTime(started) > Patience)
            {
                _running.Kill();
                Assert.Fail(Story($"not caught up with {end}\n{await _runningLog}"));
            }
            await Task.Delay(50);
        }
    }

    /// <summary>The ledger's bytes agree with each other, and it announces no gap: PostgreSQL was never told to forget what was not sealed.</summary>
    private async Task<IReadOnlyList<byte[]>> ReadAsync(bool isWhole)
    {
        string ledger = Path.Combine(_indelible.Home, "ledger");
        IReadOnlyList<byte[]> entries = isWhole
            ? await LedgerCheck.AllAsync(ledger, Origin, CancellationToken.None)
            : await LedgerCheck.PublishedAsync(ledger, Origin, CancellationToken.None);
        int gap = entries.ToList().FindIndex(entry => EntryCodec.Decode(entry, out Entry decoded) != EntryFault.None || decoded.Header.Code == "gap");
        return gap < 0 ? entries : throw new LedgerCheckException($"entry {gap} announces a gap, or does not decode");
    }

    /// <summary>And its changes agree with what was committed.</summary>
    private async Task<int> CompareAsync(bool isWhole)
    {
        try
        {
            return await GroundTruth.CompareAsync(_server, _database, await ReadAsync(isWhole), isWhole);
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(Story(e.Message));
            throw;
        }
    }

    private string[] Protect() => ["protect", "--source", Through(_database), "--name", "crm", "people.ssn", "people.code=plain"];

    private async Task ProtectAsync()
    {
        IndelibleProcess.Result protect = await _indelible.RunAsync(Protect());
        Assert.True(protect.ExitCode == 0, Story(protect.Output + protect.Error));
    }

    private string Through(string database) =>
        new NpgsqlConnectionStringBuilder(database) { Port = _wire.Port, IncludeErrorDetail = false }.ConnectionString;

    private void Configure(string key, JsonNode value)
    {
        string path = Path.Combine(_indelible.Home, "indelible.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = value;
        File.WriteAllText(path, config.ToJsonString());
    }

    private void Told(string what)
    {
        _log.Add(what);
        TestContext.Current.TestOutputHelper?.WriteLine(what);
    }

    private string Story(string end) => $"seed {_seed}\n{string.Join('\n', _log)}\n{end}";

    private static int? Number(string variable) =>
        int.TryParse(Environment.GetEnvironmentVariable(variable), CultureInfo.InvariantCulture, out int number) ? number : null;
}
