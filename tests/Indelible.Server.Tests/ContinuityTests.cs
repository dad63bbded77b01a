using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Changes made where the log does not show them are found at the row's next change; honest work never alarms.</summary>
public sealed class ContinuityTests(ContinuityTests.Shared shared) : IClassFixture<ContinuityTests.Shared>
{
    private const string People = "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, note text)";
    private const string Rows = "INSERT INTO people SELECT n, 's' || n, 'p' || n, 'n' FROM generate_series(1, 50) n";

    [Theory]
    [InlineData("UPDATE people SET ssn = 'forged' WHERE id = 7", "UPDATE people SET ssn = 'new' WHERE id = 7",
        "the value before is not the last one sealed", "ssn")]
    [InlineData("UPDATE people SET ssn = 'forged' WHERE id = 7", "UPDATE people SET phone = 'new' WHERE id = 7",
        "the value before is not the last one sealed", "ssn")]
    [InlineData("UPDATE people SET ssn = NULL, phone = 'x' WHERE id = 7", "DELETE FROM people WHERE id = 7",
        "the value before is not the last one sealed", "ssn, phone")]
    [InlineData("DELETE FROM people WHERE id = 7", "INSERT INTO people VALUES (7, 'back', 'again', '')",
        "an insert of a row that is there already", null)]
    [InlineData("INSERT INTO people VALUES (99, 'ghost', 'g', '')", "DELETE FROM people WHERE id = 99",
        "a change of a row that the ledger does not hold", null)]
    [InlineData("UPDATE people SET id = 99 WHERE id = 7", "UPDATE people SET ssn = 'new' WHERE id = 99",
        "a change of a row that the ledger does not hold", null)]
    public async Task An_unseen_change_breaks_continuity_at_the_next_change_of_its_row(
        string unseen, string next, string what, string? columns)
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(shared.Server, ["people.ssn", "people.phone"], People, Rows);
        await ledger.SealAsync("UPDATE people SET ssn = 'first' WHERE id = 7", "UPDATE people SET note = 'x'");
        await ledger.SealAsync([Darkness.Sql("people", unseen), next, "UPDATE people SET ssn = 'other' WHERE id = 8"]);

