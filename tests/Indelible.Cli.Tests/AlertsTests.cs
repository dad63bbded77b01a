using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>Alerts as whoever starts `run` without configuring any gets them.</summary>
public sealed class AlertsTests
{
    [Fact]
    public async Task Without_configuration_findings_go_to_standard_error_and_status_says_how_far()
    {
        using IndelibleProcess indelible = new();
        await using PostgresServer server = await PostgresServer.StartAsync();
        string database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)",
            "INSERT INTO people SELECT n, 'a' FROM generate_series(1, 500) n");
        await indelible.CallAsync("init", "--origin", "example.org/t");
        IndelibleProcess.Result protect = await indelible.CallAsync("protect", "--source", database, "--name", "crm", "people.ssn");
        Assert.True(protect.ExitCode == 0, protect.Error);
        Assert.Contains("\"alert\":\"test\"", (await indelible.RunAsync("alerts", "test")).Error, StringComparison.Ordinal);

        (Process process, string address, Task<string> log) = await indelible.RunServerAsync();
        await server.ExecuteAsync(database,
            "BEGIN; SET LOCAL session_replication_role = replica; ALTER TABLE people DISABLE TRIGGER zz_indelible; "
                + "UPDATE people SET ssn = 'canary-' || id; COMMIT");
        JsonNode target = await ToldAsync(indelible);
        Assert.Equal("stderr", (string)target["kind"]!);
        IndelibleProcess.Result test = await indelible.RunAsync("alerts", "test", "--json");
        Assert.Equal(("stderr", null), ((string)test.Json["targets"]![0]!["target"]!, (string?)test.Json["targets"]![0]!["problem"]));
        using HttpClient http = new();
        Assert.Contains("indelible_alerts_total{", await http.GetStringAsync(new Uri(address + "/metrics")), StringComparison.Ordinal);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
        JsonNode[] alerts = [.. (await log).Split('\n').Where(line => line.StartsWith("{\"alert\"", StringComparison.Ordinal))
            .Select(line => JsonNode.Parse(line)!)];
        JsonNode unattributed = Assert.Single(alerts, alert => (string)alert["alert"]! == "unattributed");
        Assert.Equal(500, (int)unattributed["count"]!);
        Assert.Single(alerts, alert => (string)alert["alert"]! == "test");
        Assert.DoesNotContain("canary", await log, StringComparison.Ordinal);
        Assert.Equal(0, (int)(await indelible.CallAsync("status", "--json")).Json["alerts"]![0]!["pending"]!);
    }

    private static async Task<JsonNode> ToldAsync(IndelibleProcess indelible)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(100))
        {
            JsonNode target = (await indelible.CallAsync("status", "--json")).Json["alerts"]![0]!;
            if (target["lastDelivered"] is not null) return target;
            Assert.True(waited.Elapsed < Patience.Max, target.ToJsonString());
        }
    }
}
