using System.Globalization;
using Indelible.Testing;
using Npgsql;

namespace Indelible.Adversary.Tests;

/// <summary>A day's honest work, over and over: sessions that write in every ordinary way, until stopped.
/// They come back when the server does.</summary>
internal sealed class HonestPeople(PostgresServer server, string database, int seed)
{
    /// <summary>Tables as an application has them; <c>people.ssn</c>, <c>people.phone</c> and <c>visits.note</c>
    /// are to be protected.</summary>
    public const string Schema = """
        CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, note text, height int);
        INSERT INTO people SELECT n, 's' || n, 'p' || n, 'n', n FROM generate_series(1, 300) n;
        CREATE TABLE visits (day int, person int, note text, PRIMARY KEY (day, person)) PARTITION BY RANGE (day);
        CREATE TABLE visits_0 PARTITION OF visits FOR VALUES FROM (0) TO (100);
        CREATE TABLE visits_1 PARTITION OF visits FOR VALUES FROM (100) TO (200);
        INSERT INTO visits SELECT n % 200, n, 'v' FROM generate_series(1, 300) n;
        """;

    /// <summary>{0} is a key that exists, mostly; {1} one that nobody used yet, with twenty after it; {2} a value; {3} who.</summary>
    private static readonly string[] Work =
    [
        "UPDATE people SET ssn = '{2}' WHERE id = {0}",
        "UPDATE people SET ssn = '{2}', phone = NULL, note = 'both' WHERE id BETWEEN {0} AND {0} + 5",
        "UPDATE people SET note = '{2}' WHERE id = {0}",
        "BEGIN; SELECT indelible.operator('{3}', 'a visit'); UPDATE people SET phone = '{2}' WHERE id = {0}; INSERT INTO visits VALUES "
            + "({0} % 200, {1}, '{2}'); COMMIT",
        "BEGIN; SELECT indelible.operator('{3}'); INSERT INTO people VALUES ({1}, '{2}', '{2}'); SAVEPOINT s; DELETE FROM people WHERE id "
            + "= {0}; ROLLBACK TO s; UPDATE people SET ssn = NULL WHERE id = {1}; COMMIT",
        "SELECT indelible.operator('{3}', 'one statement'); UPDATE people SET phone = '{2}' WHERE id = {0}",
        "INSERT INTO people SELECT n, '{2}', 'p', 'bulk' FROM generate_series({1}, {1} + 19) n",
        "INSERT INTO people VALUES ({0}, '{2}', 'upsert') ON CONFLICT (id) DO UPDATE SET ssn = EXCLUDED.ssn",
        "MERGE INTO people p USING (SELECT generate_series({0}, {0} + 3) AS id) w ON p.id = w.id WHEN MATCHED THEN UPDATE SET phone = "
            + "'{2}' WHEN NOT MATCHED THEN INSERT (id, ssn) VALUES (w.id, '{2}')",
        "UPDATE people SET id = {1} WHERE id = {0}",
        "DELETE FROM people WHERE id = {0}",
        "DELETE FROM people WHERE id IN (SELECT id FROM people WHERE id > 2000 LIMIT 30 FOR UPDATE SKIP LOCKED)",
        "BEGIN; DELETE FROM people WHERE id = {0}; INSERT INTO people VALUES ({0}, '{2}', 'again'); COMMIT",
        "UPDATE visits SET day = (day + 100) % 200 WHERE person = {0}",
        "UPDATE visits_1 SET note = '{2}' WHERE person = {0}",
        "BEGIN; SELECT indelible.operator('{3}', 'the year is over'); TRUNCATE visits_0; COMMIT",
        "BEGIN; INSERT INTO people VALUES ({1}, '{2}', 'no'); ROLLBACK",
        "UPDATE people SET phone = repeat('{2}', 2000) WHERE id = {0}",
        "BEGIN; SET LOCAL ROLE clerk; UPDATE people SET ssn = '{2}' WHERE id = {0}; COMMIT",
        "COPY",
    ];

    private int _next = 1000;

    /// <summary>Begins; to be disposed of.</summary>
    public BusySessions Begin() => new BusySessions(server, database, seed, WorkAsync).Begin();

    private async Task WorkAsync(NpgsqlConnection connection, Random random)
    {
        int id = random.Next(1, 300), unused = Interlocked.Add(ref _next, 20);
        string sql = string.Format(
            CultureInfo.InvariantCulture, Work[random.Next(Work.Length)], id, unused, $"v{unused}", random.Next(2) == 0 ? "ann" : "bob");
        if (sql.StartsWith("MERGE", StringComparison.Ordinal) && connection.PostgreSqlVersion.Major < 15) return;
        if (sql == "COPY") await CopyAsync(connection, unused);
        else
        {
            await using NpgsqlCommand command = new(sql, connection);
            await command.ExecuteNonQueryAsync();
        }
        await Task.Delay(random.Next(20));
    }

    private static async Task CopyAsync(NpgsqlConnection connection, int from)
    {
        await using TextWriter rows = await connection.BeginTextImportAsync("COPY people (id, ssn, phone) FROM STDIN");
        for (int row = 0; row < 20; row++)
            await rows.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"{from + row}\tc{from}\t\\N\n"));
    }
}
