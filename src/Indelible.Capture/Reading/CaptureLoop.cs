using System.Threading.Channels;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Relations;
using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Capture.Reading;

/// <summary>Moves messages from the stream into batches and batches into a bounded channel, while the consumer
/// seals earlier ones.</summary>
internal sealed class CaptureLoop(
    IReplicationStream stream, TransactionAssembler assembler, RelationMap relations, ILiveCatalog catalog, ByteBudget budget,
    TimeProvider time, ILogger logger)
{
    /// <summary>How long a change waits for company once the stream has run dry.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(5);
    /// <summary>Between two looks while a change waits.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);
    /// <summary>How often progress without changes is handed over.</summary>
    private static readonly TimeSpan MarkInterval = TimeSpan.FromSeconds(1);
    /// <summary>How long nothing must arrive before the log is moved on.</summary>
    private static readonly TimeSpan HeartbeatInterval = TimeSpan.FromSeconds(30);

    private Lsn _handedOver = assembler.Confirmable;
    private long _lastHandOver = time.GetTimestamp();
    private Task? _tick;
    private Task<bool>? _next;
    private Lsn _receivedAtHeartbeat;
    private long _lastHeartbeat = time.GetTimestamp();

    /// <summary>Runs until cancelled or the stream fails. Completes the channel either way.</summary>
    public async Task RunAsync(Channel<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Yield();
            while (await NextAsync(batches, cancellationToken)) await TakeAsync(batches, cancellationToken);
        }
        finally
        {
            batches.Writer.Complete();
        }
    }

    /// <summary>Waits, once the stream was cancelled, until nothing reads from it any more.</summary>
    public Task DrainAsync() => _next is null ? Task.CompletedTask : Ended(_next);

    private static async Task Ended(Task next) => await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task TakeAsync(Channel<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> message = await stream.ReadAsync(cancellationToken);
        RelationMessage? unknown = message.IsEmpty ? null : assembler.Feed(message.Span);
        if (unknown is not null) await MapAsync(unknown, cancellationToken);
        if (assembler.IsFull || (!assembler.InTransaction && IsDue(batches))) await HandOverAsync(batches, cancellationToken);
    }

    /// <summary>Waits for the next message and meanwhile hands over what waits, or says how far reading got.</summary>
    private ValueTask<bool> NextAsync(Channel<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        ValueTask<bool> next = stream.MoveNextAsync();
        if (next.IsCompletedSuccessfully) return next;
        _next = next.AsTask();
        return new ValueTask<bool>(WaitAsync(_next, batches, cancellationToken));
    }

    private async Task<bool> WaitAsync(Task<bool> next, Channel<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        while (!next.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            // Nothing at hand and outside a transaction: whatever committed before this position has been delivered.
            assembler.SeenUpTo(stream.Received);
            if (IsDue(batches)) await HandOverAsync(batches, cancellationToken);
            await HeartbeatAsync(cancellationToken);
            if (assembler.Waiting > 0)
            {
                // Woken once for what arrives meanwhile, not for each message of it.
                await Task.Delay(Pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }
            if (_tick is null || _tick.IsCompleted) _tick = Task.Delay(MarkInterval, time, cancellationToken);
            await Task.WhenAny(next, _tick);
        }
        return await next;
    }

    /// <summary>While earlier batches wait to be taken, this one waits for company.</summary>
    private bool IsDue(Channel<CapturedBatch> batches)
    {
        if (assembler.Waiting > 0) return batches.Reader.Count == 0 && time.GetElapsedTime(_lastHandOver) >= Linger;
        return assembler.Confirmable > _handedOver && time.GetElapsedTime(_lastHandOver) >= MarkInterval;
    }

    private async Task HandOverAsync(Channel<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        CapturedBatch batch = assembler.TakeBatch();
        await budget.TakeAsync(batch.Length, cancellationToken);
        await batches.Writer.WriteAsync(batch, cancellationToken);
        _handedOver = batch.Confirmable;
        _lastHandOver = time.GetTimestamp();
    }

    private async Task MapAsync(RelationMessage relation, CancellationToken cancellationToken)
    {
        (Catalog now, bool isOthers) = await catalog.ReadAsync(relation.Oid, cancellationToken);
        if (relations.MapWith(relation, now, isOthers)) CaptureLog.Mapped(logger, relation.Oid);
        else CaptureLog.Unclear(logger, relation.Oid, relation.Schema, relation.Name);
    }

    private async Task HeartbeatAsync(CancellationToken cancellationToken)
    {
        if (time.GetElapsedTime(_lastHeartbeat) < HeartbeatInterval) return;
        _lastHeartbeat = time.GetTimestamp();
        Lsn received = stream.Received;
        if (received == _receivedAtHeartbeat) await catalog.HeartbeatAsync(received, cancellationToken);
        _receivedAtHeartbeat = received;
    }
}
