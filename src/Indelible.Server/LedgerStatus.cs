using Indelible.Format.Notes;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Witnessing;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;

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
    /// <summary>Origin of the ledger that goes on, if this one is closed; else null.</summary>
    public string? Successor { get; init; }
    /// <summary>Root of the published checkpoint, in base64.</summary>
    public required string Root { get; init; }
    /// <summary>Entries the index knows.</summary>
    public required long IndexedSize { get; init; }
    /// <summary>Why the index cannot be written; null if it can.</summary>
    public required string? IndexProblem { get; init; }
    /// <summary>How the ledger's verification of itself stands; null if no process verifies it.</summary>
    public required VerificationStatus? Verification { get; init; }
    /// <summary>How far its heads are cosigned; null if no process asks witnesses.</summary>
    public WitnessingStatus? Witnessing { get; init; }
    /// <summary>Who is told of findings, and how far.</summary>
    public required IReadOnlyList<AlertTargetStatus> Alerts { get; init; }
    /// <summary>How it stands with each time-stamp authority; empty if no process runs.</summary>
    public required IReadOnlyList<TimeStampStatus> TimeStamps { get; init; }
    /// <summary>The bucket that the ledger lives in; null if it lives in its directory.</summary>
    public TargetStatus? Store { get; init; }
    /// <summary>The configured copies.</summary>
    public required IReadOnlyList<TargetStatus> Copies { get; init; }
    /// <summary>Legal holds in force on ledgers of the chain: each is the entry that laid it.</summary>
    public required IReadOnlyList<IndexedEntry> Holds { get; init; }
    /// <summary>The configured sources.</summary>
    public required IReadOnlyList<SourceLine> Sources { get; init; }

    /// <summary>Of the running host: looking neither publishes, indexes nor connects anywhere.</summary>
    public static LedgerStatus Of(LedgerHost host)
    {
        Dictionary<string, SourceStatus> running = host.Sources.ToDictionary(source => source.Source);
        return Of(host.View) with
        {
            IsRunning = host.IsRunning,
            Address = host.Address,
            TreeSize = host.Writer.TreeSize,
            Verification = host.Verification,
            Witnessing = host.Witnessing,
            Alerts = host.AlertTargets,
            Copies = host.Copies,
            Store = host.Store,
            TimeStamps = host.TimeStamps,
            Sources = host.Writer.Successor is not null ? [] : [.. host.Config.Sources.Select(
                source => SourceLine.Of(source.Key, source.Value, running.GetValueOrDefault(source.Key), host))],
        };
    }

    /// <summary>Of a ledger that no process holds; the sources themselves are asked how far they are.</summary>
    public static async Task<LedgerStatus> OfAsync(
        LedgerView view, IndelibleConfig config, TimeProvider time, CancellationToken cancellationToken)
    {
        SourceLine[] sources = view.Reader.ReadSuccessor() is not null ? [] : await Task.WhenAll(
            config.Sources.Select(source => SourceLine.OfAsync(source.Key, source.Value, view, time, cancellationToken)));
        return Of(view) with
        {
            Sources = sources,
            Store = view.Paths.Store is not null && config.Store is { } store
                ? TargetStatus.Of(StoreConfig.Name, store.AsTarget(), view)
                : null,
            Copies = [.. config.Targets.Select(target => TargetStatus.Of(target.Key, target.Value, view))],
            Alerts = [.. AlertSenders.Names(config.Alerts).Select(target => AlertTargetStatus.Of(target.Name, target.Kind, view))],
        };
    }

    private static LedgerStatus Of(LedgerView view)
    {
        Checkpoint head = view.Published.ReadCheckpoint();
        return new LedgerStatus
        {
            Origin = head.Origin,
            IsRunning = false,
            Address = null,
            TreeSize = view.Reader.ReadCheckpoint().Size,
            PublishedSize = head.Size,
            Root = head.Root.ToString(),
            IndexedSize = view.Index.IndexedSize,
            IndexProblem = view.Feed.Problem,
            Verification = null,
            Alerts = [],
            Copies = [],
            TimeStamps = [],
            Holds = [.. LegalHolds.InForce(view).Values.OrderBy(held => held.Index)],
            Sources = [],
            Successor = view.Reader.ReadSuccessor()?.Origin,
        };
    }
}
