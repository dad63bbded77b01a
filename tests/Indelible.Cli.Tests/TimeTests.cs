using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary><c>verify --time</c> over a ledger that a real authority stamped.</summary>
public sealed class TimeTests
{
    [Fact]
    public async Task Verify_states_what_existed_before_which_time_and_finds_what_is_wrong()
    {
        await using TimeStampAuthority authority = new(), stranger = new();
        await using PostgresServer server = await PostgresServer.StartAsync();
        string database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "INSERT INTO people VALUES (1, 'a')");
        using IndelibleProcess indelible = new();
        IndelibleProcess.Result init = await indelible.CallAsync("init", "--origin", "example.org/t", "--json");
        string key = (string)init.Json["verifierKey"]!;
        await indelible.CallAsync("protect", "--source", database, "--name", "crm", "people.ssn");
        string file = Path.Combine(indelible.Home, "indelible.json");
        JsonNode config = JsonNode.Parse(await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken))!;
        config["timestamps"] = new JsonObject { ["authorities"] =
            new JsonObject { ["tsa"] = new JsonObject { ["url"] = authority.Url, ["certificates"] = authority.RootPath } } };
        await File.WriteAllTextAsync(file, config.ToJsonString(), TestContext.Current.CancellationToken);

        (Process process, string address, Task<string> log) = await indelible.RunServerAsync();
        for (int waited = 0; !(await indelible.CallAsync("log", "--kind", "admin", "--json")).Output.Contains(
            "timestamped", StringComparison.Ordinal); waited++)
        {
            Assert.True(waited < 300, "nothing was stamped");
            await Task.Delay(200, TestContext.Current.CancellationToken);
        }
        IndelibleProcess.Result served = await indelible.CallAsync("verify", address, "--key", key, "--time", authority.RootPath, "--json");
        Assert.True(served.ExitCode == 0, served.Output + served.Error);
        JsonNode time = Assert.Single(served.Json["times"]!.AsArray())!;
        Assert.Equal("tsa", (string)time["authority"]!);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);

        IndelibleProcess.Result stated = await indelible.CallAsync("verify", "--key", key, "--time", authority.RootPath);
        Assert.Contains($"entries 0 to {(long)time["size"]! - 1} existed before {time["before"]}, by the time stamp of tsa", stated.Output,
            StringComparison.Ordinal);
        Assert.DoesNotContain("not checked: anchors", stated.Output, StringComparison.Ordinal);
        Assert.Contains("not checked: anchors", (await indelible.CallAsync("verify", "--key", key)).Output, StringComparison.Ordinal);
        Assert.Equal(1, (await indelible.CallAsync("verify", "--key", key, "--time", stranger.RootPath)).ExitCode);
        Assert.Equal(2, (await indelible.CallAsync("verify", "--key", key, "--time", file)).ExitCode);
    }
}
