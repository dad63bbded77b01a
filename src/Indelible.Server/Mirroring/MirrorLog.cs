using Microsoft.Extensions.Logging;

namespace Indelible.Server.Mirroring;

/// <summary>What mirrors and witnesses log; ids 6000 to 6099.</summary>
internal static partial class MirrorLog
{
    [LoggerMessage(6000, LogLevel.Information, "Ledger {Ledger}: {Entries} entries stored, copy complete up to {Head}, {ElapsedMs} ms")]
    public static partial void Stored(ILogger logger, string ledger, long entries, string head, long elapsedMs);

    [LoggerMessage(6001, LogLevel.Warning, "Ledger {Ledger}: {Reason}; tried again in {DelayMs} ms")]
    public static partial void Failed(ILogger logger, string ledger, string reason, long delayMs);

    [LoggerMessage(6002, LogLevel.Warning, "Ledger {Ledger}: {Reason}")]
    public static partial void RolledBack(ILogger logger, string ledger, string reason);

    [LoggerMessage(6003, LogLevel.Critical, "Ledger {Ledger}: {Reason}")]
    public static partial void Misbehaved(ILogger logger, string ledger, string reason);

    [LoggerMessage(6004, LogLevel.Warning, "Ledger {Ledger}: {Address} does not say which head it was shown: {Reason}")]
    public static partial void NotCompared(ILogger logger, string ledger, string address, string reason);

    [LoggerMessage(6010, LogLevel.Information, "Asked to cosign {Ledger}: {Status} {Answer}")]
    public static partial void Witnessed(ILogger logger, string ledger, int status, string answer);

    [LoggerMessage(6011, LogLevel.Error, "This witness signs nothing: {Reason}")]
    public static partial void WitnessFailing(ILogger logger, string reason);

    [LoggerMessage(6012, LogLevel.Warning, "Not cosigned: {Reason}")]
    public static partial void NotWitnessed(ILogger logger, string reason);
}
