using Indelible.Capture;
using Indelible.Format.Entries;
using Npgsql;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The ledger against the live database, on a real server.</summary>
public sealed class CrosscheckTests : CrosscheckFixture
{
    [Fact]
    public async Task Every_policy_a_protected_key_and_partitions_are_compared_and_every_planted_difference_is_listed()
    {
        await ExecuteAsync(
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, city text, other text)",
            "INSERT INTO people SELECT n, 's' || n, 'p' || n, 'c' || n, 'o' FROM generate_series(1, 9) n",
            "CREATE TABLE visit (region text, id int, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region)",
            "CREATE TABLE visit_n PARTITION OF visit FOR VALUES IN ('n')", "CREATE TABLE visit_s PARTITION OF visit FOR VALUES IN ('s')",
            "INSERT INTO visit SELECT r, n, 'x' FROM generate_series(1, 3) n, unnest('{n,s}'::text[]) r",
            "CREATE TABLE card (pan text PRIMARY KEY, owner text)",
            "INSERT INTO card VALUES ('4111', 'ann'), ('4222', 'bob'), ('4333', NULL)");
        await ProtectAsync("people.ssn", "people.phone=digest", "people.city=plain", "visit.note", "card.pan", "card.owner");
        await ExecuteAsync(
            "UPDATE people SET ssn = NULL, phone = 'new', city = 'new' WHERE id = 1", "UPDATE people SET other = 'not protected'",
            "UPDATE visit SET region = 's', id = 9 WHERE region = 'n' AND id = 1", "TRUNCATE visit_n",
            "INSERT INTO visit VALUES ('n', 2, 'again')",
            "UPDATE card SET pan = '4999' WHERE pan = '4222'", "DELETE FROM card WHERE pan = '4333'",
            "INSERT INTO card VALUES ('4333', 'eve')");
        CrosscheckReport fine = await CheckAsync();
        Assert.Empty(Lines(fine));
        Assert.Equal((9 + 5 + 3, 27 + 5 + 6), (fine.Rows, fine.Values));

