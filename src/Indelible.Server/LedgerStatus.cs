using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>How a ledger and its sources stand.</summary>
public sealed record LedgerStatus
{
    /// <summary>The ledger's origin.</summary>
    public required string Origin { get; init; }
    /// <summary>True if a process captures into it.</summary>
    public required bool IsRunning { get; init; }
    /// <summary>Its HTTP address; null if it does not run.</summary>
    public required string? Address { get; init; }
    /// <summary>Entries sealed; the published size if no process holds the ledger.</summary>
    public required long TreeSize { get; init; }
    /// <summary>Entries under the published checkpoint.</summary>
    public required long PublishedSize { get; init; }
    /// <summary>Root of the published checkpoint, in base64.</summary>
    public required string Root { get; init; }
    /// <summary>Entries the index knows.</summary>
    public required long IndexedSize { get; init; }
    /// <summary>The configured sources.</summary>
    public required IReadOnlyList<SourceLine> Sources { get; init; }

    /// <summary>One configured source.</summary>
    /// <param name="Name">Its short name.</param>
    /// <param name="State">As in <see cref="SourceStatus"/>; <c>not running</c> if no process captures.</param>
    /// <param name="Tables">Protected tables.</param>
    /// <param name="Columns">Protected columns.</param>
    /// <param name="Sealed">Everything up to here is sealed; none if not known.</param>
    /// <param name="LagBytes">Log not yet sealed; null if not known.</param>
    /// <param name="CoveredTo">End of the newest coverage entry; none if there is none.</param>
    /// <param name="Slot">Replication slot.</param>
    /// <param name="Changes">Changes sealed since the process started.</param>
    /// <param name="Problem">Why it does not capture; null if it does.</param>
    /// <param name="LastGap">The newest gap among its newest <see cref="GuardsSeen"/> guard entries, in words; null if there is none.</param>
    public sealed record SourceLine(
        string Name, string State, int Tables, int Columns, Lsn Sealed, long? LagBytes, Lsn CoveredTo, string Slot, long Changes, string? Problem, string? LastGap);

    /// <summary>Guard entries looked at for a gap: status is quick.</summary>
    private const int GuardsSeen = 1000;

    /// <summary>Of the running host.</summary>
    public static LedgerStatus Of(LedgerHost host)
    {
        Dictionary<string, SourceStatus> running = host.Sources.ToDictionary(source => source.Source);
        return Of(host.View, host.Config) with
        {
            IsRunning = host.IsRunning,
            Address = host.Address,
            TreeSize = host.Writer.TreeSize,
            Sources = [.. host.Config.Sources.Select(source => Line(source, running.GetValueOrDefault(source.Key), host.View, host.Writer.MarkOf(source.Key)))],
        };
    }

    /// <summary>Of a ledger that no process holds.</summary>
    public static LedgerStatus Of(LedgerView view, IndelibleConfig config)
    {
        Checkpoint head = view.Reader.ReadCheckpoint();
        return new LedgerStatus
        {
            Origin = head.Origin,
            IsRunning = false,
            Address = null,
            TreeSize = head.Size,
            PublishedSize = head.Size,
            Root = head.Root.ToString(),
            IndexedSize = view.Index.IndexedSize,
            Sources = [.. config.Sources.Select(source => Line(source, null, view, null))],
        };
    }

    private static SourceLine Line(KeyValuePair<string, SourceConfig> source, SourceStatus? running, LedgerView view, SourceMark? mark)
    {
        Protection protection = source.Value.Protection;
        Lsn sealedTo = running is { } live && live.Sealed > Lsn.None ? live.Sealed : mark?.Confirmable ?? Lsn.None;
        return new SourceLine(
            source.Key,
            running?.State ?? "not running",
            protection.Tables.Count,
            protection.Tables.Sum(table => table.Columns.Count),
            sealedTo,
            running?.LagBytes,
            CoverageLog.Newest(view, source.Key)?.To ?? Lsn.None,
            protection.Slot,
            running?.Changes ?? 0,
            running?.Problem,
            LastGap(view, source.Key));
    }

    private static string? LastGap(LedgerView view, string source) =>
        view.NewestFirst(source, EntryKind.Guard).Take(GuardsSeen).FirstOrDefault(header => header.Code == GuardCode.Gap) is { Facts: { } facts } gap
            ? $"{facts.GetValueOrDefault("reason")} {facts.GetValueOrDefault("from")} – {facts.GetValueOrDefault("to")}, sealed {gap.SealedAt}"
            : null;
}
