using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>An index that lies is never believed: what it names wrongly is not shown, and <c>--verify</c> says so.</summary>
public sealed class PoisonTests(PoisonTests.Rows rows) : IClassFixture<PoisonTests.Rows>
{
    private const string Origin = "example.org/poison";

    /// <summary>A ledger of forty rows and what happened to them; nothing runs.</summary>
    public sealed class Rows : IAsyncLifetime
    {
        internal IndelibleProcess Indelible { get; } = new();
        private PostgresServer _server = null!;

        public async ValueTask InitializeAsync()
        {
            _server = await PostgresServer.StartAsync();
            string database = await _server.CreateDatabaseAsync();
            await _server.ExecuteAsync(
                database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "CREATE TABLE pay (id int PRIMARY KEY, card text)",
                "INSERT INTO people SELECT n, 's' || n FROM generate_series(1, 40) n",
                "INSERT INTO pay SELECT n, 'c' || n FROM generate_series(1, 40) n");
            await Indelible.CallAsync("init", "--origin", Origin);
            Assert.Equal(
                0, (await Indelible.CallAsync("protect", "--source", database, "--name", "crm", "people.ssn", "pay.card=plain")).ExitCode);
            await _server.ExecuteAsync(database, "UPDATE people SET ssn = ssn || 'x'", "UPDATE pay SET card = card || 'y' WHERE id < 20",
                "DELETE FROM people WHERE id > 35", "UPDATE people SET id = id + 100 WHERE id < 5");
            Assert.Equal(0, (await Indelible.CallAsync("crosscheck")).ExitCode);
        }

        public async ValueTask DisposeAsync()
        {
            await _server.DisposeAsync();
            Indelible.Dispose();
        }
    }

    private string Ledger => Path.Combine(rows.Indelible.Home, "ledger");

    [Fact]
    public Task What_a_poisoned_index_names_is_not_shown_and_told() => RunAsync(rounds: 5);

    [Fact(Explicit = true)]
    [Trait(Campaign.Trait, "poison")]
    public Task Hundreds_of_poisoned_indexes_are_not_believed() => RunAsync(Campaign.Rounds(500));

