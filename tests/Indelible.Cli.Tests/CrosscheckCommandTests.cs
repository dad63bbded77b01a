using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>`crosscheck` as it is typed: what of the database, from where, what is shown, and what `run` does by itself.</summary>
public sealed class CrosscheckCommandTests : IAsyncLifetime
{
    private readonly IndelibleProcess _indelible = new();
    private PostgresServer _server = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database,
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text)",
            "INSERT INTO people SELECT n, 'ssn ' || n, 'phone' FROM generate_series(1, 50) n",
            "CREATE TABLE visit (region text, id int, note text, PRIMARY KEY (region, id))",
            "INSERT INTO visit VALUES ('eu', 4, 'cold'), ('us', 4, 'flu')");
        await _indelible.CallAsync("init", "--origin", "example.org/t");
        IndelibleProcess.Result protect =
            await _indelible.CallAsync("protect", "--source", _database, "--name", "crm", "people.ssn", "people.phone", "visit.note");
        Assert.True(protect.ExitCode == 0, protect.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task What_is_compared_can_be_narrowed_and_values_are_shown_for_a_reason_only()
    {
        await ForgeAsync();
        JsonNode all = await CheckAsync(1);
        Assert.Equal((52, 2, false, "all"), ((long)all["rows"]!, (long)all["differenceCount"]!, (bool)all["fine"]!, (string)all["scope"]!));
        Assert.DoesNotContain("forged", all.ToJsonString(), StringComparison.Ordinal);
        Assert.Equal(50, (long)(await CheckAsync(1, "--table", "public.people"))["rows"]!);
        Assert.Equal(1, (long)(await CheckAsync(0, "--table", "people", "--key", "6"))["rows"]!);
        Assert.Equal(1, (long)(await CheckAsync(1, "--table", "visit", "--key", "eu, 4"))["differenceCount"]!);
        Assert.Equal(0, (long)(await CheckAsync(0, "--table", "visit", "--key", "asia, 4"))["rows"]!);
        Assert.InRange((long)(await CheckAsync(1, "--source", "crm", "--sample", "1000"))["rows"]!, 52, 52);
        Assert.Equal(52, (long)(await CheckAsync(1, "--restart"))["rows"]!);

        IndelibleProcess.Result told = await _indelible.CallAsync("crosscheck", "--table", "people", "--reveal", "--reason", "ticket 4711");
        Assert.True(told.ExitCode == 1, told.Error);
        Assert.Contains("forged", told.Output, StringComparison.Ordinal);
        Assert.Contains("ssn 7", told.Output, StringComparison.Ordinal);
        Assert.Contains("sealed as access entry", told.Error, StringComparison.Ordinal);
        JsonNode shown = await CheckAsync(1, "--table", "visit", "--reveal", "--reason", "ticket 4711");
        JsonNode cell = Assert.Single(shown["differences"]!.AsArray())!;
        Assert.Equal((true, "cold"), ((bool)cell["database"]!["null"]!, (string)cell["ledger"]!["value"]!));
        IndelibleProcess.Result access = await _indelible.CallAsync("show", shown["accessEntry"]!.ToString());
        Assert.Contains("reveal", access.Output, StringComparison.Ordinal);
        Assert.Contains("public.visit.note", access.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_machine_compares_with_a_copy_and_run_compares_by_itself()
    {
        await ForgeAsync();
        string config = Path.Combine(_indelible.Home, "indelible.json");
        string text = (await File.ReadAllTextAsync(config))
            .Replace("\"coverageIntervalSeconds\": 60", "\"coverageIntervalSeconds\": 1", StringComparison.Ordinal)
            .Replace("\"crosscheckIntervalHours\": 0", "\"crosscheckIntervalHours\": 1", StringComparison.Ordinal);
        await File.WriteAllTextAsync(config, text);
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        JsonNode status;
        for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(200))
        {
            status = (await _indelible.CallAsync("status", "--json")).Json["sources"]![0]!;
            if (status["lastCrosscheck"] is not null) break;
            Assert.True(waited.Elapsed < Patience.Max, status.ToJsonString());
        }
        Assert.Equal("2", (string)status["lastCrosscheck"]!["differences"]!);
        Assert.Contains("crm: last crosscheck", (await _indelible.CallAsync("status")).Output, StringComparison.Ordinal);

        // A copy that grows by itself: what a mount of the ledger's directory, or a mirror, is to a second machine.
        string second = Path.Combine(_indelible.Home, "second"),
            sealedBefore = (await _indelible.CallAsync("status", "--json")).Json["treeSize"]!.ToString();
        Directory.CreateDirectory(Path.Combine(second, "keyring"));
        Directory.CreateSymbolicLink(Path.Combine(second, "copy"), Path.Combine(_indelible.Home, "ledger"));
        File.Copy(config, Path.Combine(second, "indelible.json"));
        File.Copy(Path.Combine(_indelible.Home, "keyring", "master.key"), Path.Combine(second, "keyring", "master.key"));
        foreach (string password in Directory.EnumerateFiles(Path.Combine(_indelible.Home, "keyring"), "*.password"))
            File.Copy(password, Path.Combine(second, "keyring", Path.GetFileName(password)));
        IndelibleProcess.Result backup = await _indelible.CallAsync("keys", "export", Path.Combine(second, "backup"));
        Assert.True(backup.ExitCode == 0, backup.Error);
        string[] there = ["--config", Path.Combine(second, "indelible.json"), "--ledger", Path.Combine(second, "ledger")];
        IndelibleProcess.Result restored = await _indelible.CallAsync([.. there, "keys", "restore", Path.Combine(second, "backup")]);
        Assert.True(restored.ExitCode == 0, restored.Error);
        IndelibleProcess.Result mirror =
            await _indelible.CallAsync([.. there, "crosscheck", "--mirror", Path.Combine(second, "copy"), "--json"]);
        Assert.True(mirror.ExitCode == 1, mirror.Output + mirror.Error);
        JsonNode report = mirror.Json["sources"]![0]!;
        Assert.Equal((2, 52, 0), ((long)report["differenceCount"]!, (long)report["rows"]!, report["notCovered"]!.AsArray().Count));
        Assert.Null(report["guardEntry"]);
        Assert.True(Directory.Exists(Path.Combine(second, "index")));
        IndelibleProcess.Result guards = await _indelible.CallAsync("log", "--kind", "guard", "--json");
        Assert.Equal(1, guards.Output.Split("\"crosscheck\"").Length - 1);

        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
        Assert.Contains("crosscheck found 2 differences", await log, StringComparison.Ordinal);
        Assert.DoesNotContain("forged", await log, StringComparison.Ordinal);
        Assert.NotEqual("0", sealedBefore);
    }

    [Fact]
    public async Task Across_a_gap_it_says_not_covered_and_never_fine()
    {
        // no baseline without it
        await _server.ExecuteAsync(
            _database, "SELECT pg_drop_replication_slot('indelible_crm')", "REVOKE SELECT ON people FROM indelible_capture");
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            JsonNode status = (await _indelible.CallAsync("status", "--json")).Json["sources"]![0]!;
            if (status["openGaps"]!.AsArray().Count > 0 && (string)status["state"]! == "capturing") break;
            Assert.True(waited.Elapsed < Patience.Max, status.ToJsonString());
        }
        IndelibleProcess.Result told = await _indelible.CallAsync("crosscheck", "--table", "people", "--json");
        Assert.True(told.ExitCode == 1, told.Output + told.Error);
        JsonNode report = told.Json["sources"]![0]!;
        Assert.False((bool)report["fine"]!);
        Assert.Contains("gap is open", (string)Assert.Single(report["notCovered"]!.AsArray())!["reason"]!, StringComparison.Ordinal);
        Assert.Equal(0, (long)report["rows"]!);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    /// <summary>Changes that leave nothing in the log.</summary>
    private Task ForgeAsync() => _server.ExecuteAsync(
        _database, Darkness.Sql("people", "UPDATE people SET ssn = 'forged' WHERE id = 7"),
        Darkness.Sql("visit", "UPDATE visit SET note = NULL WHERE region = 'eu'"));

    private async Task<JsonNode> CheckAsync(int exitCode, params string[] options)
    {
        IndelibleProcess.Result result = await _indelible.CallAsync(["crosscheck", "--json", .. options]);
        Assert.True(result.ExitCode == exitCode, result.Output + result.Error);
        return Assert.Single(result.Json["sources"]!.AsArray())!;
    }
}
