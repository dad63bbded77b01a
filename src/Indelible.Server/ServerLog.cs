using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>What the process logs; ids 5000 to 5999. Ids, sizes, positions and durations; never a captured value or a key.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(5001, LogLevel.Information, "Ledger {Origin} opened at size {TreeSize}, published {PublishedSize}")]
    public static partial void Opened(ILogger logger, string origin, long treeSize, long publishedSize);

    [LoggerMessage(5002, LogLevel.Information, "Listening on {Address}")]
    public static partial void Listening(ILogger logger, string address);

    [LoggerMessage(5003, LogLevel.Information, "Stopped at size {TreeSize}, all of it published")]
    public static partial void Stopped(ILogger logger, long treeSize);

    [LoggerMessage(5010, LogLevel.Information, "Source {Source}: capturing {Tables} tables, resuming at {Position}")]
    public static partial void Capturing(ILogger logger, string source, int tables, string position);

    [LoggerMessage(5011, LogLevel.Warning, "Source {Source}: attempt {Attempt} failed, next in {DelayMs} ms: {Reason}")]
    public static partial void Retrying(ILogger logger, string source, int attempt, long delayMs, string reason);

    [LoggerMessage(5012, LogLevel.Error, "Source {Source}: stopped: {Reason}")]
    public static partial void SourceStopped(ILogger logger, string source, string reason);

    [LoggerMessage(5013, LogLevel.Error,
        "Source {Source}: gap from {From} to {To}: {Reason} Sealed; the tables are compared, and what differs is sealed as found")]
    public static partial void Gap(ILogger logger, string source, string from, string to, string reason);

    [LoggerMessage(5014, LogLevel.Information, "Source {Source}: baseline of {Rows} rows sealed")]
    public static partial void BaselineSealed(ILogger logger, string source, long rows);

    [LoggerMessage(5022, LogLevel.Information,
        "Source {Source}: {Table} is whole again after a gap: {Rows} rows compared, {Found} found otherwise than sealed")]
    public static partial void GapSettled(ILogger logger, string source, string table, long rows, long found);

    [LoggerMessage(5023, LogLevel.Warning,
        "Source {Source}: {Table} could not be compared after a gap, which stays open; tried again: {Reason}")]
    public static partial void GapNotSettled(ILogger logger, string source, string table, string reason);

    [LoggerMessage(5015, LogLevel.Error, "Source {Source}: {Reason}. Passed; the gap is sealed, and what differs is found")]
    public static partial void Undeliverable(ILogger logger, string source, string reason);

    [LoggerMessage(EventId = 5016,
        Message = "Source {Source}: {What}: expected {Expected}, found {Found}. Sealed; `indelible doctor` says how to mend it")]
    public static partial void NotAsProtected(ILogger logger, LogLevel level, string source, string what, string expected, string found);

    [LoggerMessage(5017, LogLevel.Warning, "Source {Source}: the catalog could not be compared this time: {Reason}")]
    public static partial void CatalogUnread(ILogger logger, string source, string reason);

    [LoggerMessage(5018, LogLevel.Error,
        "Source {Source}: {Count} changes do not follow from what the ledger holds, the first in {Table} at {Position}: {What}. "
            + "Sealed as guard entries")]
    public static partial void ContinuityBroken(ILogger logger, string source, long count, string table, string position, string what);

    [LoggerMessage(5019, LogLevel.Information, "Source {Source}: row images caught up with {Entries} entries, {ElapsedMs} ms")]
    public static partial void RowImagesCaughtUp(ILogger logger, string source, long entries, long elapsedMs);

    [LoggerMessage(5021, LogLevel.Warning, "Source {Source}: sessions are not watched, so login roles are unknown: {Reason}")]
    public static partial void SessionsUnwatched(ILogger logger, string source, string reason);

    [LoggerMessage(5020, LogLevel.Information, "Index caught up from {From} to {To}")]
    public static partial void IndexCaughtUp(ILogger logger, long from, long to);

    [LoggerMessage(5028, LogLevel.Information, "Indexed {Indexed} of {Size} entries")]
    public static partial void IndexCatchingUp(ILogger logger, long indexed, long size);

    [LoggerMessage(5025, LogLevel.Warning, "Making the index again from the ledger: {Reason}")]
    public static partial void IndexDamaged(ILogger logger, string reason);

    [LoggerMessage(5026, LogLevel.Error, "{Reason}")]
    public static partial void IndexUnwritable(ILogger logger, string reason);

    [LoggerMessage(5027, LogLevel.Error,
        "Source {Source}: changes are not held against the values before them until the index can be written again; "
            + "crosscheck would find what is missed. {Reason}")]
    public static partial void ContinuitySuspended(ILogger logger, string source, string reason);

    [LoggerMessage(5041, LogLevel.Critical, "The ledger does not verify, {File}, entry {Entry}: {What}")]
    public static partial void VerificationFailed(ILogger logger, string file, long entry, string what);

    [LoggerMessage(5044, LogLevel.Warning,
        "How far {Target} was told is not known: {Fault}. It is told everything again from the ledger's first entry on, "
            + "what is alike together")]
    public static partial void AlertsAnew(ILogger logger, string target, string fault);

    [LoggerMessage(5040, LogLevel.Error, "Alerts for {Target} are not delivered and are tried again: {Reason}")]
    public static partial void AlertNotDelivered(ILogger logger, string target, string reason);

    [LoggerMessage(5060, LogLevel.Information, "Copy {Target} at {Place} holds {Size} entries")]
    public static partial void CopyOpened(ILogger logger, string target, string place, long size);

    [LoggerMessage(5061, LogLevel.Error, "Copy {Target} is not written and is tried again: {Reason}")]
    public static partial void CopyFailed(ILogger logger, string target, string reason);

    [LoggerMessage(5050, LogLevel.Information, "Source {Source}: crosscheck of {Rows} rows found no difference; sealed as entry {Entry}")]
    public static partial void Crosschecked(ILogger logger, string source, long rows, long entry);

    [LoggerMessage(5051, LogLevel.Error,
        "Source {Source}: crosscheck found {Differences} differences, {NotCovered} tables are not covered; sealed as entry {Entry}")]
    public static partial void CrosscheckFound(ILogger logger, string source, long differences, int notCovered, long entry);

    [LoggerMessage(5052, LogLevel.Warning, "Source {Source}: the crosscheck that was due failed, and is tried again later: {Reason}")]
    public static partial void CrosscheckFailed(ILogger logger, string source, string reason);

    [LoggerMessage(5030, LogLevel.Error, "A command from the control socket failed in a way nobody foresaw; sealing goes on")]
    public static partial void ControlCommandFailed(ILogger logger, Exception exception);

    [LoggerMessage(5031, LogLevel.Debug, "Control call ended early: {Reason}")]
    public static partial void ControlCallEnded(ILogger logger, string reason);
}