        Entry guard = Assert.Single(Breaks(ledger));
        Assert.Equal(what, guard.Header.Facts!["what"]);
        Assert.Equal(columns, guard.Header.Facts.GetValueOrDefault("columns"));
        Assert.Equal("people", guard.Header.Relation!.Name);
        Assert.NotEmpty(guard.Header.Key!.Columns);
        RequirePositions(ledger, guard);
    }

    /// <summary>The guard entry stands right after the change it tells of and names its position, and where the row's last value is from.
    /// </summary>
    private static void RequirePositions(LiveLedger ledger, Entry guard)
    {
        List<Entry> entries = ledger.Entries();
        int at = entries.FindIndex(entry => entry.Header.Nonce.Span.SequenceEqual(guard.Header.Nonce.Span));
        Position change = entries[at - 1].Header.Position!.Value;
        Assert.Equal($"{change.CommitLsn} row {change.Ordinal}", guard.Header.Facts!["at"]);
        if (guard.Header.Facts.TryGetValue("held-since", out string? since)) Assert.True(Lsn.Parse(since) < change.CommitLsn);
        else Assert.Equal("a change of a row that the ledger does not hold", guard.Header.Facts["what"]);
    }

    [Fact]
    public async Task A_break_is_told_once_and_capture_goes_on_from_what_the_change_says()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(shared.Server, ["people.ssn"], People, Rows);
        await ledger.SealAsync(
            [Darkness.Sql("people", "UPDATE people SET ssn = 'forged' WHERE id = 7"), "UPDATE people SET ssn = 'a' WHERE id = 7",
                "UPDATE people SET ssn = 'b' WHERE id = 7"]);
        await ledger.SealAsync("UPDATE people SET ssn = 'c' WHERE id = 7");
        Assert.Single(Breaks(ledger));
    }

    [Fact]
    public async Task Honest_work_never_breaks_continuity()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(
            shared.Server, ["people.ssn", "people.phone", "visits.note"], People, Rows,
            "CREATE TABLE visits (day date, person int REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE, note text, PRIMARY KEY (day, "
                + "person)) PARTITION BY RANGE (day)",
            "CREATE TABLE visits_a PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')",
            "CREATE TABLE visits_b PARTITION OF visits FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')",
            "INSERT INTO visits SELECT '2026-01-01'::date + 20 * n, n, 'v' FROM generate_series(1, 15) n");
        string[] work =
        [
            "UPDATE people SET ssn = ssn || 'x'", "UPDATE people SET note = 'only this'", "UPDATE people SET ssn = NULL WHERE id = 3",
            "UPDATE people SET ssn = '' WHERE id = 3",
            "UPDATE people SET id = id + 1000 WHERE id < 10", "DELETE FROM people WHERE id > 1005",
            "INSERT INTO people SELECT n, 'again', NULL, NULL FROM generate_series(1006, 1009) n",
            "UPDATE visits SET day = day + 180 WHERE day < '2026-04-01'", "UPDATE visits_b SET note = 'leaf'", "TRUNCATE visits_a",
            "INSERT INTO visits VALUES ('2026-02-02', 11, 'new')",
            "INSERT INTO people VALUES (11, 'taken') ON CONFLICT (id) DO UPDATE SET ssn = 'merged'",
            "BEGIN; INSERT INTO people VALUES (500, 'a'); SAVEPOINT s; UPDATE people SET ssn = 'b' WHERE id = 500; ROLLBACK TO s; UPDATE "
                + "people SET ssn = 'c' WHERE id = 500; COMMIT",
            $"UPDATE people SET phone = repeat('long', 3000) WHERE id = 20", "UPDATE people SET ssn = 'toast stays' WHERE id = 20",
            "UPDATE people SET phone = 'short' WHERE id = 20",
            "ALTER TABLE people RENAME ssn TO social", "UPDATE people SET social = 'renamed' WHERE id = 21",
            "ALTER TABLE people RENAME social TO ssn", "UPDATE people SET ssn = 'back' WHERE id = 21",
            "ALTER TABLE people ADD COLUMN extra int DEFAULT 5", "UPDATE people SET ssn = 'wider' WHERE id = 22",
            "ALTER TABLE people ALTER COLUMN phone TYPE text USING upper(phone)", "UPDATE people SET ssn = 'after rewrite' WHERE id = 23",
            "UPDATE people SET phone = 'q' WHERE id = 23",
            "TRUNCATE people CASCADE", "INSERT INTO people SELECT n, 'fresh', 'f', '' FROM generate_series(1, 50) n",
            "UPDATE people SET ssn = 'last' WHERE id % 2 = 0",
        ];
        foreach (string[] part in work.Chunk(7)) await ledger.SealAsync(part);    // with a restart after each part
        Assert.Empty(Breaks(ledger));
        Assert.True(ledger.Entries().Count(entry => entry.Header.Kind == EntryKind.Change) > 150);
    }

    [Fact]
    public async Task Keys_that_trade_places_neither_break_continuity_nor_differ_also_when_the_index_is_rebuilt()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(shared.Server, ["people.ssn"], People, Rows);
        await ledger.SealAsync(
            "UPDATE people SET id = -id", "UPDATE people SET id = id - 100",
            "UPDATE people SET id = id + 1 WHERE id IN (SELECT id FROM people ORDER BY id DESC LIMIT 1)",
            "BEGIN; UPDATE people SET id = 1 WHERE ssn = 's7'; UPDATE people SET id = -107 WHERE ssn = 's8'; "
                + "UPDATE people SET id = -108 WHERE ssn = 's7'; COMMIT",
            "BEGIN; DELETE FROM people WHERE ssn = 's9'; UPDATE people SET id = -109 WHERE ssn = 's10'; INSERT INTO people VALUES (-110, "
                + "'new'); COMMIT",
            "UPDATE people SET ssn = ssn || '+'");
        Assert.Empty(Breaks(ledger));
        await ledger.RunningAsync(async host => Assert.Empty((await new Crosscheck(
            host, ledger.Source, ledger.Config.Sources[ledger.Source], _ => { }).RunAsync(CancellationToken.None)).Differences));
        Directory.Delete(ledger.Paths.Index, recursive: true);
        await ledger.SealAsync("UPDATE people SET ssn = ssn || '+'");
        Assert.Empty(Breaks(ledger));
    }

    [Fact]
    public async Task What_was_last_sealed_is_known_again_when_the_index_is_rebuilt()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(shared.Server, ["people.ssn", "people.phone"], People, Rows);
        await ledger.SealAsync(
            "UPDATE people SET ssn = 'first' WHERE id < 20", "DELETE FROM people WHERE id = 9", "UPDATE people SET id = 900 WHERE id = 10");
        Directory.Delete(ledger.Paths.Index, recursive: true);
        await ledger.SealAsync(
            "UPDATE people SET ssn = 'second' WHERE id < 30", "INSERT INTO people VALUES (9, 'new')", "DELETE FROM people WHERE id = 900");
        Assert.Empty(Breaks(ledger));
        Directory.Delete(ledger.Paths.Index, recursive: true);
        await ledger.SealAsync(
            [Darkness.Sql("people", "UPDATE people SET phone = 'forged' WHERE id = 7"), "UPDATE people SET ssn = 'third' WHERE id = 7"]);
        Assert.Equal("phone", Assert.Single(Breaks(ledger)).Header.Facts!["columns"]);
    }

    [Fact]
    public async Task Changes_while_the_baseline_is_taken_never_break_continuity()
    {
        await using LiveLedger ledger = await LiveLedger.CreateAsync(shared.Server, ["people.ssn"], People, Rows);
        await ledger.ExecuteAsync(
            "UPDATE people SET ssn = 'between' WHERE id < 10", "DELETE FROM people WHERE id = 3", "INSERT INTO people VALUES (3, 'x')");
        // The slot stands before these; a second baseline, with another column, shows them already.
        await ledger.ProtectAsync("people.phone");
        await ledger.SealAsync("UPDATE people SET ssn = 'after', phone = 'after' WHERE id < 12");
        Assert.Empty(Breaks(ledger));
    }

    private static List<Entry> Breaks(LiveLedger ledger) => [.. ledger.Entries().Where(entry => entry.Header.Code == GuardCode.Continuity)];

    /// <summary>One server for all of these.</summary>
    public sealed class Shared : IAsyncLifetime
    {
        public PostgresServer Server { get; private set; } = null!;

        public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync();

        public ValueTask DisposeAsync() => Server.DisposeAsync();
    }
}
