using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>How one source stands.</summary>
public sealed record SourceStatus
{
    /// <summary>Its short name.</summary>
    public required string Source { get; init; }
    /// <summary><c>connecting</c>, <c>baseline</c> (tables whose values DDL rewrote are sealed anew), <c>capturing</c>,
    /// <c>waiting</c> (to try again) or <c>stopped</c>.</summary>
    public required string State { get; init; }
    /// <summary>Everything up to here is sealed; none before the first batch.</summary>
    public required Lsn Sealed { get; init; }
    /// <summary>End of the source's log when the server was last asked, four times a second while it answers; none if never.</summary>
    public required Lsn ServerEnd { get; init; }
    /// <summary>How long ago everything in the log was last known to be sealed: grows while something waits,
    /// and while the source is not heard of.</summary>
    public required TimeSpan Lag { get; init; }
    /// <summary>How long ago the source last said anything, or the process began.</summary>
    public required TimeSpan Silence { get; init; }
    /// <summary>When the source last said anything; null if it did not since the process started.</summary>
    public required MicroTime? LastHeard { get; init; }
    /// <summary>Changes sealed since the process started.</summary>
    public required long Changes { get; init; }
    /// <summary>Changes since the process started that did not follow from what the ledger holds.</summary>
    public required long Breaks { get; init; }
    /// <summary>Why it does not capture; null if it does, or is about to.</summary>
    public required string? Problem { get; init; }
    /// <summary>The last problem since the process started, also if it is over; null if there was none.</summary>
    public required SourceError? LastError { get; init; }

    /// <summary>Bytes of log not yet sealed; zero if unknown.</summary>
    public long LagBytes => ServerEnd > Sealed ? (long)(ServerEnd.Bytes - Sealed.Bytes) : 0;
}

/// <summary>What kept a source from being captured, and when.</summary>
public sealed record SourceError(MicroTime At, string Message);

/// <summary>What a pipeline reports as it goes; read by status, readiness and metrics. Written by the source's own loop.</summary>
internal sealed class SourceProgress(string source, LedgerMetrics metrics, TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly SourceLag _lag = new(time);
    private string _state = "connecting";
    private string? _problem;
    private SourceError? _lastError;
    private readonly Channel<bool> _schemaChanges =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private long _changes;
    private long _breaks;

    /// <summary>Batches sealed; tells whether an attempt got anywhere.</summary>
    public long Batches { get; private set; }

    public SourceStatus Status()
    {
        lock (_lock)
        {
            return new SourceStatus
            {
                Source = source,
                State = _state,
                Sealed = _lag.Sealed,
                ServerEnd = _lag.ServerEnd,
                Lag = _lag.Behind,
                Silence = _lag.Silence,
                LastHeard = _lag.LastHeard,
                Changes = _changes,
                Breaks = _breaks,
                Problem = _problem,
                LastError = _lastError,
            };
        }
    }

    /// <summary>Waits until DDL was sealed, or for the interval.</summary>
    public async Task SchemaChangedAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task changed = _schemaChanges.Reader.ReadAsync(limit.Token).AsTask();
        await Task.WhenAny(changed, Task.Delay(interval, time, limit.Token));
        await limit.CancelAsync();
        await changed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    public void Enter(string state, string? problem = null)
    {
        lock (_lock)
        {
            (_state, _problem) = (state, problem);
            if (problem is not null) _lastError = new SourceError(MicroTime.From(time.GetUtcNow()), problem);
        }
    }

    public void ServerAt(Lsn end)
    {
        lock (_lock) _lag.ServerAt(end);
    }

    public void SealedTo(Lsn confirmed)
    {
        lock (_lock) _lag.SealedTo(confirmed);
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
        if (ddl > 0) _schemaChanges.Writer.TryWrite(true);
        if (ddl > 0) metrics.CountSealed(source, "guard", "none", ddl);
    }
}
