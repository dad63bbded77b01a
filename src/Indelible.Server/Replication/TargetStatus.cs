using Indelible.Format;
using Indelible.Server.Succeeding;

namespace Indelible.Server.Replication;

/// <summary>How one copy stands.</summary>
public sealed record TargetStatus
{
    /// <summary>Its name.</summary>
    public required string Name { get; init; }
    /// <summary>What it is.</summary>
    public required TargetKind Kind { get; init; }
    /// <summary>Where it is.</summary>
    public required string Place { get; init; }
    /// <summary>Entries under its head.</summary>
    public required long Size { get; init; }
    /// <summary>Entries published here.</summary>
    public required long Published { get; init; }
    /// <summary>How long entries have been waiting to be copied, at most; zero if none wait, null if nothing runs.</summary>
    public TimeSpan? Lag { get; init; }
    /// <summary>When its head last moved, or was found to be the newest; null if never.</summary>
    public MicroTime? LastSuccess { get; init; }
    /// <summary>Why it is not written; null if it is.</summary>
    public string? Problem { get; init; }
    /// <summary>What is there that is not ours, or is missing; readers are not misled by it.</summary>
    public IReadOnlyCollection<string> Strange { get; init; } = [];
    /// <summary>The last failure, also if it is over; null if there was none since the process started.</summary>
    public SourceError? LastError { get; init; }

    /// <summary>How it stands with the storage's own legal hold; null if the ledger is under none, and none is known to lie here.</summary>
    public string? Hold { get; init; }

    /// <summary>Requests made to it since the process started: those that write, read an object, list, and others;
    /// null for a directory.</summary>
    public (long Puts, long Gets, long Lists, long Others)? Requests { get; init; }

    /// <summary>Published entries that it does not hold.</summary>
    public long LagEntries => Math.Max(0, Published - Size);

    /// <summary>How it stands with the storage's own legal hold, in words.</summary>
    /// <param name="config">The place.</param>
    /// <param name="isHeld">Whether the ledger is under a legal hold; null if that is not known.</param>
    /// <param name="isLaid">Whether the storage's hold lies on all of it.</param>
    /// <param name="problem">Why it could not be laid or lifted; null if nothing is known against it.</param>
    internal static string? HoldOf(TargetConfig config, bool? isHeld, bool isLaid, string? problem) => isHeld switch
    {
        true when config.Kind != TargetKind.S3 || config.RetentionDays is not > 0 => "CANNOT BE LAID: nothing is locked here",
        true when !isLaid => $"NOT LAID YET{(problem is null ? "" : $": {problem}")}",
        false when isLaid => $"not lifted yet{(problem is null ? "" : $": {problem}")}",
        _ => isLaid ? "laid" : null,
    };

    /// <summary>Of a ledger that no process runs: as it was left.</summary>
    internal static TargetStatus Of(string name, TargetConfig config, LedgerView view)
    {
        TargetRecord known = new TargetMemory(view.Paths.Journal, name).Read(view.Origin);
        return new TargetStatus
        {
            Name = name, Kind = config.Kind, Place = TargetStores.PlaceOf(config), Size = known.Progress.Size,
            Published = (name == StoreConfig.Name ? view.Reader : view.Published).ReadCheckpoint().Size,
            LastSuccess = known.At == default ? null : known.At,
            Hold = HoldOf(config, LegalHolds.InForce(view).ContainsKey(view.Origin), known.IsHeld, null),
        };
    }
}
