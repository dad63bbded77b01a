using System.Diagnostics;
using System.Threading.Channels;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Microsoft.Extensions.Logging;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Ledger;

/// <summary>The one writer of a ledger. Seals batches in a single loop (group commit) and publishes what is sealed.</summary>
/// <remarks>Any number of producers may call <see cref="SealAsync"/>.
/// The first failed write or flush is the end:
/// everything afterwards fails with its reason, and opening the ledger again recovers what was sealed.</remarks>
public sealed partial class LedgerWriter : IAsyncDisposable
{
    private readonly LedgerPaths _paths;
    private readonly LedgerOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _log;
    private readonly SafeFileHandle _lock;
    private readonly Channel<SealRequest> _queue;
    private readonly SealingTree _tree;
    private readonly Journal _journal;
    private readonly ImmutableFiles _blobs;
    private readonly Publisher _publisher;
    private readonly SemaphoreSlim _publishing = new(1, 1);
    private readonly Lock _stateLock = new();
    private readonly Dictionary<string, SourceMark> _marks;
    private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private List<SealedGroup> _unpublished = [];
    private long _unpublishedLength;
    private long _treeSize, _publishedSize;
    private volatile IndelibleException? _failure;
    private Task _sealing = Task.CompletedTask;

    private LedgerWriter(LedgerPaths paths, LedgerKeys keys, TimeProvider time, ILogger log, LedgerOptions options,
        SafeFileHandle writerLock, RecoveredLedger recovery)
    {
        (_paths, _time, _log, _options, _lock) = (paths, time, log, options, writerLock);
        Origin = keys.Signer.VerifierKey.Name;
        _tree = recovery.Tree;
        _marks = new Dictionary<string, SourceMark>(recovery.Marks, StringComparer.Ordinal);
        _publisher = new Publisher(paths, keys, recovery.Edge, recovery.Unfinished);
        _journal = new Journal(paths.Journal, Origin, keys.JournalHmacKey);
        _blobs = new ImmutableFiles(paths.Ledger, "blob");
        _queue = Channel.CreateBounded<SealRequest>(new BoundedChannelOptions(options.QueueMax) { SingleReader = true });
        (_treeSize, _publishedSize) = (_tree.Range.Size, recovery.Published.Size);
        Recovery = new LedgerRecovery(_treeSize, _treeSize - _publishedSize, recovery.Replay.Torn, recovery.JournalLost);
    }

    /// <summary>Tells which entries just became readable, in order, with their bytes; on a pool thread, before the next publication.
    /// Must not throw.</summary>
    public event Action<PublishedEntries>? Published;

    /// <summary>Name of the ledger.</summary>
    public string Origin { get; }

    /// <summary>What opening found.</summary>
    public LedgerRecovery Recovery { get; }

    /// <summary>Entries sealed.</summary>
    public long TreeSize => Interlocked.Read(ref _treeSize);

    /// <summary>Entries published; trails <see cref="TreeSize"/> by at most the publish interval.</summary>
    public long PublishedSize => Interlocked.Read(ref _publishedSize);

    /// <summary>What comes after the ledger, once it is closed: nothing more is sealed in it then. Null while it is open.</summary>
    public Successor? Successor { get; private set; }

    /// <summary>How far a source is sealed; null if nothing of it is.</summary>
    public SourceMark? MarkOf(string source)
    {
        lock (_stateLock) return _marks.GetValueOrDefault(source);
    }

    /// <summary>How far every source is sealed.</summary>
    public IReadOnlyList<SourceMark> Marks()
    {
        lock (_stateLock) return [.. _marks.Values];
    }

    /// <summary>Seals a batch; it is durable when this returns, with everything sealed before it.
    /// The batch must not be changed afterwards.</summary>
    /// <remarks>Cancelling after the batch was taken into the queue has no effect: it is sealed.
    /// Throws <see cref="IndelibleException"/> once the writer has failed;
    /// a batch whose sealing failed may nevertheless be found sealed when the ledger is opened again.</remarks>
    /// <exception cref="IndelibleException">Usage: the ledger is closed.</exception>
    public async Task<SealedBatch> SealAsync(EntryBatch batch, CancellationToken cancellationToken)
    {
        RequireOpen();
        var request = new SealRequest(batch, new TaskCompletionSource<SealedBatch>(TaskCreationOptions.RunContinuationsAsynchronously));
        try
        {
            await _queue.Writer.WriteAsync(request, cancellationToken);
        }
        catch (ChannelClosedException closed)
        {
            throw _failure is null ? new ObjectDisposedException(nameof(LedgerWriter)) : Failed(closed);
        }
        return await request.Done.Task;
    }

