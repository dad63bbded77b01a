using Indelible.Capture;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Small tables are read many in one snapshot; what cannot be read so is compared all the same.</summary>
public sealed class CrosscheckManyTablesTests : CrosscheckFixture
{
    private const int Tables = 150;

    [Fact]
    public async Task Differences_in_many_small_tables_are_found_and_no_table_that_cannot_be_read_with_others_hides_one()
    {
        await MakeAsync();
        await ExecuteAsync(
            "CREATE TABLE large (id int PRIMARY KEY, x text)", "INSERT INTO large SELECT n, 'x' FROM generate_series(1, 1700) n",
            "CREATE TABLE emptied (id int PRIMARY KEY, x text)", "INSERT INTO emptied SELECT n, 'x' FROM generate_series(1, 700) n",
            "CREATE TABLE parts (id int PRIMARY KEY, x text) PARTITION BY LIST (id)",
            string.Join(';', Enumerable.Range(0, 70).Select(n => $"CREATE TABLE parts_{n} PARTITION OF parts FOR VALUES IN ({n})")),
            "INSERT INTO parts SELECT n, 'x' FROM generate_series(0, 69) n",
            "CREATE EXTENSION citext", "CREATE TABLE cased (id citext PRIMARY KEY, x text)",
            "INSERT INTO cased VALUES ('A', 'x'), ('b', 'x')");
        await ProtectAsync([.. Names.Append("large").Append("emptied").Append("parts").Append("cased").Select(table => $"{table}.x")]);
        CrosscheckReport fine = await CheckAsync();
        Assert.Empty(Lines(fine));
        Assert.Equal(((Tables * 3) + 1700 + 700 + 70 + 2, true), ((int)fine.Rows, fine.IsFine));

        await ExecuteAsync("DROP TABLE t20", "ALTER TABLE t21 RENAME TO t21_now", "ALTER TABLE t22 DROP COLUMN x", "TRUNCATE t23");
        await InTheDarkAsync("t0", "UPDATE t0 SET x = 'forged' WHERE id = 2");
        await InTheDarkAsync("t77", "DELETE FROM t77 WHERE id = 1");
        await InTheDarkAsync("t149", "INSERT INTO t149 VALUES (9, 'new')");
        await InTheDarkAsync("large", "UPDATE large SET x = 'forged' WHERE id = 1600");
        await InTheDarkAsync("emptied", "DELETE FROM emptied");
        await InTheDarkAsync("parts", "UPDATE parts SET x = 'forged' WHERE id = 69");
        await InTheDarkAsync("cased", "UPDATE cased SET x = 'forged' WHERE id = 'b'");
        await using LedgerHost host = await OpenAsync();
        await using NpgsqlConnection holder = await ConnectAsync();
        await using NpgsqlCommand hold = new("BEGIN; LOCK TABLE t40 IN ACCESS EXCLUSIVE MODE", holder);
        await hold.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
        Task<CrosscheckReport> checking = CheckAsync(host);
        while (!checking.IsCompleted && (await Server.QueryAsync(Database, WaitsForItAlone)).Count == 0)
            await Task.Delay(5, TestContext.Current.CancellationToken);
        await holder.CloseAsync();
        CrosscheckReport found = await checking;
        string[] lines = Lines(found);
        string dropped = Assert.Single(lines, line => line.StartsWith("public.t20 ", StringComparison.Ordinal));
        Assert.Contains("found it dropped", dropped, StringComparison.Ordinal);
        Assert.Equal(700, lines.Count(line => line.StartsWith("public.emptied ", StringComparison.Ordinal)
            && line.EndsWith("in the ledger, missing in the database", StringComparison.Ordinal)));
        Assert.Equal(
            [
                "public.cased id=b x: another value than in the ledger",
                "public.large id=1600 x: another value than in the ledger",
                "public.parts id=69 x: another value than in the ledger",
                "public.t0 id=2 x: another value than in the ledger",
                "public.t149 id=9 : in the database, unknown to the ledger",
                "public.t22  x: the column is gone from the database",
                "public.t77 id=1 : in the ledger, missing in the database",
            ],
            lines.Where(line => line != dropped && !line.StartsWith("public.emptied ", StringComparison.Ordinal)));
        CrosscheckReport sample = await Crosscheck(host, new CrosscheckScope { Sample = 50 }).RunAsync(CancellationToken.None);
        Assert.Contains("public.t149 id=9 : in the database, unknown to the ledger", Lines(sample));
        Assert.Contains(Lines(sample), line => line.Contains("found it dropped", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Many_small_tables_under_writing_raise_no_alarm_and_hide_no_difference()
    {
        await MakeAsync();
        await ProtectAsync([.. Names.Select(table => $"{table}.x")]);
        await RunningAsync(async host =>
        {
            using CancellationTokenSource stop = new();
            Task[] writers = [.. Enumerable.Range(0, 3).Select(writer => WriteAsync(writer, stop.Token))];
            for (int i = 0; i < 3; i++) Assert.Empty(Lines(await CheckAsync(host)));
            await InTheDarkAsync("t5", "UPDATE t5 SET x = 'forged' WHERE id = 3");
            Assert.Equal(["public.t5 id=3 x: another value than in the ledger"], Lines(await CheckAsync(host)));
            CrosscheckReport sample = await Crosscheck(host, new CrosscheckScope { Sample = 50 }).RunAsync(CancellationToken.None);
            Assert.Equal(["public.t5 id=3 x: another value than in the ledger"], Lines(sample));
            await stop.CancelAsync();
            await Task.WhenAll(writers);
        });
    }

    private const string WaitsForItAlone =
        """
        SELECT 1 FROM pg_locks waiting WHERE NOT granted AND relation = 't40'::regclass AND NOT EXISTS
            (SELECT FROM pg_locks held JOIN pg_class c ON c.oid = held.relation
             WHERE held.pid = waiting.pid AND held.granted AND c.relname ~ '^t\d')
        """;

    private static string[] Names => [.. Enumerable.Range(0, Tables).Select(n => $"t{n}")];

    private Task MakeAsync() => ExecuteAsync(string.Join(';', Names.Select(
        table => $"CREATE TABLE {table} (id int PRIMARY KEY, x text); INSERT INTO {table} VALUES (1, 'a'), (2, 'b'), (3, 'c')")));

    /// <summary>Leaves row 3 alone.</summary>
    private async Task WriteAsync(int writer, CancellationToken stop)
    {
        await using NpgsqlConnection connection = await ConnectAsync();
        for (int round = 0; !stop.IsCancellationRequested; round++)
        {
            string table = $"t{((round * 7) + (writer * 50)) % Tables}";
            string[] statements =
            [
                $"UPDATE {table} SET x = 'u{round}' WHERE id = 1",
                $"INSERT INTO {table} VALUES ({10 + writer}, 'i') ON CONFLICT DO NOTHING",
                $"BEGIN; DELETE FROM {table} WHERE id = {10 + writer}; UPDATE {table} SET id = 4 WHERE id = 2; "
                    + $"UPDATE {table} SET id = 2 WHERE id = 4; COMMIT",
            ];
            await using NpgsqlCommand command = new(statements[round % statements.Length], connection);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
            await Task.Delay(2, CancellationToken.None);    // else capture never comes near
        }
    }
}
