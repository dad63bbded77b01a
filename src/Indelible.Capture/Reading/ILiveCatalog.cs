using Indelible.Capture.Relations;
using Indelible.Capture.Slots;
using Indelible.Format;

namespace Indelible.Capture.Reading;

/// <summary>Questions to the live database while streaming. Owned by the capture loop.</summary>
/// <remarks>Two forms: <see cref="LiveCatalog"/>, and the simulation's. docs/decisions/0022-a-wire-to-simulate.md.</remarks>
internal interface ILiveCatalog
{
    /// <summary>The catalog now, and whether a relation outside the protected ones is published for others.</summary>
    Task<(Catalog Now, bool IsOthers)> ReadAsync(uint oid, CancellationToken cancellationToken);

    /// <summary>The slot now; null if there is none.</summary>
    Task<SlotState?> SlotAsync(CancellationToken cancellationToken);

    /// <summary>Writes a message into the log if it has run ahead of what was received. A role that may not is noted once.</summary>
    Task HeartbeatAsync(Lsn received, CancellationToken cancellationToken);
}
