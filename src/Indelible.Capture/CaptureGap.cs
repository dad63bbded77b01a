using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>A stretch of the source's log that this source's ledger has not seen and can no longer see.
/// To be sealed before anything after it.</summary>
/// <param name="Code"><c>slot-missing</c>, <c>slot-lost</c>, <c>slot-ahead</c>, <c>system-changed</c>,
/// <c>timeline-changed</c> or <c>log-behind</c>.</param>
/// <param name="From">Last position known to be sealed whole; none if nothing was.</param>
/// <param name="To">Where reading can begin again; none if it cannot.</param>
/// <param name="Message">What was expected, what was found, what to do. Never a value.</param>
public sealed record CaptureGap(string Code, Lsn From, Lsn To, string Message);

/// <summary>How far a source is sealed, from the ledger's mark: where capture goes on.</summary>
/// <param name="Last">Position of the last change that was sealed; commit LSN none if there was none.</param>
/// <param name="Confirmable">Everything up to here is sealed.</param>
/// <param name="Timeline">The cluster's timeline at that time; 0 if not known.</param>
public sealed record ResumePoint(Position Last, Lsn Confirmable, uint Timeline = 0);

/// <summary>Which cluster the source is.</summary>
/// <param name="SystemId">The cluster's system identifier.</param>
/// <param name="Timeline">Its timeline; from 1.</param>
/// <param name="VersionNumber">server_version_num, such as 150006.</param>
/// <param name="FlushedTo">End of the durable log when capture was opened.</param>
public sealed record SourceIdentity(ulong SystemId, uint Timeline, int VersionNumber, Lsn FlushedTo);
