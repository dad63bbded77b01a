using Indelible.Capture;
using Indelible.Capture.Reading;
using Indelible.Capture.Relations;
using Indelible.Capture.Slots;
using Indelible.Format;

namespace Indelible.Simulation.Tests;

/// <summary>One connection to the simulated server: sends what is not confirmed again, transaction by transaction,
/// as far as it is told to.</summary>
internal sealed class SimWire(SimServer server, Random random, Trace trace, Func<bool> isGone) : IReplicationStream, ILiveCatalog
{
    private readonly Queue<(Lsn At, byte[]? Bytes, bool WantsReply)> _queue = [];
    private readonly HashSet<uint> _described = [];
    private TaskCompletionSource<bool>? _waiting;
    private CancellationToken _stop;
    private Exception? _failure;
    private bool _isEnded;
    private byte[] _current = [];
    private byte[] _buffer = [];
    private int _transaction = -1;
    private int _message;
    private Lsn _flushed;
    private Lsn _inFlight;

    /// <inheritdoc/>
    public Lsn Received { get; private set; }
    /// <summary>True once it was broken or ended by the server.</summary>
    public bool IsOver => _failure is not null || _isEnded;
    /// <summary>True once reading has begun.</summary>
    public bool HasStarted => _transaction >= 0;
    /// <summary>Everything committed was sent.</summary>
    public bool IsDry => _transaction >= server.Transactions.Count;

    /// <inheritdoc/>
    public void Start(
        Protection protection, Lsn after, int versionNumber, TimeSpan senderTimeout, TimeSpan silenceMax,
        CancellationToken cancellationToken)
    {
        Lsn from = after > server.Confirmed ? after : server.Confirmed;
        _transaction = server.Transactions.FindIndex(transaction => transaction.Commit >= from);
        if (_transaction < 0) _transaction = server.Transactions.Count;
        _stop = cancellationToken;
        cancellationToken.Register(() => _waiting?.TrySetCanceled(cancellationToken));
        trace.Note($"start {from}");
    }

    /// <summary>The server sends as many messages more.</summary>
    public void Deliver(int count)
    {
        for (; count > 0 && HasStarted && !IsOver && !IsDry; count--) SendNext();
        Wake();
    }

    /// <summary>The server says how far it has come: in a transaction, up to its commit.</summary>
    public void Keepalive(bool wantsReply)
    {
        if (!HasStarted || IsOver) return;
        _queue.Enqueue((IsDry ? server.End : server.Transactions[_transaction].Commit, null, wantsReply));
        Wake();
    }

    /// <summary>What was confirmed reaches the server.</summary>
    public void Arrive()
    {
        if (_inFlight > Lsn.None) server.Confirm(_inFlight);
        _inFlight = Lsn.None;
    }

    /// <summary>The connection breaks, or the server ends it in good order. What is on its way may still arrive.</summary>
    public void Cut(bool inGoodOrder)
    {
        if (IsOver) return;
        trace.Note($"cut {inGoodOrder}");
        if (random.Next(2) == 0) Arrive();
        if (random.Next(2) == 0) _queue.Clear();
        _inFlight = Lsn.None;
        if (inGoodOrder) _isEnded = true;
        else _failure = new IOException("the wire was cut");
        Wake();
    }

    /// <inheritdoc/>
    public ValueTask<bool> MoveNextAsync()
    {
        _buffer.AsSpan().Fill(0xEE);                        // nobody may still be reading there
        if (TryTake(out bool isMore, out Exception? failure))
            return failure is null ? new ValueTask<bool>(isMore) : ValueTask.FromException<bool>(failure);
        if (_stop.IsCancellationRequested) return ValueTask.FromCanceled<bool>(_stop);
        _waiting = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        return new ValueTask<bool>(_waiting.Task);
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken)
    {
        if (_buffer.Length < _current.Length) _buffer = new byte[2 * _current.Length];
        _current.CopyTo(_buffer, 0);
        return new ValueTask<ReadOnlyMemory<byte>>(_buffer.AsMemory(0, _current.Length));
    }

    /// <inheritdoc/>
    public void SetFlushed(Lsn position)
    {
        if (position > _flushed) _flushed = position;
    }

    /// <inheritdoc/>
    public Task SendStatusAsync(CancellationToken cancellationToken)
    {
        if (isGone()) return Task.CompletedTask;
        if (IsOver) return random.Next(2) == 0 ? Task.CompletedTask : Task.FromException(new IOException("the wire was cut"));
        Confirm();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public Task<(Catalog Now, bool IsOthers)> ReadAsync(uint oid, CancellationToken cancellationToken) =>
        Task.FromResult(
            (SimTable.CatalogOf(server.Workload.Tables), server.Workload.Tables.Any(table => table.Id == 0 && table.Oid == oid)));

    /// <inheritdoc/>
    public Task<SlotState?> SlotAsync(CancellationToken cancellationToken) => Task.FromResult<SlotState?>(Slot());

    /// <inheritdoc/>
    public Task HeartbeatAsync(Lsn received, CancellationToken cancellationToken)
    {
        trace.Note($"heartbeat {received}");
        server.Idle();
        return Task.CompletedTask;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _isEnded = true;
        return ValueTask.CompletedTask;
    }

    /// <summary>The slot as the server shows it.</summary>
    public SlotState Slot() => new("pgoutput", "clinic", null, server.Confirmed, false, true);

    private void SendNext()
    {
        SimTransaction transaction = server.Transactions[_transaction];
        (uint oid, byte[] bytes) = transaction.Messages[_message];
        if (oid != 0 && _described.Add(oid))
        {
            _queue.Enqueue(
                (transaction.Commit,
                    WireBytes.Relation(server.Workload.Tables.Single(table => table.Oid == oid || table.Leaves.Contains(oid)), oid),
                    false));
        }
        bool isLast = ++_message == transaction.Messages.Count;
        if (bytes.Length > 0) _queue.Enqueue((isLast ? transaction.End : transaction.Commit, bytes, false));
        if (!isLast) return;
        _transaction++;
        _message = 0;
    }

    private void Wake()
    {
        if (_waiting is not { Task.IsCompleted: false } || !TryTake(out bool isMore, out Exception? failure)) return;
        if (failure is null) _waiting.TrySetResult(isMore);
        else _waiting.TrySetException(failure);
    }

    /// <summary>False where there is nothing yet.</summary>
    private bool TryTake(out bool isMore, out Exception? failure)
    {
        (isMore, failure) = (true, null);
        while (_queue.TryDequeue(out (Lsn At, byte[]? Bytes, bool WantsReply) next))
        {
            if (next.At > Received) Received = next.At;
            if (next.Bytes is { } bytes)
            {
                _current = bytes;
                return true;
            }
            if (next.WantsReply && !isGone() && !IsOver) Confirm();
        }
        (isMore, failure) = (false, _failure);
        return IsOver;
    }

    /// <summary>Feedback reaches the server at once or later.</summary>
    private void Confirm()
    {
        if (_flushed > _inFlight) _inFlight = _flushed;
        if (random.Next(3) > 0) Arrive();
    }
}
