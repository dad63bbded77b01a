using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The whole command over a ledger that lives in a real object store.</summary>
public sealed class BucketLedgerTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(3);

    [Fact]
    public async Task Every_command_works_on_a_ledger_in_a_bucket_also_after_a_kill()
    {
        RadosGateway gateway = await RadosGateway.GetAsync();
        BucketOptions bucket = await gateway.MakeBucketAsync(TimeSpan.FromDays(3650));
        await using PostgresServer server = await PostgresServer.StartAsync();
        string database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)",
            "INSERT INTO people SELECT n, 's' || n FROM generate_series(1, 300) n");
        using IndelibleProcess indelible = new();
        Dictionary<string, string> storage = new()
        {
            ["AWS_ENDPOINT_URL_S3"] = gateway.Endpoint.AbsoluteUri, ["AWS_ACCESS_KEY_ID"] = RadosGateway.Owner.Id,
            ["AWS_SECRET_ACCESS_KEY"] = RadosGateway.Owner.Secret,
        };
        string place = $"s3://{bucket.Bucket}/clinic";
        Task<IndelibleProcess.Result> CallAsync(params string[] arguments) => indelible.RunAsync(storage, arguments);
        async Task<IndelibleProcess.Result> FineAsync(params string[] arguments)
        {
            IndelibleProcess.Result result = await CallAsync(arguments);
            Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Output}\n{result.Error}");
            return result;
        }
        Assert.Equal(2, (await CallAsync("init", "--origin", "example.org/b", "--store", place)).ExitCode);      // for how long?
        Assert.Contains("no such bucket",
            (await CallAsync("init", "--origin", "example.org/b", "--store", "s3://missing/clinic", "--retention-days", "3650")).Error,
            StringComparison.Ordinal);
        string key =
            (string)(await FineAsync(
                "init", "--origin", "example.org/b", "--store", place, "--retention-days", "3650", "--json")).Json["verifierKey"]!;
        await Configure(indelible, store => store["everySeconds"] = 0);
        await Configure(indelible, store => store["localEntries"] = 0);
        await FineAsync("verify", place, "--key", key);
        await FineAsync("protect", "--source", database, "--name", "crm", "people.ssn");

        for (int round = 0; round < 2; round++)
        {
            Process run = indelible.Start(["run", "--listen", "127.0.0.1:0", "--json"], storage);
            Task<string> log = run.StandardError.ReadToEndAsync();
            string address = (string)JsonNode.Parse(await run.StandardOutput.ReadLineAsync()
                ?? throw new InvalidOperationException(await log))!["address"]!;
            await server.ExecuteAsync(database, $"UPDATE people SET ssn = ssn || ' of round {round}' WHERE id <= 3");
            await FineAsync("crosscheck");
            JsonNode status = await UntilAsync(async () => (await CallAsync("status", "--json")).Json,
                found => (long)found["store"]!["lagEntries"]! == 0 && (long)found["publishedSize"]! == (long)found["treeSize"]!);
            Assert.True((long)status["store"]!["requests"]!["write"]! > 0);
            JsonArray found =
                (await FineAsync("log", "--table", "people", "--column", "ssn", "--value",
                    $"s2{(round == 1 ? " of round 0" : "")} of round {round}", "--json")).Json["entries"]!.AsArray();
            string index = Assert.Single(found)!["index"]!.ToString();
            Assert.Equal("update", (string)(await FineAsync("show", index, "--json")).Json["operation"]!);
            // out of the bucket: nothing of it is here any more
            Assert.Equal("baseline", (string)(await FineAsync("show", "5", "--json")).Json["kind"]!);
            Assert.Equal(round + 2, (await FineAsync("history", "people", "2", "--json")).Json["entries"]!.AsArray().Count);
            await UntilAsync(async () => await CallAsync("prove", index, "-o", "it.tlog-proof"), proved => proved.ExitCode == 0);
            await FineAsync("verify", "it.tlog-proof", "--key", key);
            await FineAsync("verify", address, "--key", key);                                                // as it is served
            await FineAsync("doctor");
            IndelibleProcess.Signal(run, round == 0 ? "KILL" : "TERM");
            await run.WaitForExitAsync().WaitAsync(Patience);
            if (round == 1) Assert.True(run.ExitCode == 0, await log);
        }
        await FineAsync("verify", place, "--key", key);
        await FineAsync("verify", "--key", key);
        await FineAsync("log", "--json");
        JsonNode whole = (await FineAsync("verify", place, "--key", key, "--json")).Json;
        Assert.True((long)whole["treeSize"]! > 306);
        IndelibleProcess.Result without =
            await CallAsync("--config", "/dev/null", "--ledger", Path.Combine(indelible.Home, "ledger"), "log");
        Assert.Equal(2, without.ExitCode);
    }

    private static async Task<IndelibleProcess.Result> FineAsync(IndelibleProcess indelible, params string[] arguments)
    {
        IndelibleProcess.Result result = await indelible.CallAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result.ExitCode}\n{result.Output}\n{result.Error}");
        return result;
    }

    private static Task Configure(IndelibleProcess indelible, Action<JsonNode> change)
    {
        string path = Path.Combine(indelible.Home, "indelible.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        change(config["store"]!);
        return File.WriteAllTextAsync(path, config.ToJsonString());
    }

    private static async Task<T> UntilAsync<T>(Func<Task<T>> ask, Func<T, bool> isSo)
    {
        for (long started = Stopwatch.GetTimestamp(); ; await Task.Delay(200))
        {
            T found = await ask();
            if (isSo(found)) return found;
            Assert.True(Stopwatch.GetElapsedTime(started) < Patience, $"waited too long, found {found}");
        }
    }
}
