using System.Collections.Concurrent;
using System.Diagnostics;
using Indelible.Format;
using Npgsql;

namespace Indelible.Bench;

/// <summary>Commits at a fixed rate and watches the slot's confirmed position pass each commit: sealed, and PostgreSQL told so. An upper bound of commit-to-sealed.</summary>
internal sealed class LatencySamples(string connectionString, string slot)
{
    private readonly ConcurrentQueue<(Lsn Position, long Committed)> pending = new();

    /// <summary>Milliseconds of each transaction.</summary>
    public async Task<double[]> MeasureAsync(int perSecond, int seconds, int rows, CancellationToken cancellationToken)
    {
        using var done = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<List<double>> watching = WatchAsync(perSecond * seconds, done.Token);
        await CommitAsync(perSecond, seconds, rows, cancellationToken);
        done.CancelAfter(TimeSpan.FromSeconds(10));
        return [.. await watching];
    }

    private async Task CommitAsync(int perSecond, int seconds, int rows, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        await using var update = new NpgsqlCommand("UPDATE customers SET balance = balance + 1 WHERE id = $1", connection);
        update.Parameters.Add(new NpgsqlParameter<int> { TypedValue = 1 });
        await using var position = new NpgsqlCommand("SELECT pg_current_wal_insert_lsn()::text", connection);
        long begin = Stopwatch.GetTimestamp();
        for (int i = 0; i < perSecond * seconds; i++)
        {
            TimeSpan due = TimeSpan.FromSeconds(i / (double)perSecond) - Stopwatch.GetElapsedTime(begin);
            if (due > TimeSpan.FromMilliseconds(1)) await Task.Delay(due, cancellationToken);
            ((NpgsqlParameter<int>)update.Parameters[0]).TypedValue = 1 + (i * 7919 % rows);
            await update.ExecuteNonQueryAsync(cancellationToken);
            long committed = Stopwatch.GetTimestamp();
            pending.Enqueue((Lsn.Parse((string)(await position.ExecuteScalarAsync(cancellationToken))!), committed));
        }
    }

    private async Task<List<double>> WatchAsync(int expected, CancellationToken cancellationToken)
    {
        List<double> milliseconds = new(expected);
        await using NpgsqlConnection connection = await OpenAsync(cancellationToken);
        await using var confirmed = new NpgsqlCommand("SELECT confirmed_flush_lsn::text FROM pg_replication_slots WHERE slot_name = $1", connection);
        confirmed.Parameters.Add(new NpgsqlParameter { Value = slot });
        while (milliseconds.Count < expected)
        {
            Lsn now = Lsn.Parse((string)(await confirmed.ExecuteScalarAsync(cancellationToken))!);
            while (pending.TryPeek(out (Lsn Position, long Committed) oldest) && oldest.Position <= now)
            {
                pending.TryDequeue(out _);
                milliseconds.Add(Stopwatch.GetElapsedTime(oldest.Committed).TotalMilliseconds);
            }
            await Task.Delay(1, cancellationToken);
        }
        return milliseconds;
    }

    private async Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken)
    {
        var connection = new NpgsqlConnection(connectionString + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        return connection;
    }
}
