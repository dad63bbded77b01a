using Indelible.Format;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Watches who logs in, by asking <c>pg_stat_activity</c> at an interval: the one place where SET SESSION AUTHORIZATION cannot lie.</summary>
public static class SessionPoll
{
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);
    // A session is listed a moment after its start time is taken.
    private static readonly TimeSpan Overlap = TimeSpan.FromSeconds(5);

    /// <summary>Feeds the table until cancelled; fails when the source does.</summary>
    public static async Task RunAsync(SourceConnection source, SessionTable sessions, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        CaptureLog.SessionPollStarted(logger, Interval.TotalMilliseconds);
        DateTime seen = DateTime.UnixEpoch;
        while (true)
        {
            seen = await PollAsync(connection, sessions, seen, cancellationToken);
            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    private static async Task<DateTime> PollAsync(NpgsqlConnection connection, SessionTable sessions, DateTime seen, CancellationToken cancellationToken)
    {
        DateTime newest = seen;
        await using var command = new NpgsqlCommand(SqlFile.Read("sessions"), connection);
        command.Parameters.Add(new NpgsqlParameter { Value = seen == DateTime.UnixEpoch ? seen : seen - Overlap, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.TimestampTz });
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            DateTime start = reader.GetDateTime(1);
            sessions.Record(reader.GetInt32(0), MicroTime.From(new DateTimeOffset(start)), reader.GetString(2));
            if (start > newest) newest = start;
        }
        return newest;
    }
}
