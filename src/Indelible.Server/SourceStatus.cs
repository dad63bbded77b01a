using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>How one source stands.</summary>
/// <param name="Source">Its short name.</param>
/// <param name="State"><c>connecting</c>, <c>baseline</c> (after a gap), <c>capturing</c>, <c>waiting</c> (to try again) or <c>stopped</c>.</param>
/// <param name="Sealed">Everything up to here is sealed; none before the first batch.</param>
/// <param name="ServerEnd">End of the source's log when last heard of; none if never.</param>
/// <param name="Changes">Changes sealed since the process started.</param>
/// <param name="Breaks">Changes since the process started that did not follow from what the ledger holds.</param>
/// <param name="Problem">Why it does not capture; null if it does, or is about to.</param>
public sealed record SourceStatus(string Source, string State, Lsn Sealed, Lsn ServerEnd, long Changes, long Breaks, string? Problem)
{
    /// <summary>Bytes of log not yet sealed; zero if unknown.</summary>
    public long LagBytes => ServerEnd > Sealed ? (long)(ServerEnd.Bytes - Sealed.Bytes) : 0;
}

/// <summary>What a pipeline reports as it goes; read by status, readiness and metrics. Written by the source's own loop.</summary>
internal sealed class SourceProgress(string source, LedgerMetrics metrics)
{
    private readonly Lock _lock = new();
    private string _state = "connecting";
    private string? _problem;
    private Lsn _sealed;
    private Lsn _serverEnd;
    private long _changes;
    private long _breaks;

    /// <summary>Batches sealed; tells whether an attempt got anywhere.</summary>
    public long Batches { get; private set; }

    public SourceStatus Status()
    {
        lock (_lock) return new SourceStatus(source, _state, _sealed, _serverEnd, _changes, _breaks, _problem);
    }

    public void Enter(string state, string? problem = null)
    {
        lock (_lock) (_state, _problem) = (state, problem);
    }

    public void ServerAt(Lsn end)
    {
        lock (_lock) if (end > _serverEnd) _serverEnd = end;
    }

    public void SealedTo(Lsn confirmed)
    {
        lock (_lock) if (confirmed > _sealed) _sealed = confirmed;
    }

    /// <summary>Counts changes that did not follow from what the ledger holds.</summary>
    public void Broken(long count)
    {
        if (count == 0) return;
        lock (_lock) _breaks += count;
        metrics.CountBreaks(source, count);
    }

    /// <summary>Counts a batch that is durable.</summary>
    public void Sealed(CapturedBatch batch, TimeSpan elapsed)
    {
        SealedTo(batch.Confirmable);
        ServerAt(batch.Confirmable);
        lock (_lock)
        {
            Batches++;
            _changes += batch.Changes.Count;
        }
        if (batch.Changes.Count == 0) return;
        metrics.SealTook(source, elapsed);
        Span<long> grades = stackalloc long[(int)Grade.Proved + 1];
        long ddl = 0;
        foreach (CapturedChange change in batch.Changes)
        {
            if (change is CapturedChange.Ddl) ddl++;
            else grades[(int)change.Operator.Grade]++;
        }
        for (int grade = 0; grade < grades.Length; grade++)
        {
            if (grades[grade] > 0) metrics.CountSealed(source, "change", Words.Of((Grade)grade), grades[grade]);
        }
        if (ddl > 0) metrics.CountSealed(source, "guard", "none", ddl);
    }
}
