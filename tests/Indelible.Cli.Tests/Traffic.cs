using System.Globalization;
using Indelible.Testing;
using Npgsql;

namespace Indelible.Cli.Tests;

/// <summary>Sessions that change rows of <c>people</c> in many ways, in and out of turn, until stopped.
/// They come back when the server does.</summary>
internal sealed class Traffic(PostgresServer server, string database, int seed)
{
    private int _next = 1000;

    /// <summary>Begins; to be disposed of.</summary>
    public BusySessions Begin() => new BusySessions(server, database, seed, ChangeAsync).Begin();

    private async Task ChangeAsync(NpgsqlConnection connection, Random random)
    {
        int id = random.Next(1, 50), from = Interlocked.Add(ref _next, 20), count = random.Next(50) == 0 ? 6000 : 20;
        if (count > 20) from = Interlocked.Add(ref _next, count) - count;
        string value = string.Create(CultureInfo.InvariantCulture, $"v{from}");
        string sql = random.Next(8) switch
        {
            0 or 1 => $"UPDATE people SET ssn = '{value}', code = '{value}' WHERE id = {id}",
            2 => $"INSERT INTO people SELECT n, '{value}', '{value}' FROM generate_series({from}, {from + count - 1}) n",
            3 => $"UPDATE people SET id = {from}, code = NULL, ssn = NULL WHERE id = (SELECT max(id) FROM people)",
            4 => $"DELETE FROM people WHERE id IN (SELECT id FROM people WHERE id > 100 LIMIT {count} FOR UPDATE SKIP LOCKED)",
            5 => $"BEGIN; UPDATE people SET code = '{value}a', ssn = '{value}a' WHERE id = {id}; SAVEPOINT s; "
                + "DELETE FROM people WHERE id < 60; ROLLBACK TO s; "
                + $"UPDATE people SET code = '{value}b', ssn = '{value}b' WHERE id = {id}; "
                + $"UPDATE people SET note = 'unprotected' WHERE id = {id}; COMMIT",
            // a key used again
            6 => $"DELETE FROM people WHERE id = {50 + id}; UPDATE people SET id = {50 + id}, code = NULL, "
                + "ssn = NULL WHERE id = (SELECT max(id) FROM people)",
            _ => $"BEGIN; INSERT INTO people VALUES ({from}, '{value}', '{value}'); ROLLBACK",
        };
        await using NpgsqlCommand command = new(sql, connection);
        await command.ExecuteNonQueryAsync();
        await Task.Delay(random.Next(25));
    }
}
