using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Capture;

/// <summary>Log lines of capture; ids 1000–1999, never reused. Positions, counts, names of relations; never a value.</summary>
internal static partial class CaptureLog
{
    [LoggerMessage(1001, LogLevel.Information, "Reading slot {Slot} of {Source} after {After}, server {Version}, timeline {Timeline}")]
    public static partial void Reading(ILogger logger, string slot, string source, Lsn after, int version, uint timeline);

    [LoggerMessage(1002, LogLevel.Information, "Relation {Oid} changed its shape; mapped from the catalog")]
    public static partial void Mapped(ILogger logger, uint oid);

    [LoggerMessage(1003, LogLevel.Warning,
        "Relation {Oid} {Schema}.{Name} matches neither what was known nor the catalog: "
            + "all its columns are treated as protected until it does")]
    public static partial void Unclear(ILogger logger, uint oid, string schema, string name);

    [LoggerMessage(1004, LogLevel.Debug, "Nothing arrived since {Received} while the log grew: heartbeat written")]
    public static partial void Heartbeat(ILogger logger, Lsn received);

    [LoggerMessage(1005, LogLevel.Warning, "Heartbeats are not possible here: {Reason}. WAL may pile up while the source is idle")]
    public static partial void NoHeartbeat(ILogger logger, string reason);

    [LoggerMessage(1006, LogLevel.Warning, "Slot {Slot} of {Source} made again; it begins at {Start}")]
    public static partial void SlotMade(ILogger logger, string slot, string source, Lsn start);

    [LoggerMessage(1101, LogLevel.Debug, "Watching sessions every {IntervalMs} ms")]
    public static partial void SessionPollStarted(ILogger logger, double intervalMs);
}
