using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>How one receiver of alerts stands.</summary>
public sealed record AlertTargetStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>What it is.</summary>
    public required AlertTargetKind Kind { get; init; }
    /// <summary>It was told everything before this entry.</summary>
    public required long DeliveredTo { get; init; }
    /// <summary>Entries published.</summary>
    public required long Published { get; init; }
    /// <summary>When it last took an alert; null if not since the process started.</summary>
    public MicroTime? LastDelivered { get; init; }
    /// <summary>Why it does not take what it is to be told; null if it does.</summary>
    public string? Problem { get; init; }
    /// <summary>The last failure, also if it is over; null if there was none since the process started.</summary>
    public SourceError? LastError { get; init; }

    /// <summary>Published entries that were not looked at for it yet.</summary>
    public long Pending => Math.Max(0, Published - DeliveredTo);

    /// <summary>Of a ledger that no process runs: what it was told, by the cursor it left.</summary>
    internal static AlertTargetStatus Of(string name, AlertTargetKind kind, LedgerView view)
    {
        long size = view.Reader.ReadCheckpoint().Size;
        return new AlertTargetStatus { Name = name, Kind = kind, Published = size,
            DeliveredTo = Math.Min(size, new AlertCursor(view.Paths.Journal, name).Read(view.Origin, out _)) };
    }
}