    /// <summary>Throws, naming the successor, if the ledger is closed.</summary>
    /// <exception cref="IndelibleException">Usage: the ledger is closed.</exception>
    public void RequireOpen()
    {
        if (Successor is not { } successor) return;
        throw new IndelibleException(ExitCode.Usage,
            $"the ledger {Origin} in {_paths.Ledger} is closed, and nothing more is sealed in it: "
                + $"its successor is {successor.Origin} (key {successor.Key}). "
            + "Use that one; if `indelible rotate` was stopped before it was done, give the same command again");
    }

    /// <summary>Seals a batch whose last entry closes the ledger. Nobody may be sealing anything else.</summary>
    public async Task CloseAsync(EntryBatch last, Successor successor, CancellationToken cancellationToken)
    {
        await SealAsync(last, cancellationToken);
        Successor = successor;
    }

    /// <summary>Publishes at the interval until cancelled; throws when the writer has failed.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(_options.PublishInterval, _time);
        while (true)
        {
            Task<bool> tick = timer.WaitForNextTickAsync(cancellationToken).AsTask();
            await await Task.WhenAny(tick, _failed.Task);
            await PublishAsync(cancellationToken);
        }
    }

    /// <summary>Publishes everything sealed when it is called; readable when this returns.</summary>
    public async Task PublishAsync(CancellationToken cancellationToken)
    {
        await _publishing.WaitAsync(cancellationToken);
        try
        {
            if (_failure is not null) throw Failed(_failure);
            PublishSealed();
        }
        catch (Exception failure) when (failure is IOException or LedgerCorruptException)
        {
            throw Fail(failure);
        }
        finally
        {
            _publishing.Release();
        }
    }

    /// <summary>Seals nothing more, for a reason of its owner's: keys that cannot be made durable.
    /// As after a failed write of its own, opening the ledger again goes on.</summary>
    /// <returns>What to throw.</returns>
    public IndelibleException Stop(IndelibleException reason) => Fail(reason);

    /// <summary>Seals what is queued, publishes it, and lets go of the ledger. After a failure it only lets go.</summary>
    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        try
        {
            await _sealing;
            await _early.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);     // a failure is noted
            if (_failure is not null) return;
            await PublishAsync(CancellationToken.None);
            // The last record of a clean stop: damage to the ones before it cannot pass for a torn write.
            _journal.Append(_tree.Range.Size, new GuardedHead(_tree.Range.Size, _tree.Range.Root), [], []);
        }
        finally
        {
            Release();
        }
    }

    private void Release()
    {
        _journal.Dispose();
        _publisher.Dispose();
        _blobs.Dispose();
        _publishing.Dispose();
        _lock.Dispose();
    }

    private void PublishSealed()
    {
        List<SealedGroup> groups;
        lock (_stateLock)
        {
            if (_unpublished.Count == 0) return;
            (groups, _unpublished) = (_unpublished, []);
            _unpublishedLength = 0;
        }
        long started = _time.GetTimestamp(), from = PublishedSize, to = groups[^1].Head.Size;
        _publisher.Publish(groups);
        Interlocked.Exchange(ref _publishedSize, to);
        _journal.Trim(to);
        LedgerLog.Published(_log, to - from, to, (long)_time.GetElapsedTime(started).TotalMilliseconds);
        Published?.Invoke(new PublishedEntries(from, to, [.. groups.SelectMany(group => group.Batches)]));
    }

    private IndelibleException Fail(Exception failure)
    {
        IndelibleException reported = Failed(failure);
        lock (_stateLock)
        {
            if (_failure is not null) return reported;
            _failure = reported;
        }
        _queue.Writer.TryComplete();
        _failed.TrySetException(reported);
        _ = _failed.Task.Exception;
        return reported;
    }

    /// <summary>The first failure, as every later caller gets it.</summary>
    private IndelibleException Failed(Exception cause)
    {
        if (_failure is { } first) return new IndelibleException(first.ExitCode, first.Message, first);
        return cause is LedgerCorruptException
            ? new IndelibleException(ExitCode.Finding, cause.Message, cause)
            : new IndelibleException(ExitCode.Environment,
                $"the ledger in {_paths.Ledger} cannot be written any more: {cause.Message}. "
                + "Nothing acknowledged is lost. Put that right and start again: opening the ledger recovers", cause);
    }

    private sealed record SealRequest(EntryBatch Batch, TaskCompletionSource<SealedBatch> Done);
}
