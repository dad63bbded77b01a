using System.Collections.Concurrent;
using System.Diagnostics;
using Indelible.Format;
using Npgsql;

namespace Indelible.Bench;

/// <summary>Commits at a fixed rate from several sessions and watches the slot's confirmed position pass each commit: sealed, and PostgreSQL told so.</summary>
/// <remarks>An upper bound of commit-to-sealed: it includes the way back to PostgreSQL, a millisecond of polling, and log written by others meanwhile.</remarks>
internal sealed class LatencySamples(Source source, int rows)
{
    private const int Sessions = 4;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly ConcurrentQueue<(Lsn Position, long Committed)> _pending = new();

    /// <summary>Milliseconds from each commit's answer to the client until it is confirmed. Transactions that could not be started in time are started late, never left out.</summary>
    public async Task<IReadOnlyList<double>> MeasureAsync(int perSecond, int seconds, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<List<double>> watching = WatchAsync(perSecond * seconds, done.Token);
        await Task.WhenAll(Enumerable.Range(0, Sessions).Select(session => CommitAsync(session, perSecond, seconds, cancellationToken)));
        done.CancelAfter(Patience);
        return await watching;
    }

    private async Task CommitAsync(int session, int perSecond, int seconds, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        await using var update = new NpgsqlCommand("UPDATE customers SET balance = balance + 1, phone = phone || '1' WHERE id = $1", connection);
        await using var position = new NpgsqlCommand("SELECT pg_current_wal_insert_lsn()::text", connection);
        var id = new NpgsqlParameter<int>();
        update.Parameters.Add(id);
        await update.PrepareAsync(cancellationToken);
        await position.PrepareAsync(cancellationToken);
        long begin = Stopwatch.GetTimestamp();
        for (int i = session; i < perSecond * seconds; i += Sessions)
        {
            TimeSpan due = TimeSpan.FromSeconds(i / (double)perSecond) - Stopwatch.GetElapsedTime(begin);
            if (due > TimeSpan.FromMilliseconds(1)) await Task.Delay(due, cancellationToken);
            id.TypedValue = 1 + (int)(i * 7919L % rows);
            await update.ExecuteNonQueryAsync(cancellationToken);
            long committed = Stopwatch.GetTimestamp();
            _pending.Enqueue((Lsn.Parse((string)(await position.ExecuteScalarAsync(cancellationToken))!), committed));
        }
    }

    private async Task<List<double>> WatchAsync(int expected, CancellationToken cancellationToken)
    {
        List<double> milliseconds = new(expected);
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        await using var confirmed = new NpgsqlCommand("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", connection);
        confirmed.Parameters.Add(new NpgsqlParameter { Value = Source.Slot });
        await confirmed.PrepareAsync(cancellationToken);
        while (milliseconds.Count < expected)
        {
            Lsn now = Lsn.Parse((string)(await confirmed.ExecuteScalarAsync(cancellationToken))!);
            while (_pending.TryPeek(out (Lsn Position, long Committed) oldest) && oldest.Position <= now)
            {
                _pending.TryDequeue(out _);
                milliseconds.Add(Stopwatch.GetElapsedTime(oldest.Committed).TotalMilliseconds);
            }
            await Task.Delay(1, cancellationToken);
        }
        return milliseconds;
    }
}
