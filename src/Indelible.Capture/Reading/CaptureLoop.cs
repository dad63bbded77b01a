using System.Threading.Channels;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Relations;
using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Capture.Reading;

/// <summary>Moves messages from the stream into batches and batches into a bounded channel, while the consumer seals earlier ones.</summary>
internal sealed class CaptureLoop(
    ReplicationStream stream, TransactionAssembler assembler, RelationMap relations, LiveCatalog catalog, ByteBudget budget, TimeProvider time, ILogger logger)
{
    /// <summary>How long a change waits for company once the stream has run dry.</summary>
    private static readonly TimeSpan Linger = TimeSpan.FromMilliseconds(5);
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
    public async Task RunAsync(ChannelWriter<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        try
        {
            await Task.Yield();
            while (await NextAsync(batches, cancellationToken)) await TakeAsync(batches, cancellationToken);
        }
        finally
        {
            batches.Complete();
        }
    }

    /// <summary>Waits, once the stream was cancelled, until nothing reads from it any more.</summary>
    public Task DrainAsync() => _next is null ? Task.CompletedTask : Ended(_next);

    private static async Task Ended(Task next) => await next.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    private async Task TakeAsync(ChannelWriter<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> message = await stream.ReadAsync(cancellationToken);
        RelationMessage? unknown = message.IsEmpty ? null : assembler.Feed(message.Span);
        if (unknown is not null) await MapAsync(unknown, cancellationToken);
        if (assembler.IsFull || (!assembler.InTransaction && IsDue())) await HandOverAsync(batches, cancellationToken);
    }

    /// <summary>Waits for the next message and meanwhile hands over what waits, or says how far reading got.</summary>
    private ValueTask<bool> NextAsync(ChannelWriter<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        ValueTask<bool> next = stream.MoveNextAsync();
        if (next.IsCompletedSuccessfully) return next;
        _next = next.AsTask();
        return new ValueTask<bool>(WaitAsync(_next, batches, cancellationToken));
    }

    private async Task<bool> WaitAsync(Task<bool> next, ChannelWriter<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        while (!next.IsCompleted)
        {
            if (_tick is null || _tick.IsCompleted) _tick = Task.Delay(assembler.Waiting > 0 ? Linger : MarkInterval, time, cancellationToken);
            await Task.WhenAny(next, _tick);
            if (next.IsCompleted || cancellationToken.IsCancellationRequested) break;
            // Nothing at hand and outside a transaction: whatever committed before this position has been delivered.
            assembler.SeenUpTo(stream.Received);
            if (IsDue()) await HandOverAsync(batches, cancellationToken);
            await HeartbeatAsync(cancellationToken);
        }
        return await next;
    }

    private bool IsDue()
    {
        if (assembler.Waiting > 0) return time.GetElapsedTime(_lastHandOver) >= Linger;
        return assembler.Confirmable > _handedOver && time.GetElapsedTime(_lastHandOver) >= MarkInterval;
    }

    private async Task HandOverAsync(ChannelWriter<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        CapturedBatch batch = assembler.TakeBatch();
        await budget.TakeAsync(batch.Length, cancellationToken);
        await batches.WriteAsync(batch, cancellationToken);
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
