using Indelible.Format;

namespace Indelible.Server.Comparing;

/// <summary>How far the ledger has come: it is captured here, or it is somebody else's and its copy grows.</summary>
internal interface ILedgerReach
{
    /// <summary>Waits until all that was committed up to a position is sealed, and found by queries and in the row images.</summary>
    /// <returns>Null; or why the ledger does not get there, in words.</returns>
    Task<string?> ReachAsync(Lsn position, CancellationToken cancellationToken);
}
