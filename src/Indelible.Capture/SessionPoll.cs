using Indelible.Format;
using Microsoft.Extensions.Logging;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Watches who logs in, by asking <c>pg_stat_activity</c> at an interval:
/// the one place where SET SESSION AUTHORIZATION cannot lie.</summary>
/// <remarks>A session that begins and ends between two looks is never seen: its login role stays unknown.</remarks>
public static class SessionPoll
{
    /// <summary>Sessions that a server can have (MAX_BACKENDS, postmaster/postmaster.h).</summary>
    private const int SessionsMax = (1 << 18) - 1;
    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(250);

    /// <summary>Feeds the table, and tells how far the source's log is flushed, until cancelled; fails when the source does.</summary>
    public static async Task RunAsync(
        SourceConnection source, SessionTable sessions, Action<Lsn> logEnd, TimeProvider time, ILogger logger,
        CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
        CaptureLog.SessionPollStarted(logger, Interval.TotalMilliseconds);
        while (true)
        {
            logEnd(await PollAsync(connection, sessions, cancellationToken));
            await Task.Delay(Interval, time, cancellationToken);
        }
    }

    private static async Task<Lsn> PollAsync(NpgsqlConnection connection, SessionTable sessions, CancellationToken cancellationToken)
    {
        List<(int, MicroTime, string)> seen = [];
        MicroTime at = default;
        Lsn end = Lsn.None;
        await using var command = new NpgsqlCommand(SqlFile.Read("sessions"), connection);
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            if (seen.Count == SessionsMax) throw new NpgsqlException($"expected at most {SessionsMax} sessions, found more");
            at = TimeOf(reader, 3);
            end = Lsn.Parse(reader.GetString(4));
            seen.Add((reader.GetInt32(0), TimeOf(reader, 1), reader.GetString(2)));
        }
        sessions.Saw(seen, at);
        return end;
    }

    private static MicroTime TimeOf(NpgsqlDataReader reader, int column) => MicroTime.From(new DateTimeOffset(reader.GetDateTime(column)));
}
