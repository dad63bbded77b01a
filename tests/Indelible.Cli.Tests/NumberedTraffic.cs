using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Testing;
using Npgsql;

namespace Indelible.Cli.Tests;

/// <summary>Sessions that change rows of <c>people</c> as fast as they may, each its own rows, and number what they write without a gap:
/// what a ledger must hold is known without a table of truth,
/// whatever it comes to. The server must stay up.</summary>
/// <param name="server">The server.</param>
/// <param name="database">The database they work in.</param>
/// <param name="seed">Of all of them.</param>
internal sealed class NumberedTraffic(PostgresServer server, string database, int seed) : IAsyncDisposable
{
    private const int Sessions = 4;
    /// <summary>Keys of a session begin at its number times this.</summary>
    private const long KeysEach = 1_000_000_000_000;
    /// <summary>About as many rows each session keeps.</summary>
    private const int RowsEach = 10_000;

    private readonly CancellationTokenSource _stop = new();
    private readonly Session[] _sessions =
        [.. Enumerable.Range(0, Sessions).Select(number => new Session(number, new Random((seed * Sessions) + number)))];
    private Task _running = Task.CompletedTask;

    /// <summary>What one session did. Its loop owns it.</summary>
    private sealed class Session(int number, Random random)
    {
        public int Number { get; } = number;
        public Random Random { get; } = random;
        /// <summary>Values written.</summary>
        public long Written { get; set; }
        public long FirstRow { get; set; } = number * KeysEach;
        public long NextRow { get; set; } = number * KeysEach;
        public long Deleted => FirstRow - (Number * KeysEach);
    }

    /// <summary>True while the sessions are to wait. Set by whoever looks after them.</summary>
    public volatile bool IsHeld;

    /// <summary>Changes committed.</summary>
    public long Changes => _sessions.Sum(session => session.Written + session.Deleted);

    /// <summary>Begins; to be disposed of.</summary>
    public NumberedTraffic Begin()
    {
        _running = Task.WhenAll(_sessions.Select(RunAsync));
        return this;
    }

    /// <summary>Ends after the transactions under way; throws if one of them failed.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_stop.IsCancellationRequested) return;
        await _stop.CancelAsync();
        await _running;
        _stop.Dispose();
    }

    /// <summary>Throws <see cref="LedgerCheckException"/> unless these are the changes that were committed:
    /// each session's values in the order written, none missing or doubled, and every deletion.</summary>
    /// <param name="entries">All entries of the ledger, read one by one.</param>
    /// <returns>Changes compared.</returns>
    public long Compare(IEnumerable<ReadOnlyMemory<byte>> entries)
    {
        long[] written = new long[Sessions], deleted = new long[Sessions], keys = new long[Sessions];
        foreach (ReadOnlyMemory<byte> bytes in entries)
        {
            if (EntryCodec.Decode(bytes, out Entry entry) != EntryFault.None || entry.Header.Code == "gap")
                throw new LedgerCheckException("an entry announces a gap, or does not decode");
            if (entry.Header.Kind != EntryKind.Change) continue;
            long key = long.Parse(entry.Header.Key!.Columns![0].Value, CultureInfo.InvariantCulture);
            int session = (int)(key / KeysEach);
            if (entry.Header.Operation == Operation.Delete)
            {
                deleted[session]++;
                keys[session] += key % KeysEach;
            }
            else
            {
                string found = System.Text.Encoding.UTF8.GetString(entry.Fields.Single(field => field.Name == "code").After.Bytes.Span),
                    expected = Value(session, ++written[session]);
                if (found != expected) throw new LedgerCheckException($"session {session} wrote {expected} next, sealed is {found}");
            }
        }
        foreach (Session session in _sessions)
        {
            // Rows are deleted from the oldest on: as many keys, of this sum.
            long of = session.Deleted, sum = of * (of - 1) / 2;
            (long, long, long) committed = (session.Written, of, sum),
                found = (written[session.Number], deleted[session.Number], keys[session.Number]);
            if (committed != found)
            {
                throw new LedgerCheckException(
                    $"session {session.Number} committed {committed} values, deletions and keys deleted, sealed are {found}");
            }
        }
        return written.Sum() + deleted.Sum();
    }

    private static string Value(int session, long number) => string.Create(CultureInfo.InvariantCulture, $"{session}:{number}");

    private async Task RunAsync(Session session)
    {
        await using NpgsqlConnection connection = await server.ConnectAsync(database);
        while (!_stop.IsCancellationRequested)
        {
            if (IsHeld) await Task.Delay(20);
            else await ChangeAsync(connection, session);
        }
    }

    private static Task ChangeAsync(NpgsqlConnection connection, Session session)
    {
        long rows = session.NextRow - session.FirstRow;
        int what = session.Random.Next(100), count = what % 50 == 0 ? 2000 : session.Random.Next(1, 20);
        if (rows < RowsEach / 2 || (what < 20 && rows < RowsEach)) return InsertAsync(connection, session, count);
        if (what < 20) return DeleteAsync(connection, session, count);
        return UpdateAsync(connection, session, what < 60 ? 1 : count);
    }

    private static async Task InsertAsync(NpgsqlConnection connection, Session session, int count)
    {
        await using NpgsqlCommand command = new(string.Create(CultureInfo.InvariantCulture,
            $"INSERT INTO people SELECT {session.NextRow} + n, md5(n::text), '{session.Number}:' || {session.Written + 1} + n FROM "
                + $"generate_series(0, {count - 1}) n"), connection);
        await command.ExecuteNonQueryAsync();
        (session.NextRow, session.Written) = (session.NextRow + count, session.Written + count);
    }

    private static async Task DeleteAsync(NpgsqlConnection connection, Session session, int count)
    {
        await using NpgsqlCommand command = new(
            string.Create(CultureInfo.InvariantCulture,
                $"DELETE FROM people WHERE id BETWEEN {session.FirstRow} AND {session.FirstRow + count - 1}"), connection);
        await command.ExecuteNonQueryAsync();
        session.FirstRow += count;
    }

    /// <summary>One transaction of as many statements, each of one row.</summary>
    private static async Task UpdateAsync(NpgsqlConnection connection, Session session, int count)
    {
        await using NpgsqlBatch batch = new(connection);
        for (int i = 1; i <= count; i++)
        {
            long id = session.FirstRow + session.Random.NextInt64(session.NextRow - session.FirstRow);
            batch.BatchCommands.Add(
                new NpgsqlBatchCommand(
                    string.Create(CultureInfo.InvariantCulture,
                        $"UPDATE people SET ssn = 's{session.Random.Next()}', "
                            + $"code = '{session.Number}:{session.Written + i}' WHERE id = {id}")));
        }
        await batch.ExecuteNonQueryAsync();
        session.Written += count;
    }
}