        await InTheDarkAsync("people", "UPDATE people SET ssn = 'forged' WHERE id = 1",
            "UPDATE people SET phone = 'forged', city = NULL WHERE id = 2", "DELETE FROM people WHERE id = 3",
            "INSERT INTO people VALUES (10, 'new')");
        await InTheDarkAsync("visit", "UPDATE visit SET note = NULL WHERE id = 9");
        await InTheDarkAsync("card", "UPDATE card SET owner = 'mallory' WHERE pan = '4999'");
        CrosscheckReport found = await CheckAsync();
        string[] lines = Lines(found);
        Assert.Equal(
            [
                "public.people id=1 ssn: a value in the database, NULL in the ledger",
                "public.people id=10 : in the database, unknown to the ledger",
                "public.people id=2 city: NULL in the database, a value in the ledger",
                "public.people id=2 phone: another value than the digest in the ledger",
                "public.people id=3 : in the ledger, missing in the database",
                "public.visit region=s, id=9 note: NULL in the database, a value in the ledger",
            ],
            lines.Where(line => !line.Contains("token", StringComparison.Ordinal)));
        string card = Assert.Single(lines, line => line.StartsWith("public.card token", StringComparison.Ordinal));
        Assert.EndsWith("owner: another value than in the ledger", card);
        Assert.DoesNotContain(
            lines, line => line.Contains("forged", StringComparison.Ordinal) || line.Contains("4999", StringComparison.Ordinal));
        Assert.All(found.Differences, difference => Assert.Equal(difference.Row == "id=10", difference.EntryIndex is null));
        Assert.Equal("7", await GuardFactAsync(found.GuardEntry!.Value, "differences"));
    }

    [Fact]
    public async Task A_dropped_table_is_a_difference_and_the_others_are_still_compared()
    {
        await ExecuteAsync(
            "CREATE TABLE a (id int PRIMARY KEY, x text)", "INSERT INTO a VALUES (1, 'x')",
            "CREATE TABLE b (id int PRIMARY KEY, x text)", "INSERT INTO b VALUES (1, 'x')");
        await ProtectAsync("a.x", "b.x");
        await ExecuteAsync("DROP TABLE a", "CREATE TABLE a (id int PRIMARY KEY, x text)");
        CrosscheckReport report = await CheckAsync();
        Difference dropped = Assert.Single(report.Differences);
        Assert.Equal(("public.a", ""), (dropped.Table, dropped.Row));
        Assert.Contains("dropped", dropped.What, StringComparison.Ordinal);
        Assert.Equal(1, report.Rows);
    }

    [Fact]
    public async Task A_row_whose_key_changed_between_slot_and_baseline_is_not_mistaken_for_the_next_owner_of_its_old_key()
    {
        await ExecuteAsync("CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t VALUES (1, 'ann'), (5, 'eve')");
        await ProtectAsync("t.x");
        // Again, as if nothing had been read since the slot was made: the baseline shows what the log is yet to tell.
        await ExecuteAsync("UPDATE t SET id = 2 WHERE id = 1", "INSERT INTO t VALUES (1, 'bob')",
            "UPDATE t SET id = 6, x = 'eva' WHERE id = 5", "DELETE FROM t WHERE id = 6");
        await BaselineAsync();
        Assert.Empty(Lines(await CheckAsync()));
    }

    [Fact]
    public async Task A_key_that_was_used_again_between_slot_and_baseline_is_not_taken_for_ended()
    {
        await ExecuteAsync(
            "CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t SELECT n, 'x' || n FROM generate_series(1, 9) n",
            "CREATE TABLE u (id int PRIMARY KEY, x text)", "INSERT INTO u VALUES (1, 'one')");
        await ProtectAsync("t.x", "u.x");
        // Again, as if nothing had been read since the slot was made.
        await ExecuteAsync(
            "DELETE FROM t WHERE id = 1", "UPDATE t SET id = 1 WHERE id = 9",
            "UPDATE t SET x = 'of another' WHERE id = 2", "UPDATE t SET id = 20 WHERE id = 2", "UPDATE t SET id = 2 WHERE id = 8",
            "DELETE FROM t WHERE id = 3", "INSERT INTO t VALUES (3, 'again')",
            "TRUNCATE u", "INSERT INTO u VALUES (5, 'moves')", "UPDATE u SET id = 1 WHERE id = 5");
        await BaselineAsync();
        Assert.Empty(Lines(await CheckAsync()));
        await ExecuteAsync("UPDATE t SET id = 101 WHERE id = 1", "UPDATE t SET x = 'later' WHERE id = 2", "DELETE FROM t WHERE id = 3");
        Assert.Empty(Lines(await CheckAsync()));
    }

    [Fact]
    public async Task A_row_too_long_for_one_entry_is_compared_whole()
    {
        string[] columns = [.. Enumerable.Range(1, 12).Select(n => $"c{n}")];
        string Values(string seed) => string.Join(
            ", ", columns.Select(column => $"(SELECT string_agg(md5('{seed}{column}' || n), '') FROM generate_series(1, 300) n)"));
        await ExecuteAsync(
            $"CREATE TABLE wide (id int PRIMARY KEY, {string.Join(", ", columns.Select(column => $"{column} text"))})",
            $"INSERT INTO wide VALUES (1, {Values("a")}), (2, {Values("b")}), (3, {Values("c")})");
        await ProtectAsync([.. columns.Select(column => $"wide.{column}")]);
        Assert.Empty(Lines(await CheckAsync()));
        await ExecuteAsync(
            $"INSERT INTO wide VALUES (4, {Values("d")})",
            $"UPDATE wide SET ({string.Join(", ", columns)}) = ROW({Values("e")}) WHERE id = 1",
            $"UPDATE wide SET id = 20, ({string.Join(", ", columns)}) = ROW({Values("f")}) WHERE id = 2",
            "UPDATE wide SET c2 = 'short' WHERE id = 20", "DELETE FROM wide WHERE id = 3");
        Assert.Empty(Lines(await CheckAsync()));
    }

    /// <summary>Writers of every kind, while rows are compared again and again.</summary>
    [Fact]
    public async Task Under_heavy_writing_there_is_no_false_alarm_and_a_planted_difference_is_found()
    {
        await ExecuteAsync(
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text)",
            "INSERT INTO people SELECT n, 's' || n, 'p' || n FROM generate_series(1, 11000) n WHERE n % 2000 < 950",
            "CREATE TABLE visit (region int, id int, note text, PRIMARY KEY (region, id)) PARTITION BY LIST (region)",
            "CREATE TABLE visit_0 PARTITION OF visit FOR VALUES IN (0)", "CREATE TABLE visit_1 PARTITION OF visit FOR VALUES IN (1)",
            "INSERT INTO visit SELECT n % 2, n, 'x' FROM generate_series(1, 300) n");
        await ProtectAsync("people.ssn", "people.phone=digest", "visit.note");
        await RunningAsync(async host =>
        {
            using CancellationTokenSource stop = new();
            Task[] writers = [.. Writers.Select((write, writer) => WriteAsync(writer, write, stop.Token))];
            for (int i = 0; i < 3; i++) Assert.Empty(Lines(await CheckAsync(host)));
            // Keys of which no writer knows.
            await InTheDarkAsync("people", "UPDATE people SET ssn = 'forged' WHERE id = 8901", "DELETE FROM people WHERE id = 8902",
                "INSERT INTO people VALUES (-1, 'x')");
            string[] planted = Lines(await CheckAsync(host));
            await stop.CancelAsync();
            await Task.WhenAll(writers);
            Assert.Equal(
                [
                    "public.people id=-1 : in the database, unknown to the ledger",
                    "public.people id=8901 ssn: another value than in the ledger",
                    "public.people id=8902 : in the ledger, missing in the database",
                ],
                planted);
        });
    }

    /// <summary>Each runs over and over on a connection of its own; <c>{0}</c> is the round, <c>{1}</c> a key below 1000 that only this
    /// writer uses, 2000 apart.</summary>
    private static readonly string[] Writers =
    [
        // subtransactions, kept and rolled back
        """
        BEGIN; UPDATE people SET ssn = 'a{0}' WHERE id = {1}; SAVEPOINT a; UPDATE people SET ssn = 'b{0}' WHERE id = {1} + 1;
        SAVEPOINT b; DELETE FROM people WHERE id = {1} + 2; ROLLBACK TO b;
        UPDATE people SET phone = 'c{0}' WHERE id = {1} + 2; RELEASE a; COMMIT
        """,
        // deleted and inserted again, in one transaction and in two
        "BEGIN; DELETE FROM people WHERE id = {1}; INSERT INTO people VALUES ({1}, 'd{0}'); COMMIT;DELETE FROM people WHERE id = {1} + "
            + "1;INSERT INTO people VALUES ({1} + 1, 'e{0}') ON CONFLICT DO NOTHING",
        // keys that move, there and back, and trade places
        "UPDATE people SET id = id + 100000 WHERE id = {1};UPDATE people SET id = id - 100000 WHERE id = {1} + 100000;BEGIN; UPDATE people "
            + "SET id = -{1} WHERE id = {1}; UPDATE people SET id = {1} WHERE id = {1} + 1; UPDATE people SET id = {1} + 1, "
            + "ssn = 'f{0}' WHERE id = -{1}; COMMIT",
        // open for long, and prepared
        "BEGIN; UPDATE people SET ssn = 'g{0}' WHERE id BETWEEN {1} AND {1} + 20; SELECT pg_sleep(0.2); COMMIT;BEGIN; UPDATE people SET "
            + "ssn = 'h{0}' WHERE id = {1}; PREPARE TRANSACTION 'two';SELECT pg_sleep(0.1);COMMIT PREPARED 'two';BEGIN; DELETE FROM people "
            + "WHERE id = {1}; PREPARE TRANSACTION 'two';ROLLBACK PREPARED 'two'",
        // partitions: rows that wander, one that is emptied, all that are
        "UPDATE visit SET region = 1 - region WHERE id = 1 + {0} % 300;INSERT INTO visit VALUES ({0} % 2, 1000 + {0}, 'i{0}');BEGIN; "
            + "TRUNCATE visit_0; INSERT INTO visit SELECT 0, n, 'j{0}' FROM generate_series(2000, 2020) n; "
            + "COMMIT;UPDATE visit SET note = 'k{0}' WHERE id = 2005",
        // one statement, many rows
        "UPDATE people SET phone = 'l{0}' WHERE id BETWEEN 10001 AND 10100",
    ];

    private async Task WriteAsync(int writer, string statements, CancellationToken stop)
    {
        await using NpgsqlConnection connection = await ConnectAsync();
        for (int round = 0; !stop.IsCancellationRequested; round++)
        {
            string key = $"{1 + (writer * 2000) + (round * 7 % 900)}";
            foreach (string statement in statements.Replace("{0}", $"{round}", StringComparison.Ordinal)
                .Replace("{1}", key, StringComparison.Ordinal).Split(';'))
            {
                await using NpgsqlCommand command = new(statement, connection);
                await command.ExecuteNonQueryAsync(CancellationToken.None);
                await Task.Delay(5, CancellationToken.None); // else capture falls behind for ever on a small machine
            }
        }
    }

    /// <summary>Seals the tables as they stand, while capture has read nothing yet.</summary>
    private async Task BaselineAsync()
    {
        await using LedgerHost host = await OpenAsync();
        SourceConfig config = host.Config.Sources["crm"];
        await new BaselineSealer(host, "crm", SourceConnections.Of(config), config.Protection, _ => { })
            .SealAsync([.. config.Protection.Tables.Select(table => table.Id)], CancellationToken.None);
    }

    private async Task<string> GuardFactAsync(long entry, string fact)
    {
        await using LedgerHost host = await OpenAsync();
        EntryHeader header = host.View.Entry(entry).Header;
        Assert.Equal((EntryKind.Guard, GuardCode.Crosscheck), (header.Kind, header.Code));
        return header.Facts![fact];
    }
}
