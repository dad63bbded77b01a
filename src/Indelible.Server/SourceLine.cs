using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>How one configured source stands.</summary>
public sealed record SourceLine
{
    /// <summary>Its short name.</summary>
    public required string Name { get; init; }
    /// <summary>As in <see cref="SourceStatus"/>; <c>not running</c> if no process captures.</summary>
    public required string State { get; init; }
    /// <summary>Protected tables.</summary>
    public required int Tables { get; init; }
    /// <summary>Protected columns.</summary>
    public required int Columns { get; init; }
    /// <summary>Replication slot.</summary>
    public required string Slot { get; init; }
    /// <summary>Everything up to here is sealed; none if not known.</summary>
    public required Lsn Sealed { get; init; }
    /// <summary>End of the source's log as the server says; none if it does not.</summary>
    public required Lsn LogEnd { get; init; }
    /// <summary>How long ago everything in the log was last known to be sealed; null if not known.</summary>
    public required TimeSpan? Lag { get; init; }
    /// <summary>When the source last said anything to the process that captures; null if there is none, or it never did.</summary>
    public required MicroTime? LastHeard { get; init; }
    /// <summary>End of the newest coverage entry; none if there is none.</summary>
    public required Lsn CoveredTo { get; init; }
    /// <summary>The newest gap, also if it is closed, in words; null if there is none among the newest guard entries.</summary>
    public required string? LastGap { get; init; }
    /// <summary>Gaps that no baseline has followed yet.</summary>
    public required IReadOnlyList<EntryHeader> OpenGaps { get; init; }
    /// <summary>The newest crosscheck that left nothing out; null if there is none among the newest guard entries.</summary>
    public required EntryHeader? LastCrosscheck { get; init; }
    /// <summary>Changes sealed since the process started.</summary>
    public required long Changes { get; init; }
    /// <summary>Why it does not capture, or cannot go on; null if there is no reason.</summary>
    public required string? Problem { get; init; }
    /// <summary>The last problem, also if it is over; null if there was none since the process started.</summary>
    public required SourceError? LastError { get; init; }

    /// <summary>Log not yet sealed, in bytes; null if not known.</summary>
    public long? LagBytes => Sealed == Lsn.None || LogEnd == Lsn.None ? null : LogEnd > Sealed ? (long)(LogEnd.Bytes - Sealed.Bytes) : 0;

    internal static SourceLine Of(string name, SourceConfig config, SourceStatus? running, LedgerHost host)
    {
        SourceLine line = Of(name, config, host.View, out _) with { Sealed = host.Writer.MarkOf(name)?.Confirmable ?? Lsn.None };
        if (running is null) return line;
        return line with
        {
            State = running.State,
            Sealed = running.Sealed > Lsn.None ? running.Sealed : line.Sealed,
            LogEnd = running.ServerEnd,
            Lag = running.Lag,
            LastHeard = running.LastHeard,
            Changes = running.Changes,
            Problem = running.Problem,
            LastError = running.LastError,
        };
    }

    /// <summary>Without a process that captures: what waits to be sealed has waited since the newest coverage entry, at most.</summary>
    internal static async Task<SourceLine> OfAsync(
        string name, SourceConfig config, LedgerView view, TimeProvider time, CancellationToken cancellationToken)
    {
        SourceLine line = Of(name, config, view, out MicroTime? coveredAt);
        MicroTime now = MicroTime.From(time.GetUtcNow());
        try
        {
            SourceStanding standing = await SourceStanding.ReadAsync(SourceConnections.Of(config), line.Slot, cancellationToken);
            line = line with { Sealed = standing.Confirmed, LogEnd = standing.LogEnd, Problem = standing.SlotFault };
            if (line.LagBytes == 0) return line with { Lag = TimeSpan.Zero };
            return line with { Lag = coveredAt is { } at ? TimeSpan.FromMicroseconds(now.Micros - at.Micros) : null };
        }
        catch (Exception e) when (e is IndelibleException or IOException)
        {
            return line with { LastError = new SourceError(now, e.Message) };
        }
    }

    private static SourceLine Of(string name, SourceConfig config, LedgerView view, out MicroTime? coveredAt)
    {
        EntryHeader? covered = view.NewestFirst(name, EntryKind.Coverage).FirstOrDefault();
        coveredAt = covered?.SealedAt;
        return new SourceLine
        {
            Name = name,
            State = "not running",
            Tables = config.Protection.Tables.Count,
            Columns = config.Protection.Tables.Sum(table => table.Columns.Count),
            Slot = config.Protection.Slot,
            Sealed = Lsn.None,
            LogEnd = Lsn.None,
            Lag = null,
            LastHeard = null,
            CoveredTo = covered?.Coverage?.To ?? Lsn.None,
            LastGap = Gaps.Newest(view, name),
            OpenGaps = Gaps.Open(view, name, config.Protection),
            LastCrosscheck = Server.LastCrosscheck.Of(view, name),
            Changes = 0,
            Problem = null,
            LastError = null,
        };
    }
}
