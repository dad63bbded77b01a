using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>log, history and what they find, against a real server: with and without `run`, and with an index that is damaged.
/// Each test has rows of its own.</summary>
public sealed class QueryTests(QueryTests.Clinic clinic) : IClassFixture<QueryTests.Clinic>
{
    private readonly IndelibleProcess _indelible = clinic.Indelible;
    private readonly PostgresServer _server = clinic.Server;
    private readonly string _database = clinic.Database;

    /// <summary>A server, a ledger and a protected database, for all tests of the class.</summary>
    public sealed class Clinic : IAsyncLifetime
    {
        private const string Schema = """
            CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, note text);
            CREATE TABLE pay (region text, id int, card text, PRIMARY KEY (region, id)) PARTITION BY LIST (region);
            CREATE TABLE pay_eu PARTITION OF pay FOR VALUES IN ('eu');
            CREATE TABLE pay_us PARTITION OF pay FOR VALUES IN ('us');
            CREATE TABLE mail ("the address" text PRIMARY KEY, name text);
            INSERT INTO people SELECT n, 'ssn-' || n, 'phone-' || n, 'note' FROM generate_series(1, 9) n;
            INSERT INTO pay VALUES ('eu', 1, 'card-eu'), ('us', 1, 'card-us');
            INSERT INTO mail VALUES ('smith, "j"', 'J');
            """;

        internal IndelibleProcess Indelible { get; } = new();
        internal PostgresServer Server { get; private set; } = null!;
        internal string Database { get; private set; } = "";

        public async ValueTask InitializeAsync()
        {
            Server = await PostgresServer.StartAsync();
            Database = await Server.CreateDatabaseAsync();
            await Server.ExecuteAsync(Database, Schema);
            await Indelible.CallAsync("init", "--origin", "example.org/t");
            IndelibleProcess.Result protect = await Indelible.CallAsync(
                "protect", "--source", Database, "--name", "crm", "people.ssn", "people.phone=digest", "people.note=plain", "pay.card",
                "mail.name");
            Assert.True(protect.ExitCode == 0, protect.Error);
        }

        public async ValueTask DisposeAsync()
        {
            await Server.DisposeAsync();
            Indelible.Dispose();
        }
    }

    [Fact]
    public async Task History_follows_a_row_through_keys_incarnations_and_truncations_of_its_own_partition()
    {
        await _server.ExecuteAsync(_database,
            "UPDATE people SET ssn = 'a' WHERE id = 1", "UPDATE people SET id = 101 WHERE id = 1",
            "UPDATE people SET ssn = 'b' WHERE id = 101",
            "DELETE FROM people WHERE id = 2", "INSERT INTO people VALUES (2, 'again', NULL, NULL)",
            "INSERT INTO people VALUES (1, 'another person', NULL, NULL)", "UPDATE people SET id = 102 WHERE id = 1",
            "UPDATE pay SET card = 'x'", "TRUNCATE pay_us", "INSERT INTO pay VALUES ('us', 1, 'new')", "TRUNCATE pay_us", "TRUNCATE pay_us",
            """UPDATE mail SET name = 'K' WHERE "the address" = 'smith, "j"'""");
        await _indelible.CallAsync("crosscheck");

        Assert.Equal(["baseline", "update", "key 101", "update"], await HistoryAsync(2, "people", "101"));
        Assert.Equal(["insert", "key 102"], await HistoryAsync("people", "id=102"));
        Assert.Equal(["baseline", "update", "key 101", "insert", "key 102"], await HistoryAsync("people", "1"));
        Assert.Equal(["baseline", "update"], await HistoryAsync("pay", "eu,1"));
        Assert.Equal(["baseline", "update", "truncate", "insert", "truncate"], await HistoryAsync(2, "public.pay", "id=1, region=us"));
        Assert.Equal(["baseline", "update"], await HistoryAsync("mail", "smith, \"j\""));
        Assert.Equal(["baseline", "update", "update"], await HistoryAsync("people", "101", "--column", "ssn"));
        Assert.False((bool)(await _indelible.CallAsync("history", "pay", "us,1", "--as-of", "0s", "--json")).Json["exists"]!);
        foreach (string[] unknown in (string[][])[["log", "--table", "nope"], ["history", "nope", "1"],
            ["log", "--table", "nope", "--key", "1"]])
        {
            IndelibleProcess.Result refused = await _indelible.CallAsync(unknown);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains("found none called nope; protected are: public.", refused.Error, StringComparison.Ordinal);
        }
        foreach (string[] elsewhere in (string[][])[["log", "--table", "mail"], ["history", "public.mail", "nobody"]])
        {
            IndelibleProcess.Result refused = await _indelible.CallAsync([.. elsewhere, "--column", "ssn"]);
            Assert.Equal(2, refused.ExitCode);
            Assert.Contains("found none called ssn; protected are: name\n", refused.Error, StringComparison.Ordinal);
        }
        Assert.Equal(0, (await _indelible.CallAsync("log", "--table", "people", "--kind", "access", "--tx", "1")).ExitCode);
    }

