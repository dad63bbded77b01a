using System.Diagnostics;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>No protected value is written anywhere in clear, by whatever way it came:
/// every file and every line of output is searched.</summary>
public sealed class SecrecyTests : IAsyncLifetime
{
    private const string Word = Canary.Word;

    private const string Schema = $"""
        CREATE TABLE people (id int PRIMARY KEY, ssn text, note text, mrn text, photo bytea, tags text[], doc jsonb, open text);
        CREATE TABLE members (code text PRIMARY KEY, town text);
        INSERT INTO people SELECT n, '{Word} ssn ' || n, '{Word} note', '{Word} mrn ' || n, '{Word} photo',
            ARRAY['{Word} tag'], '{PlainJson}', 'clear'
            FROM generate_series(1, 20) n;
        INSERT INTO members VALUES ('{Word} code 1', '{Word} town'), ('{Word} code 2', NULL);
        """;

    private const string PlainJson = $$$"""{"deep": ["{{{Word}}} doc"]}""";

    private readonly IndelibleProcess _indelible = new();
    private readonly StringBuilder _said = new();
    private PostgresServer _server = null!;
    private string _database = "";

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, Schema);
        await SayAsync(0, "init", "--origin", "example.org/t");
        await SayAsync(0, "protect", "--source", _database, "--name", "crm",
            "people.ssn", "people.note", "people.mrn=digest", "people.photo", "people.tags", "people.doc", "people.open=plain",
            "members.code", "members.town");
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        _indelible.Dispose();
    }

    [Fact]
    public async Task No_value_reason_statement_or_difference_is_found_in_any_file_or_line_and_all_can_be_revealed_also_from_a_backup()
    {
        (Process process, _, Task<string> log) = await _indelible.RunServerAsync();
        try
        {
            await ChangeAsync();
            await AskAsync();
            IndelibleProcess.Result second = await _indelible.RunAsync("run", "--listen", "127.0.0.1:0");
            Assert.Equal(3, second.ExitCode);
            Assert.Contains($"is in use by process {process.Id}:", second.Error, StringComparison.Ordinal);
        }
        catch (Exception failure)
        {
            IndelibleProcess.Signal(process, "TERM");
            Assert.Fail($"{failure.Message}\n{await log}");
        }
        IndelibleProcess.Signal(process, "TERM");
        await process.WaitForExitAsync();
        Assert.True(process.ExitCode == 0, await log);
        await ChangeBehindTheRecordsBackAsync();
        await SayAsync(1, "crosscheck");
        await SayAsync(0, "verify");
        await SayAsync(0, "keys", "export", "backup.keys");

        Assert.Empty(Canary.FoundIn(Encoding.UTF8.GetBytes(_said + await log)));
        Assert.True(
            Directory.EnumerateFiles(Path.Combine(_indelible.Home, "ledger", "blobs"), "*", SearchOption.AllDirectories).Count() >= 2,
            "the large values are no blobs");
        await RevealEverythingAsync();
        AssertNowhere();
        await RestoreElsewhereAsync();
        AssertNowhere();
    }

    private Task ChangeAsync() => _server.ExecuteAsync(_database,
        $"INSERT INTO people VALUES (101, '{Word} ssn', '{Word} note', '{Word} mrn', '{Word} photo', ARRAY['{Word} tag', NULL], "
            + $"'{PlainJson}', 'clear')",
        $"UPDATE people SET note = repeat('{Word} large ', 20000), doc = NULL WHERE id = 101",
        $"UPDATE people SET note = repeat('{Word} larger ', 200000), photo = convert_to(repeat('{Word} binary ', 3000), 'UTF8') "
            + "WHERE id = 101",
        $"UPDATE people SET ssn = '{Word} after', id = 102 WHERE id = 101",
        $"BEGIN; SELECT indelible.operator('nurse', '{Word} reason'); UPDATE people SET ssn = '{Word} with a reason' WHERE id = 5; DELETE "
            + "FROM people WHERE id = 6; COMMIT",
        $"UPDATE members SET code = '{Word} code 3', town = '{Word} another town' WHERE code = '{Word} code 2'",
        $"DELETE FROM members WHERE code = '{Word} code 1'",
        $"ALTER TABLE people ADD COLUMN more text DEFAULT '{Word} default'",
        $"ALTER TABLE people ALTER COLUMN mrn TYPE varchar(100) USING mrn || '{Word} using'",
        $"DO $$ BEGIN INSERT INTO people (id, ssn) VALUES (5, '{Word} twice'); "
            + $"EXCEPTION WHEN unique_violation THEN RAISE LOG '{Word} refused'; END $$",
        "TRUNCATE members");

    private Task ChangeBehindTheRecordsBackAsync() => _server.ExecuteAsync(_database, Darkness.Sql("people",
        $"UPDATE people SET ssn = '{Word} in the dark', mrn = '{Word} dark', photo = NULL WHERE id = 3",
        $"INSERT INTO people (id, ssn) VALUES (900, '{Word} unseen')"));

    /// <summary>Commands that print, through the process that holds the ledger; some carry the word themselves and
    /// must not pass it on.</summary>
    private async Task AskAsync()
    {
        await SayAsync(null, "crosscheck");
        await SayAsync(0, "log", "--limit", "500");
        await SayAsync(0, "log", "--limit", "500", "--json");
        await SayAsync(0, "log", "--table", "people", "--column", "ssn", "--value", $"{Word} with a reason");
        await SayAsync(0, "history", "people", "102", "--json");
        await SayAsync(0, "history", "people", "5", "--as-of", "0s");
        await SayAsync(0, "history", "members", $"{Word} code 3");
        for (int index = 1; index < 36; index += 12) await SayAsync(0, "show", $"{index}");
        await SayAsync(0, "status", "--json");
        await SayAsync(null, "doctor");
        await SayAsync(0, "prove", "30", "-o", "it.tlog-proof");
    }

    /// <summary>The last field of every change and guard opens (a reason, a statement, the differences, or a column):
    /// that none is found anywhere means something.</summary>
    private async Task RevealEverythingAsync()
    {
        var opened = new HashSet<string>();
        JsonArray entries = (await _indelible.RunAsync("log", "--limit", "500", "--json")).Json["entries"]!.AsArray();
        foreach (JsonNode? entry in entries.Where(entry => (string?)entry!["kind"] is "change" or "guard"))
        {
            if (entry!["fields"]?.AsArray() is not { Count: > 0 } fields) continue;
            string name = (string)(fields[^1]!["column"] ?? fields[^1]!["text"])!;
            IndelibleProcess.Result reveal =
                await _indelible.CallAsync("reveal", entry["index"]!.ToString(), "--column", name, "--reason", $"{Word} why", "--json");
            Assert.True(reveal.ExitCode == 0, reveal.Error);
            if (Canary.FoundIn(Encoding.UTF8.GetBytes(reveal.Output)).Any()) opened.Add(name);
        }
        Assert.Superset(new HashSet<string> { "ssn", "photo", "town", "reason", "statement" }, opened);
    }

    /// <summary>A copy of the ledger, a backup of the keyring and the master key are enough, on another machine.</summary>
    private async Task RestoreElsewhereAsync()
    {
        string elsewhere = Path.Combine(_indelible.Home, "elsewhere");
        CopyTo(Path.Combine(_indelible.Home, "ledger"), Path.Combine(elsewhere, "ledger"));
        Dictionary<string, string> master =
            new() { ["INDELIBLE_MASTER_KEY"] = await File.ReadAllTextAsync(Path.Combine(_indelible.Home, "keyring", "master.key")) };
        string[] there = ["--ledger", "elsewhere/ledger", "--config", "elsewhere/indelible.json"];
        File.Copy(Path.Combine(_indelible.Home, "indelible.json"), Path.Combine(elsewhere, "indelible.json"));
        string[] reveal = ["reveal", "0", "--column", "ssn", "--reason", "a restored backup", "--json", .. there];
        string index =
            (await _indelible.RunAsync(
                ["log", "--kind", "change", "--table", "people", "--column", "ssn", "--limit", "1",
                    "--json"])).Json["entries"]![0]!["index"]!.ToString();
        reveal[1] = index;

        Assert.Equal(2,
            (await _indelible.RunAsync(new Dictionary<string, string> { ["INDELIBLE_MASTER_KEY"] = new('a', 64) },
                ["keys", "restore", "backup.keys", .. there])).ExitCode);
        Assert.Equal(0, (await _indelible.RunAsync(master, ["keys", "restore", "backup.keys", .. there])).ExitCode);
        IndelibleProcess.Result unvouched = await _indelible.RunAsync(master, reveal);
        Assert.Equal(1, unvouched.ExitCode);
        Assert.Contains("indelible keys accept-head", unvouched.Error, StringComparison.Ordinal);
        Assert.Equal(0, (await _indelible.RunAsync(master, ["keys", "accept-head", .. there])).ExitCode);
        Assert.Equal(2, (await _indelible.RunAsync(master, ["keys", "accept-head", .. there])).ExitCode);
        IndelibleProcess.Result revealed = await _indelible.RunAsync(master, reveal);
        Assert.True(revealed.ExitCode == 0, revealed.Error);
        Assert.Contains(Word, revealed.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await _indelible.RunAsync(["verify", "elsewhere/ledger"])).ExitCode);
    }

    private static void CopyTo(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (string directory in Directory.EnumerateDirectories(from)) CopyTo(directory, Path.Combine(to, Path.GetFileName(directory)));
        foreach (string file in Directory.EnumerateFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }

    private async Task SayAsync(int? exitCode, params string[] arguments)
    {
        IndelibleProcess.Result result = await _indelible.RunAsync(arguments);
        _said.Append(result.Output).Append(result.Error);
        Assert.True(exitCode is null || result.ExitCode == exitCode,
            $"{string.Join(' ', arguments)}: exit code {result.ExitCode}: {result.Error}{result.Output}");
    }

    private void AssertNowhere()
    {
        foreach (string file in Directory.EnumerateFiles(_indelible.Home, "*", SearchOption.AllDirectories))
        {
            string[] forms = [.. Canary.FoundIn(File.ReadAllBytes(file))];
            Assert.True(forms.Length == 0, $"{file} holds a value as {string.Join(", ", forms)}");
        }
    }
}