    [Fact]
    public async Task A_result_that_the_ledger_does_not_prove_is_not_shown()
    {
        IndelibleProcess.Result whole =
            await rows.Indelible.CallAsync("log", "--table", "people", "--verify", "--limit", "10000", "--json");
        Assert.True(whole.ExitCode == 0, whole.Error);
        Assert.Equal(whole.Json["entries"]!.AsArray().Count, (int)whole.Json["verification"]!["proved"]!);
        Assert.Contains(Origin, (string)whole.Json["verification"]!["signedBy"]![0]!, StringComparison.Ordinal);
        string other = (await rows.Indelible.CallAsync("keys", "show")).Output.Split('+')[^1].Trim();
        Assert.Equal(2, (await rows.Indelible.CallAsync("log", "--key", other)).ExitCode);

        int size = Read().Count;
        string bundle = Path.Combine(Ledger, "tile", "entries", "000.p", $"{size}"), last = $"{size - 1}";
        byte[] sound = await File.ReadAllBytesAsync(bundle), altered = [.. sound];
        altered[sound.AsSpan().LastIndexOf("crm"u8)] ^= 1;      // the last entry's source; it still decodes
        File.SetUnixFileMode(bundle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        try
        {
            await File.WriteAllBytesAsync(bundle, altered);
            IndelibleProcess.Result shown = await rows.Indelible.CallAsync("show", last),
                refused = await rows.Indelible.CallAsync("show", last, "--verify", "--json");
            Assert.Equal((0, 1), (shown.ExitCode, refused.ExitCode));
            Assert.Null(refused.Json["kind"]);
            Assert.Contains($"entry {last} is not shown", (string)refused.Json["verification"]!["findings"]![0]!, StringComparison.Ordinal);
        }
        finally
        {
            await File.WriteAllBytesAsync(bundle, sound);
            File.SetUnixFileMode(bundle, UnixFileMode.UserRead);
        }
    }

    private async Task RunAsync(int rounds)
    {
        int seed = Campaign.Seed(5), strangers = 0, told = 0, shown = 0, wrong = 0;
        IReadOnlyList<(byte[] Bytes, Entry Entry)> entries = Read();
        for (int round = 0; round < rounds; round++)
        {
            Random random = Campaign.Of(seed, round);
            Poison(entries, random);
            foreach ((string[] query, Func<Entry, bool> isWanted) in Queries(random))
            {
                IndelibleProcess.Result result = await rows.Indelible.CallAsync([.. query, "--verify", "--limit", "10000", "--json"]);
                Assert.True(result.ExitCode is 0 or 1, $"seed {seed}, round {round}, {string.Join(' ', query)}: {result.Error}");
                long[] found = [.. result.Json["entries"]!.AsArray().Select(entry => (long)entry!["index"]!)];
                int findings = result.Json["verification"]!["findings"]!.AsArray().Count;
                shown += found.Length;
                wrong += found.Count(index => !isWanted(entries[(int)index].Entry));
                strangers += findings;
                told += result.ExitCode;
                Assert.True(findings > 0 == (result.ExitCode == 1), $"seed {seed}, round {round}: {result.Output}");
            }
        }
        Campaign.Tell("poison", ("seed", seed), ("indexes", rounds), ("queries", rounds * Queries(new Random(0)).Count()), ("told", told),
            ("strangers", strangers), ("shown", shown), ("shown_wrongly", wrong));
        Assert.True(told > rounds / 2 && shown > 0, $"{told} of {rounds} rounds noticed");
        Assert.Equal(0, wrong);
        Assert.Equal(0, (await rows.Indelible.CallAsync("index", "rebuild")).ExitCode);
        string[] log = ["log", "--table", "people", "--key", "7", "--verify", "--verifier-key"];
        string key = (string)(await rows.Indelible.CallAsync("keys", "show", "--json")).Json["verifierKey"]!;
        IndelibleProcess.Result other =
            await rows.Indelible.CallAsync("init", "--origin", Origin, "--ledger", "other/ledger", "--config", "other.json", "--json");
        Assert.Equal(0, (await rows.Indelible.CallAsync("history", "people", "7", "--verify", "--key", key)).ExitCode);
        Assert.Equal(0, (await rows.Indelible.CallAsync([.. log, key])).ExitCode);
        Assert.Equal(1, (await rows.Indelible.CallAsync([.. log, (string)other.Json["verifierKey"]!])).ExitCode);
    }

    private static IEnumerable<(string[] Query, Func<Entry, bool> IsWanted)> Queries(Random random)
    {
        string id = random.Next(1, 41).ToString(System.Globalization.CultureInfo.InvariantCulture);
        yield return (["log", "--table", "pay"], entry => entry.Header.Relation?.Name == "pay");
        yield return (["log", "--operation", "delete"], entry => entry.Header.Operation == Operation.Delete);
        yield return (["history", "people", id], entry => entry.Header.Relation?.Name == "people"
            && (Names(entry.Header.Key, id) || Names(entry.Header.PreviousKey, id)));
        yield return (["log", "--table", "people", "--column", "ssn", "--value", $"s{id}x"],
            entry => entry.Header is { Relation.Name: "people", Kind: EntryKind.Change }
                && (Names(entry.Header.Key, id) || Names(entry.Header.PreviousKey, id)));
    }

    private static bool Names(RowKey? key, string id) => key?.Columns.Count == 1 && key.Columns[0].Value == id;

    private List<(byte[] Bytes, Entry Entry)> Read()
    {
        LedgerReader reader = new(Ledger);
        return [.. reader.ReadEntries(0, reader.ReadCheckpoint().Size).Select(found =>
        {
            Assert.Equal(EntryFault.None, EntryCodec.Decode(found.Entry, out Entry entry));
            return (found.Entry.ToArray(), entry);
        })];
    }

    /// <summary>Makes the index anew so that some entries are found by what others say;
    /// it reaches as far as a true one, and ends with the same entry.</summary>
    private void Poison(IReadOnlyList<(byte[] Bytes, Entry Entry)> entries, Random random)
    {
        int percent = random.Next(5, 101);
        EntryTerms terms = new();
        EntryBatch batch = new();
        for (int i = 0; i < entries.Count; i++)
        {
            Entry says = random.Next(100) < percent ? entries[random.Next(entries.Count)].Entry : entries[i].Entry;
            terms.Collect(says, null);
            batch.Add(entries[i].Bytes, terms.Collected, EntryTerms.TimeOf(says.Header));
        }
        using LedgerIndex index = LedgerIndex.Open(Path.Combine(rows.Indelible.Home, "index"), Origin);
        index.Reset();
        index.Add(0, [batch]);
    }
}