    [Fact]
    public async Task A_row_is_shown_as_it_stood_at_a_time_and_in_clear_only_for_a_reason()
    {
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'first' WHERE id = 3",
            "UPDATE people SET ssn = 'second' WHERE id = 3", "UPDATE people SET ssn = NULL WHERE id = 3");
        await _indelible.CallAsync("crosscheck");
        JsonArray entries = (await _indelible.CallAsync("history", "people", "3", "--json")).Json["entries"]!.AsArray();
        string between = (string)entries[2]!["committedAt"]!;
        JsonNode closed = (await _indelible.CallAsync("history", "people", "3", "--as-of", between, "--json")).Json;
        Assert.Equal("sealed", (string)Field(closed, "ssn")["value"]!["kept"]!);
        Assert.Equal((long)entries[2]!["index"]!, (long)Field(closed, "ssn")["entry"]!);
        JsonNode open = (await _indelible.CallAsync("history", "people", "3", "--as-of", between, "--reason", "a test", "--json")).Json;
        Assert.Equal("second", (string)Field(open, "ssn")["value"]!["value"]!);
        Assert.Equal("note", (string)Field(open, "note")["value"]!["value"]!);
        JsonNode access = (await _indelible.CallAsync("show", open["accessEntry"]!.ToString(), "--json")).Json;
        Assert.Equal(("access", between), ((string)access["kind"]!, (string)access["facts"]!["asOf"]!));
        JsonNode now = (await _indelible.CallAsync("history", "people", "3", "--as-of", "0s", "--reason", "a test", "--json")).Json;
        Assert.True((bool)Field(now, "ssn")["value"]!["null"]!);
        Assert.Null((bool?)(await _indelible.CallAsync("history", "people", "3", "--as-of", "1d", "--json")).Json["exists"]);
    }

    [Fact]
    public async Task A_value_is_found_in_sealed_digest_and_plain_columns_also_after_the_index_was_made_again()
    {
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'S', phone = 'P', note = 'N' WHERE id = 4");
        await _indelible.CallAsync("crosscheck");
        for (int round = 0; round < 2; round++)
        {
            foreach ((string column, string value) in ((string, string)[])[("ssn", "S"), ("phone", "phone-4"), ("note", "N")])
            {
                IndelibleProcess.Result found = await _indelible.RunWithInputAsync(
                    value + "\n", "log", "--table", "people", "--column", column, "--value", "-", "--operation", "update", "--json");
                Assert.Equal("4", (string)Assert.Single(found.Json["entries"]!.AsArray())!["key"]!["id"]!);
            }
            if (round == 0) Assert.Equal(0, (await _indelible.RunAsync("index", "rebuild")).ExitCode);
        }
    }

    [Fact]
    public async Task An_index_made_again_tells_who_watches_how_far_it_is_and_a_program_only_the_result()
    {
        IndelibleProcess.Result watched = await _indelible.WatchAsync("index", "rebuild");
        string size = watched.Output.Split(' ')[^3];
        Assert.Matches($"^index: {size} of {size} entries, [0-9]+ a second\n$", watched.Error);
        IndelibleProcess.Result program = await _indelible.WatchAsync("index", "rebuild", "--json");
        Assert.Equal((size, ""), (program.Json["indexedSize"]!.ToString(), program.Error));

        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        IndelibleProcess.Result forwarded = await _indelible.RunAsync("index", "rebuild");
        Assert.True(forwarded is { ExitCode: 0, Error: "" }, forwarded.Error);
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    [Fact]
    public async Task A_damaged_index_is_made_again_under_whoever_asks_also_while_run_holds_it()
    {
        Damage();
        Assert.Equal(["baseline"], await HistoryAsync("people", "5"));
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'x' WHERE id = 5");
        await Task.Delay(500);
        for (int round = 0; round < 2; round++)
        {
            Damage();
            Assert.Equal(["baseline", "update"], await UntilAsync(2, "people", "5"));
        }
        Assert.Equal(0, (await _indelible.RunAsync("index", "rebuild")).ExitCode);
        Assert.Equal(["baseline", "update"], await HistoryAsync("people", "5"));
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
    }

    private static JsonNode Field(JsonNode state, string column) =>
        state["fields"]!.AsArray().Single(field => (string)field!["column"]! == column)!;

    private void Damage()
    {
        foreach (string path in Directory.GetFiles(Path.Combine(_indelible.Home, "index"), "*.sst"))
        {
            byte[] whole = File.ReadAllBytes(path);
            using FileStream file = File.OpenWrite(path);    // in place, under an open database
            file.Write([.. Enumerable.Repeat((byte)0xA5, whole.Length)]);
        }
    }

    private async Task<IReadOnlyList<string>> UntilAsync(int count, params string[] arguments)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(50))
        {
            IReadOnlyList<string> history = await HistoryAsync(arguments);
            if (history.Count >= count || waited.Elapsed > Patience.Max) return history;
        }
    }

    private Task<IReadOnlyList<string>> HistoryAsync(params string[] arguments) => HistoryAsync(100, arguments);

    /// <summary>What happened, page by page.</summary>
    private async Task<IReadOnlyList<string>> HistoryAsync(int limit, params string[] arguments)
    {
        List<string> all = [];
        string? after = null;
        do
        {
            IndelibleProcess.Result page = await _indelible.CallAsync(
                ["history", .. arguments, "--limit", $"{limit}", "--json", .. after is null ? (string[])[] : ["--after", after]]);
            Assert.True(page.ExitCode == 0, page.Error);
            all.AddRange(page.Json["entries"]!.AsArray().Select(What));
            after = (string?)page.Json["next"];
        }
        while (after is not null);
        return all;
    }

    private static string What(JsonNode? entry) => entry!["previousKey"] is not null
        ? $"key {entry["key"]!["id"]}"
        : (string?)entry["operation"] ?? (string)entry["kind"]!;
}
