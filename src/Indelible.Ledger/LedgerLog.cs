using Microsoft.Extensions.Logging;

namespace Indelible.Ledger;

/// <summary>What the writer logs. Ids 2000–2099.</summary>
internal static partial class LedgerLog
{
    [LoggerMessage(2000, LogLevel.Information, "Opened {Origin}: {TreeSize} entries, {Replayed} of them from the journal, {Marks} sources")]
    public static partial void Opened(ILogger logger, string origin, long treeSize, long replayed, int marks);

    [LoggerMessage(2001, LogLevel.Debug, "Sealed {Entries} entries to size {TreeSize}, {ElapsedMs} ms")]
    public static partial void Sealed(ILogger logger, long entries, long treeSize, long elapsedMs);

    [LoggerMessage(2002, LogLevel.Debug, "Published {Entries} entries to size {TreeSize}, {ElapsedMs} ms")]
    public static partial void Published(ILogger logger, long entries, long treeSize, long elapsedMs);

    [LoggerMessage(2003, LogLevel.Warning,
        "Dropped a journal record that was never acknowledged: {Path} from byte {Offset}, {Length} bytes")]
    public static partial void TornTail(ILogger logger, string path, long offset, long length);

    [LoggerMessage(2004, LogLevel.Warning, "The journal was gone; {Marks} positions were derived from {TreeSize} entries")]
    public static partial void JournalLost(ILogger logger, int marks, long treeSize);

    [LoggerMessage(2005, LogLevel.Warning, "Nothing was here: begun where {Store} ends, at size {TreeSize}")]
    public static partial void TakenOver(ILogger logger, string store, long treeSize);

    [LoggerMessage(2006, LogLevel.Information, "The ledger moves from its directory to {Store}")]
    public static partial void StoreBegun(ILogger logger, string store);
}
