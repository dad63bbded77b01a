using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The whole command against a real PostgreSQL server.</summary>
public sealed class RunTests : IAsyncLifetime
{
    private const string Schema = """
        CREATE TABLE people (id int PRIMARY KEY, ssn text);
        INSERT INTO people SELECT n, 'canary-' || n FROM generate_series(1, 50) n;
        """;

    private readonly IndelibleProcess _indelible = new();
    private PostgresServer _server = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, Schema);
        Assert.Equal(0, (await _indelible.RunAsync("init", "--origin", "example.org/t")).ExitCode);
        IndelibleProcess.Result protect = await _indelible.RunAsync("protect", "--source", _database, "--name", "crm", "people.ssn");
        Assert.True(protect.ExitCode == 0, protect.Error);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task Commands_go_to_the_process_that_holds_the_ledger_and_no_value_is_written_anywhere_in_clear()
    {
        (Process process, string address, Task<string> log) = await _indelible.RunServerAsync();
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'canary-new' WHERE id = 7", "DELETE FROM people WHERE id = 8");
        Assert.Equal(0, (await _indelible.RunAsync("crosscheck")).ExitCode);

        JsonNode found =
            (await _indelible.RunAsync("log", "--table", "people", "--column", "ssn", "--value", "canary-new", "--json")).Json["entries"]!;
        string index = Assert.Single(found.AsArray())!["index"]!.ToString();
        IndelibleProcess.Result reveal = await _indelible.RunAsync("reveal", index, "--column", "ssn", "--reason", "a test", "--json");
        Assert.Equal(("canary-7", "canary-new"), ((string)reveal.Json["before"]!["value"]!, (string)reveal.Json["after"]!["value"]!));
        Assert.Equal("access", (string)(await _indelible.RunAsync("show", reveal.Json["accessEntry"]!.ToString(), "--json")).Json["kind"]!);
        Assert.Equal(2, (await _indelible.RunAsync("history", "people", "7", "--json")).Json["entries"]!.AsArray().Count);
        Assert.False((bool)(await _indelible.RunAsync("history", "people", "8", "--as-of", "0s", "--json")).Json["exists"]!);
        Assert.Equal(0, (await _indelible.RunAsync("prove", index, "-o", "it.tlog-proof")).ExitCode);
        Assert.Equal(0, (await _indelible.RunAsync("verify", "it.tlog-proof")).ExitCode);
        Assert.Equal(0, (await _indelible.RunAsync("verify", address)).ExitCode);
        using HttpClient http = new();
        Assert.Equal("ready\n", await http.GetStringAsync(new Uri(address + "/readyz")));
        string metrics = await http.GetStringAsync(new Uri(address + "/metrics"));
        Assert.All((string[])["indelible_entries_sealed", "indelible_source_lag_bytes{", "indelible_source_lag_seconds{"],
            name => Assert.Contains(name, metrics, StringComparison.Ordinal));
        Assert.False((await http.GetAsync(new Uri(address + "/tile/..%2f..%2fkeyring/master.key"))).IsSuccessStatusCode);

        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
        AssertNowhere("canary-", await log);
    }

    [Fact]
    public async Task A_row_changed_behind_the_records_back_is_found()
    {
        await _server.ExecuteAsync(_database,
            Darkness.Sql("people", "UPDATE people SET ssn = 'changed in the dark' WHERE id = 3", "DELETE FROM people WHERE id = 4"));
        IndelibleProcess.Result crosscheck = await _indelible.RunAsync("crosscheck", "--json");
        Assert.True(crosscheck.ExitCode == 1, crosscheck.Output + crosscheck.Error);
        JsonArray differences = crosscheck.Json["sources"]![0]!["differences"]!.AsArray();
        Assert.Equal(["id=3 ssn", "id=4 "], differences.Select(d => $"{d!["row"]} {d["column"]}").Order());
    }

    private void AssertNowhere(string canary, string log)
    {
        Assert.DoesNotContain(canary, log, StringComparison.Ordinal);
        foreach (string file in Directory.EnumerateFiles(_indelible.Home, "*", SearchOption.AllDirectories))
        {
            Assert.True(File.ReadAllBytes(file).AsSpan().IndexOf(Encoding.UTF8.GetBytes(canary)) < 0, $"{file} holds a value in clear");
        }
    }
}
