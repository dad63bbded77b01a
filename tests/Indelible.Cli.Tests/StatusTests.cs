using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>What `status` says of a source, with and without `run`; and commands that meet a process which holds the
/// ledger without answering.</summary>
public sealed class StatusTests : IAsyncLifetime
{
    private readonly IndelibleProcess _indelible = new();
    private PostgresServer _server = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "CREATE TABLE others (id int)",
            "INSERT INTO people VALUES (1, 'a')");
        await _indelible.CallAsync("init", "--origin", "example.org/t");
        IndelibleProcess.Result protect = await _indelible.CallAsync("protect", "--source", _database, "--name", "crm", "people.ssn");
        Assert.True(protect.ExitCode == 0, protect.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task Lag_is_measured_against_the_end_of_the_servers_log_also_when_nothing_runs()
    {
        JsonNode before = await SourceAsync(0);
        await _server.ExecuteAsync(_database, "INSERT INTO others SELECT generate_series(1, 20000)", "UPDATE people SET ssn = 'b'");
        JsonNode waiting = await SourceAsync(0);
        Assert.Equal("not running", (string)waiting["state"]!);
        Assert.True((long)waiting["lagBytes"]! > (long)before["lagBytes"]! + 1_000_000, waiting.ToJsonString());

        (Process process, string address, Task<string> log) = await _indelible.RunServerAsync();
        using HttpClient http = new();
        JsonNode standing = await UntilAsync(source => (string)source["state"]! == "capturing" && (long?)source["changes"] == 1
            && (long?)source["lagBytes"] < 100_000);
        Assert.InRange((double)standing["lagSeconds"]!, 0, 10);
        Assert.InRange(Seconds(await http.GetStringAsync(new Uri(address + "/metrics")), "indelible_source_silent_seconds"), 0, 10);
        Assert.Equal("1",
            (await _server.QueryAsync(
                _database, $"SELECT ('{standing["logEnd"]}'::pg_lsn >= '{waiting["logEnd"]}'::pg_lsn)::int::text"))[0]);

        await _server.Private.StopAsync(TestContext.Current.CancellationToken);
        JsonNode broken = await UntilAsync(source => (string)source["state"]! == "waiting");
        Assert.NotNull(broken["problem"]);
        Assert.Equal((string)broken["problem"]!, (string)broken["lastError"]!["message"]!);
        string heard = (string)broken["lastHeard"]!;
        JsonNode later = await UntilAsync(source => (double)source["lagSeconds"]! > 3);
        Assert.Equal((heard, broken["lagBytes"]!.ToString()), ((string)later["lastHeard"]!, later["lagBytes"]!.ToString()));
        Assert.Matches($"crm: last heard +{heard}", (await _indelible.CallAsync("status")).Output);
        string metrics = await http.GetStringAsync(new Uri(address + "/metrics"));
        Assert.True(Seconds(metrics, "indelible_source_silent_seconds") > 3, metrics);
        Assert.True(Seconds(metrics, "indelible_source_lag_seconds") > 3, metrics);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        _ = await log;
        Assert.Contains(
            "no PostgreSQL server can be reached", (string)(await SourceAsync(0))["lastError"]!["message"]!, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_slot_that_is_gone_is_a_problem_and_its_gap_is_open_until_the_tables_are_sealed_anew()
    {
        await _server.ExecuteAsync(_database, "SELECT pg_drop_replication_slot('indelible_crm')");
        Assert.Contains("is missing", (string)(await SourceAsync(1))["problem"]!, StringComparison.Ordinal);
        // what the gap hid cannot be found without it
        await _server.ExecuteAsync(_database, "REVOKE SELECT ON people FROM indelible_capture");
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        JsonNode opened = await UntilAsync(source => (string)source["state"]! == "capturing" && source["openGaps"]!.AsArray().Count > 0);
        Assert.Equal("slot-missing", (string)opened["openGaps"]![0]!["reason"]!);
        IndelibleProcess.Result status = await _indelible.CallAsync("status");
        Assert.Equal(1, status.ExitCode);
        Assert.Contains("crm: open gap", status.Output, StringComparison.Ordinal);
        IndelibleProcess.Result open = await _indelible.CallAsync("coverage", "--source", "crm", "--json");
        Assert.Equal(1, open.ExitCode);
        JsonNode gap = Assert.Single(open.Json["sources"]![0]!["gaps"]!.AsArray())!;
        Assert.Equal(("slot-missing", true), ((string)gap["reason"]!, (bool)gap["open"]!));
        Assert.Contains("not yet: OPEN", (await _indelible.CallAsync("coverage")).Output, StringComparison.Ordinal);
        Assert.Equal(2, (await _indelible.CallAsync("coverage", "--source", "crn")).ExitCode);
        await _server.ExecuteAsync(_database, "GRANT SELECT ON people TO indelible_capture");
        JsonNode closed = await UntilAsync(source => source["openGaps"]!.AsArray().Count == 0);
        Assert.NotNull(closed["lastGap"]);
        IndelibleProcess.Result whole = await _indelible.CallAsync("coverage", "--json");
        Assert.True(whole.ExitCode == 0, whole.Output + whole.Error);
        Assert.True((long)whole.Json["sources"]![0]!["gaps"]![0]!["wholeFrom"]! > (long)gap["entry"]!);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    [Fact]
    public async Task Queries_wait_for_each_other_and_for_a_run_that_is_starting()
    {
        IndelibleProcess.Result[] alone =
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => AnsweredAsync(() => _indelible.RunAsync("log", "--json"))));
        Assert.All(alone, result => Assert.True(result.ExitCode == 0, result.Error));

        Task<(Process Process, string Address, Task<string> Log)> starting = _indelible.RunServerAsync();
        for (int i = 0; !starting.IsCompleted || i < 3; i++)
        {
            foreach (string[] query in (string[][])[["status"], ["log"], ["history", "people", "1"]])
            {
                IndelibleProcess.Result result = await AnsweredAsync(() => _indelible.CallAsync(query));
                Assert.True(result.ExitCode == 0, result.Error);
            }
        }
        (Process process, _, Task<string> log) = await starting;
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    /// <summary>A query that waited as long as it does is asked again: on a busy machine the others may need longer.
    /// One that did not wait is not.</summary>
    private static async Task<IndelibleProcess.Result> AnsweredAsync(Func<Task<IndelibleProcess.Result>> askAsync)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ;)
        {
            IndelibleProcess.Result result = await askAsync();
            if (result.ExitCode == 0 || waited.Elapsed > Patience.Max
                || !result.Error.Contains("waited 8 s for it to end", StringComparison.Ordinal)) return result;
        }
    }

    private static double Seconds(string metrics, string gauge) =>
        double.Parse(metrics.Split('\n').Single(line => line.StartsWith(gauge + "{", StringComparison.Ordinal)).Split(' ')[1],
            CultureInfo.InvariantCulture);

    private async Task<JsonNode> SourceAsync(int exitCode)
    {
        IndelibleProcess.Result status = await _indelible.CallAsync("status", "--json");
        Assert.True(status.ExitCode == exitCode, status.Output + status.Error);
        Assert.Empty(status.Json["copies"]!.AsArray());
        return Assert.Single(status.Json["sources"]!.AsArray())!;
    }

    private async Task<JsonNode> UntilAsync(Func<JsonNode, bool> isWanted)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            IndelibleProcess.Result status = await _indelible.CallAsync("status", "--json");
            JsonNode source = status.Json["sources"]![0]!;
            if (isWanted(source) || waited.Elapsed > Patience.Max) return source;
        }
    }
}
