using System.Net.Sockets;
using System.Threading.Channels;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Replication;

/// <summary>Keeps one copy behind what is published, or the bucket that the ledger lives in behind what is staged.
/// Sealing never waits for it; what fails is tried again,
/// with growing pauses, for ever.</summary>
/// <param name="name">What it is called.</param>
/// <param name="config">Where it is.</param>
/// <param name="host">The ledger.</param>
/// <param name="conditions">What is told.</param>
/// <param name="logger">Where it logs.</param>
/// <param name="primary">The bucket that the ledger lives in; null: it is a copy.</param>
internal sealed class Target(
    string name, TargetConfig config, LedgerHost host, Conditions conditions, ILogger logger, StorePlace? primary = null)
{
    private static readonly TimeSpan PauseMin = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);
    /// <summary>Longest time until it looks for time stamps and the like, where nothing is published.</summary>
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(10);
    /// <summary>Until a legal hold that the storage refused is tried again.</summary>
    private static readonly TimeSpan HoldPause = TimeSpan.FromMinutes(1);

    private readonly TargetMemory _memory = new(host.Paths.Journal, name);
    private readonly Channel<bool> _news =
        Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private readonly TaskCompletionSource _contacted = new(TaskCreationOptions.RunContinuationsAsynchronously);
    /// <summary>Holds one token: whoever has it uses the place.</summary>
    private readonly Channel<bool> _turn = Turn();
    private readonly Lock _lock = new();
    private CopyWriter? _copy;
    private ILedgerStore? _store;
    private CopyProgress _held;
    private TargetRecord _known;
    private long? _tendedAt;
    private MicroTime? _lastSuccess;
    private readonly LocalPart? _localPart = primary is null ? null : new LocalPart(host.Paths);
    private long? _behindSince = host.Time.GetTimestamp();
    private (long Puts, long Gets, long Lists, long Others) _requestsBefore;
    private bool _hasAnswered;
    private string? _problem, _holdProblem;
    private long? _holdRefusedAt;
    private IReadOnlyCollection<string> _strange = [];
    private SourceError? _lastError;

    /// <summary>Told how many entries it holds, when those become more.</summary>
    public Action<long> Advanced { get; set; } = static _ => { };

    /// <summary>Its name.</summary>
    public string Name => name;

    /// <summary>Completes once the place has answered, or has failed to.</summary>
    public Task Contacted => _contacted.Task;

    /// <summary>Entries the copy holds under its head.</summary>
    public long Size
    {
        get { lock (_lock) return _held.Size; }
    }

    /// <summary>How it stands.</summary>
    public TargetStatus Status()
    {
        long published = SizeThere;
        bool? isHeld = host.IsHeld;
        lock (_lock)
        {
            return new TargetStatus
            {
                Name = name, Kind = config.Kind, Place = TargetStores.PlaceOf(config),
                Size = _held.Size, Published = published, LastSuccess = _lastSuccess,
                Lag = _held.Size >= published || _behindSince is not { } since ? TimeSpan.Zero : host.Time.GetElapsedTime(since),
                Problem = _problem, LastError = _lastError, Strange = _strange, Requests = Requests(),
                Hold = TargetStatus.HoldOf(config, isHeld, _known.IsHeld, _holdProblem),
            };
        }
    }

    /// <summary>Entries it is to hold.</summary>
    private long SizeThere => primary is null ? host.PublishedSize : host.Writer.PublishedSize;

    /// <summary>What it is to hold.</summary>
    private LedgerReader Source => primary is null ? host.View.Published : host.View.Reader;

    private string What => primary is null ? "copy" : "store";

    private string Named => primary is null ? $"copy {name}" : "the ledger's store";

    private (long Puts, long Gets, long Lists, long Others)? Requests()
    {
        if (_store is not BucketStore { Requests: var now }) return config.Kind == TargetKind.S3 ? _requestsBefore : null;
        var before = _requestsBefore;
        return (before.Puts + now.Puts, before.Gets + now.Gets, before.Lists + now.Lists, before.Others + now.Others);
    }

    /// <summary>Told what was just published; never waits.</summary>
    public void Offer(PublishedEntries published)
    {
        lock (_lock) if (_held.Size >= published.From) _behindSince = host.Time.GetTimestamp();
        _news.Writer.TryWrite(true);
    }

    /// <summary>Copies until cancelled.</summary>
    /// <exception cref="CopyContradictsException">The copy shows that this ledger was rolled back or rewritten.</exception>
    /// <exception cref="IndelibleException">Usage: the ledger's own bucket is not what the configuration says,
    /// found when it was first asked.</exception>
    /// <exception cref="CopyDamagedException">The ledger's own bucket holds less than was stored there, or another ledger,
    /// found when it was first asked.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        for (int failures = 0; ;)
        {
            try
            {
                await RoundAsync(cancellationToken);
                failures = 0;
            }
            catch (CopyContradictsException e) when (primary is not null)
            {
                throw new CopyContradictsException(
                    $"{e.Message}. If another process ran with the same keys, it published first and this one has lost, "
                        + "and loses nothing: what it sealed was confirmed to no database. Let one of them run; to run here again, "
                        + $"move {host.Paths.Ledger}, {host.Paths.Journal} and {host.Paths.Index} away: "
                        + "`indelible run` then begins where the bucket ends");
            }
            catch (Exception e) when (IsFailure(e, cancellationToken) && !IsFatal(e))
            {
                await FailedAsync(e);
                failures++;
            }
            _contacted.TrySetResult();
            if (failures > 0) await Task.Delay(Pause(failures), host.Time, cancellationToken);
            else await NewsAsync(cancellationToken);
        }
    }

    /// <summary>Copies what is published.</summary>
    public async Task RoundAsync(CancellationToken cancellationToken)
    {
        await _turn.Reader.ReadAsync(cancellationToken);
        try
        {
            await CopyAsync(cancellationToken);
        }
        finally
        {
            _turn.Writer.TryWrite(true);
        }
    }

    /// <summary>Hands the ledger, in its own bucket, over to the keyring's next signing key at a head that covers everything published
    /// before. Durable when it returns.</summary>
    /// <exception cref="CopyContradictsException">Another process with the same keys was first.</exception>
    /// <exception cref="IndelibleException">The storage failed: the same may be asked for again.</exception>
    public async Task<Handover> HandOverAsync(CancellationToken cancellationToken)
    {
        VerifierKey next = host.Keyring.NextKey ?? throw new InvalidOperationException("expected a next signing key, found none");
        await host.Writer.PublishAsync(cancellationToken);
        await _turn.Reader.ReadAsync(cancellationToken);
        try
        {
            await CopyAsync(cancellationToken);
            // else an attempt that was stopped had claimed it
            if (host.Keyring.NextKey is not null)
                await _copy!.HandOverAsync((BucketStore)_store!, host.Keyring.SignHandover, cancellationToken);
            return host.View.Reader.ReadKeys(next).Handovers.Single(handover => handover.To.Equals(next));
        }
        finally
        {
            _turn.Writer.TryWrite(true);
        }
    }

    private async Task CopyAsync(CancellationToken cancellationToken)
    {
        long started = host.Time.GetTimestamp();
        if (_copy is null) await OpenAsync(cancellationToken);
        await _copy!.RoundAsync(Saved, cancellationToken);
        await HoldAsync(cancellationToken);
        await TendAsync(cancellationToken);
        conditions.Set($"{What}-damaged", name, _store!.Strange.Count == 0 ? null
            : $"{Named}: {_store.Place} holds {_store.Strange.Count} things that are not ours, or lacks some: {_store.Strange.First()}. "
                + "What the ledger's head covers is read all the same; find out who has the credentials");
        lock (_lock)
        {
            (_held, _lastSuccess, _problem, _strange) = (_copy.Progress, MicroTime.From(host.Time.GetUtcNow()), null, _store.Strange);
            _behindSince = started;    // what it does not hold was published after this
        }
        _localPart?.Shorten(_copy.Progress.Size - host.Config.Store!.LocalEntries);
    }

    /// <summary>Lets go of the place.</summary>
    public async Task CloseAsync()
    {
        _copy = null;
        lock (_lock) _requestsBefore = Requests() ?? default;
        if (_store is { } store) await store.DisposeAsync();
        _store = null;
    }

    /// <summary>Failures that may pass, or that a person can put right; not contradictions, and not faults of ours.</summary>
    private static bool IsFailure(Exception e, CancellationToken cancellationToken) => !cancellationToken.IsCancellationRequested
        && e is IndelibleException or CopyDamagedException or LedgerCorruptException or IOException or UnauthorizedAccessException
            or SocketException or HttpRequestException or TimeoutException or OperationCanceledException;

    /// <summary>A bucket that was never right is no place for a ledger; one that was right may be again.</summary>
    private bool IsFatal(Exception e) => primary is not null && !_hasAnswered
        && e is IndelibleException { ExitCode: ExitCode.Usage } or CopyDamagedException;

    /// <summary>Looks over what is stored, at a start and at intervals; and extends locks long before they end.</summary>
    private async Task TendAsync(CancellationToken cancellationToken)
    {
        if (_store!.TendPeriod is not { } period || (_tendedAt is { } last && host.Time.GetElapsedTime(last) < period)) return;
        MicroTime now = MicroTime.From(host.Time.GetUtcNow());
        bool extendLocks = _store.LockPeriod is { } lockPeriod && now.Micros - _known.LockedAt.Micros > lockPeriod.TotalMicroseconds;
        await _store.TendAsync(_copy!.Progress.Size, extendLocks, cancellationToken);
        if (extendLocks) Remember(_known with { LockedAt = now });
        _tendedAt = host.Time.GetTimestamp();
    }

    /// <summary>Lays the storage's own legal hold on what is there, or lifts it, as the ledger says.
    /// A storage that refuses does not keep the copy from being written.</summary>
    private async Task HoldAsync(CancellationToken cancellationToken)
    {
        if (_store is not BucketStore bucket || config.RetentionDays is not > 0 || host.IsHeld is not { } isHeld
            || (isHeld == _known.IsHeld && bucket.IsHeld == isHeld)
            || (_holdRefusedAt is { } refused && host.Time.GetElapsedTime(refused) < HoldPause)) return;
        try
        {
            bucket.IsHeld = isHeld;
            await bucket.HoldAsync(isHeld, _copy!.Progress.Size, cancellationToken);
            Remember(_known with { IsHeld = isHeld });
            (_holdRefusedAt, _holdProblem) = (null, null);
        }
        catch (IndelibleException e)
        {
            bucket.IsHeld = _known.IsHeld;
            (_holdRefusedAt, _holdProblem) = (host.Time.GetTimestamp(), e.Message);
        }
    }

    private void Saved(CopyProgress progress)
    {
        Remember(_known with { Progress = progress });
        bool isMore;
        lock (_lock)
        {
            isMore = progress.Size > _held.Size;
            if (isMore) _held = progress;
        }
        if (isMore) Advanced(progress.Size);
    }

    private void Remember(TargetRecord known)
    {
        _known = known with { At = MicroTime.From(host.Time.GetUtcNow()) };
        _memory.Write(host.View.Origin, _known);
    }

    private async Task OpenAsync(CancellationToken cancellationToken)
    {
        _store = primary is null ? TargetStores.Of(name, config, host.Time) : TargetStores.Of(primary, host.Time);
        _known = _memory.Read(host.View.Origin);
        CopyWriter copy = new(Source, () => host.View.Reader.ReadKeys(host.Keyring.LedgerKeys.Signer.VerifierKey), _store, _known.Progress)
        {
            Showing = primary is null ? null : Guard, Shown = primary is null ? null : Publish,
            NextKey = () => host.Keyring.NextKey, Take = (handover, stop) => host.Writer.TakeHandoverAsync(host.Keyring, handover, stop),
        };
        if (_store is BucketStore bucket) bucket.IsHeld = _known.IsHeld;
        await copy.OpenAsync(cancellationToken);
        (_copy, _hasAnswered) = (copy, true);
        lock (_lock) _held = copy.Progress;
        Advanced(copy.Progress.Size);
        ServerLog.CopyOpened(logger, name, _store.Place, copy.Progress.Size);
    }

    private void Guard(Checkpoint head) => host.Keyring.LedgerKeys.Guard.Write(head.Origin, new GuardedHead(head.Size, head.Root));

    /// <summary>What the bucket shows is published here too.</summary>
    private void Publish(ReadOnlyMemory<byte> head)
    {
        if (!head.Span.SequenceEqual(DurableFile.TryReadAll(host.Paths.PublishedHeadPath, SignedNote.LengthMax)))
            DurableFile.Replace(host.Paths.PublishedHeadPath, head.Span);
    }

    private async Task FailedAsync(Exception e)
    {
        await _turn.Reader.ReadAsync();
        try
        {
            await CloseAsync();
        }
        finally
        {
            _turn.Writer.TryWrite(true);
        }
        bool isNew;
        lock (_lock)
        {
            isNew = _problem != e.Message;
            _problem = e.Message;
            _lastError = new SourceError(MicroTime.From(host.Time.GetUtcNow()), e.Message);
        }
        host.Metrics.CountCopyFailure(name);
        if (isNew) ServerLog.CopyFailed(logger, name, e.Message);
        if (e is CopyDamagedException) conditions.Set($"{What}-damaged", name, $"{Named}: {e.Message}");
    }

    private async Task NewsAsync(CancellationToken cancellationToken)
    {
        await Task.Delay(TimeSpan.FromSeconds(config.EverySeconds), host.Time, cancellationToken);
        using CancellationTokenSource glance = new(Glance, host.Time),
            limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, glance.Token);
        Task news = _news.Reader.ReadAsync(limit.Token).AsTask();
        await news.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
    }

    private static Channel<bool> Turn()
    {
        Channel<bool> turn = Channel.CreateBounded<bool>(1);
        turn.Writer.TryWrite(true);
        return turn;
    }

    private static TimeSpan Pause(int failures) =>
        TimeSpan.FromSeconds(Math.Min(PauseMin.TotalSeconds * Math.Pow(2, Math.Min(failures - 1, 10)), PauseMax.TotalSeconds));
}
