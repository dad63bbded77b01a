using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>One source's way into the ledger. The order keyring → seal → confirm → index is the product, and it is
/// written here, once.</summary>
/// <remarks>Five loops, each a little ahead of the next, all in the order it was read:
/// one reads and checks, one makes entries, one makes their keys durable, one seals and confirms, one notes what rows now hold.</remarks>
internal sealed class Pipeline(
    SourceCapture capture, ContinuityCheck continuity, EntryMaker maker, Keyring keyring, LedgerWriter writer, IndexFeed index,
    CoverageLog coverage, SourceProgress progress, Func<long> heldSize, Func<CancellationToken, Task> roomAsync,
    Action<CapturedBatch> applied, TimeProvider time) : IDisposable
{
    /// <summary>Batches checked and not yet made.</summary>
    private const int CheckedMax = 1;
    /// <summary>Batches made and not yet kept; bounds memory.</summary>
    private const int MadeMax = 3;
    /// <summary>Groups whose keys are durable and that are not yet sealed.</summary>
    private const int KeptMax = 1;
    /// <summary>Changes in a batch from which on it is part of a backlog, and not live.</summary>
    private const int BacklogMin = 1000;
    /// <summary>Positions that wait for copies one by one; what comes when there are so many is confirmed with the last of them.</summary>
    private const int UnconfirmedMax = 10_000;
    /// <summary>Between two looks whether copies hold what waits to be confirmed.</summary>
    private static readonly TimeSpan HeldPause = TimeSpan.FromMilliseconds(50);

    private readonly LinkedList<(long TreeSize, Lsn Position)> _unconfirmed = [];

    private readonly Channel<Held> _held = Channel.CreateBounded<Held>(CheckedMax);
    private readonly SemaphoreSlim _order = new(1);
    private Lsn _at = capture.Start;

    /// <summary>What passes from reading to making.</summary>
    /// <param name="Batch">From the log; null for entries that were made beside it.</param>
    /// <param name="Checked">What became of the rows.</param>
    /// <param name="Beside">Entries made beside the log; null for a batch.</param>
    /// <param name="Sealed">Completes when these are sealed.</param>
    private readonly record struct Held(
        CapturedBatch? Batch, CheckedBatch Checked, EntryBatch? Beside = null, TaskCompletionSource? Sealed = null);

    private readonly record struct Made(Held Held, IReadOnlyList<EntryBatch> Entries);

    private readonly record struct Done(in Made Made, long TreeSize, TimeSpan Elapsed);

    /// <summary>Runs until cancelled or the source fails. What was made before is then sealed.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Channel<Made> made = Channel.CreateBounded<Made>(MadeMax);
        Channel<IReadOnlyList<Made>> kept = Channel.CreateBounded<IReadOnlyList<Made>>(KeptMax);
        Channel<Done> done = Channel.CreateUnbounded<Done>();                       // bounded by what may be on its way from the source
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken), broken = new();
        Task before =
            Task.WhenAll(ReadAsync(stop.Token), MakeAsync(made.Writer, stop.Token), KeepAsync(made.Reader, kept.Writer, broken.Token));
        Task after = ApplyAsync(done.Reader, stop);
        // sealed by sessions before, and perhaps not yet held by those who must
        _unconfirmed.AddLast((writer.TreeSize, capture.Start));
        try
        {
            await SealKeptAsync(kept.Reader, done.Writer, cancellationToken);
        }
        finally
        {
            done.Writer.Complete();
            await stop.CancelAsync();   // sealing failed or there is nothing left to seal: nothing more is wanted
            await broken.CancelAsync();
            await Task.WhenAll(before, after);
        }
    }

    /// <summary>Seals entries that come from no log in their place among those that do:
    /// after all that was read so far, and before all that is read later.</summary>
    /// <param name="make">Given the position up to which changes stand before them, makes the entries; null or empty:
    /// there is nothing to seal after all.</param>
    /// <param name="cancellationToken">Stops waiting.</param>
    public Task SealBesideAsync(Func<Lsn, EntryBatch?> make, CancellationToken cancellationToken) =>
        SealRowsAsync(() => make(_at) is { Count: > 0 } entries ? (entries, continuity.Take([])) : null, cancellationToken);

    /// <summary>The same for entries about rows, with what the rows hold then.</summary>
    public async Task SealRowsAsync(Func<(EntryBatch Entries, CheckedBatch Rows)?> make, CancellationToken cancellationToken)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _order.WaitAsync(cancellationToken);
        try
        {
            if (make() is not { } beside) return;
            await _held.Writer.WriteAsync(new Held(null, beside.Rows, beside.Entries, done), cancellationToken);
        }
        catch (ChannelClosedException e)
        {
            throw new OperationCanceledException("capture has ended", e);
        }
        finally
        {
            _order.Release();
        }
        await done.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Acts while no batch is checked.</summary>
    public async Task BetweenBatchesAsync(Action act, CancellationToken cancellationToken)
    {
        await _order.WaitAsync(cancellationToken);
        try
        {
            act();
        }
        finally
        {
            _order.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _order.Dispose();

    private Task ReadAsync(CancellationToken cancellationToken) => ToTheEndAsync(_held.Writer, async () =>
    {
        await foreach (CapturedBatch batch in capture.ReadAsync(cancellationToken))
        {
            await _order.WaitAsync(cancellationToken);
            try
            {
                await _held.Writer.WriteAsync(new Held(batch, continuity.Check(batch)), cancellationToken);
                _at = batch.Last.CommitLsn > batch.Confirmable ? batch.Last.CommitLsn : batch.Confirmable;
            }
            finally
            {
                _order.Release();
            }
        }
    }, cancellationToken);

    private Task MakeAsync(ChannelWriter<Made> made, CancellationToken cancellationToken) => ToTheEndAsync(made, async () =>
    {
        await foreach (Held held in _held.Reader.ReadAllAsync(cancellationToken))
        {
            await made.WriteAsync(new Made(held, held.Batch is { } batch ? Make(batch, held.Checked) : [held.Beside!]), cancellationToken);
        }
    }, cancellationToken);

    private IReadOnlyList<EntryBatch> Make(CapturedBatch batch, CheckedBatch @checked)
    {
        IReadOnlyList<EntryBatch> entries = maker.Make(batch, @checked.Breaks);
        coverage.AddWhenDue(entries[^1], batch.Confirmable);
        return entries;
    }

    /// <summary>A stage: what it gave before it failed or was stopped still goes on its way, and a failure travels
    /// through the awaited task.</summary>
    private static async Task ToTheEndAsync<T>(ChannelWriter<T> next, Func<Task> runAsync, CancellationToken cancellationToken)
    {
        try
        {
            await runAsync();
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // told to stop
        }
        finally
        {
            next.Complete();
        }
    }

    /// <summary>The keys of all that wait are made durable together, before any of them is sealed.</summary>
    private Task KeepAsync(ChannelReader<Made> made, ChannelWriter<IReadOnlyList<Made>> kept, CancellationToken broken) =>
        ToTheEndAsync(kept, async () =>
    {
        while (await made.WaitToReadAsync(broken))
        {
            List<Made> group = [];
            while (group.Count < MadeMax && made.TryRead(out Made next)) group.Add(next);
            Keep(keyring, writer);
            await kept.WriteAsync(group, broken);
        }
    }, broken);

    private async Task SealKeptAsync(ChannelReader<IReadOnlyList<Made>> kept, ChannelWriter<Done> done, CancellationToken stopping)
    {
        while (await KeptAsync(kept, stopping) && kept.TryRead(out IReadOnlyList<Made>? group))
        {
            long started = time.GetTimestamp();
            // durable when it returns, the marks with it: one flush for all
            IReadOnlyList<long> sizes = await SealGroupAsync(group);
            CapturedBatch? last = group.LastOrDefault(one => one.Held.Batch is not null).Held.Batch;
            // else the connection is closing: confirmed at the next start
            if (last is not null && !stopping.IsCancellationRequested)
            {
                await ConfirmAsync(sizes[^1], last.Confirmable, stopping);          // PostgreSQL may now forget it
            }
            for (int i = 0; i < group.Count; i++) done.TryWrite(new Done(group[i], sizes[i], time.GetElapsedTime(started)));
            // a bucket that is down too long is waited for in the end
            await roomAsync(stopping);
            // the index follows what is published, and is never waited for but here
            if (last?.Changes.Count >= BacklogMin) await index.RoomAsync(time, stopping);
        }
    }

    /// <summary>Confirms the position, or, where copies are to hold the entries first, as much as they hold.
    /// Sealing waits for no copy.</summary>
    private Task ConfirmAsync(long treeSize, Lsn position, CancellationToken stopping)
    {
        if (_unconfirmed.Count == UnconfirmedMax) _unconfirmed.RemoveLast();
        _unconfirmed.AddLast((treeSize, position));
        return ConfirmHeldAsync(stopping);
    }

    private async Task ConfirmHeldAsync(CancellationToken stopping)
    {
        if (!capture.HasBegun) return;
        long held = heldSize();
        Lsn? confirmable = null;
        while (_unconfirmed.First is { } next && next.Value.TreeSize <= held)
        {
            confirmable = next.Value.Position;
            _unconfirmed.RemoveFirst();
        }
        if (confirmable is { } position) await capture.ConfirmAsync(position, stopping);
    }

    /// <summary>Waits for what is to be sealed next, and confirms meanwhile what copies have come to hold.</summary>
    private async ValueTask<bool> KeptAsync(ChannelReader<IReadOnlyList<Made>> kept, CancellationToken stopping)
    {
        Task<bool> next = kept.WaitToReadAsync(CancellationToken.None).AsTask();
        while (_unconfirmed.Count > 0 && !stopping.IsCancellationRequested
            && await Task.WhenAny(next, Task.Delay(HeldPause, time, CancellationToken.None)) != next) await ConfirmHeldAsync(stopping);
        return await next;
    }

    /// <summary>Gives the tree's size with the last entry of each.</summary>
    private async Task<IReadOnlyList<long>> SealGroupAsync(IReadOnlyList<Made> group)
    {
        SealedBatch[] places = await SealAsync(writer, [.. group.SelectMany(made => made.Entries)], CancellationToken.None);
        long[] sizes = new long[group.Count];
        for (int i = 0, at = 0; i < group.Count; i++)
        {
            at += group[i].Entries.Count;
            sizes[i] = places[at - 1].FirstIndex + group[i].Entries[^1].Count;
        }
        return sizes;
    }

    private async Task ApplyAsync(ChannelReader<Done> done, CancellationTokenSource stop)
    {
        try
        {
            await foreach (Done next in done.ReadAllAsync(CancellationToken.None)) Apply(next.Made.Held, next.TreeSize, next.Elapsed);
        }
        finally
        {
            await stop.CancelAsync();   // failed, or ended with the rest
        }
    }

    private void Apply(in Held held, long treeSize, TimeSpan elapsed)
    {
        continuity.Apply(held.Checked, treeSize);                                   // may be lost: read again from the ledger
        held.Sealed?.SetResult();
        if (held.Batch is not { } batch) return;
        applied(batch);
        progress.Broken(held.Checked.BreakCount);
        progress.Sealed(batch, elapsed);
        capture.Release(batch);                                                     // as much may be read on: memory is bounded
    }

    /// <summary>Keys, then entries: both durable when it returns. The way into the ledger for entries that come from no log.</summary>
    /// <returns>Where each batch was sealed; they are sealed in their order.</returns>
    public static Task<SealedBatch[]> SealAsync(
        Keyring keyring, LedgerWriter writer, IReadOnlyList<EntryBatch> batches, CancellationToken cancellationToken)
    {
        Keep(keyring, writer);
        return SealAsync(writer, batches, cancellationToken);
    }

    /// <summary>Makes every key handed out so far durable.</summary>
    private static void Keep(Keyring keyring, LedgerWriter writer)
    {
        try
        {
            keyring.Commit();                                                       // an entry whose key is lost is lost
        }
        catch (IndelibleException failure)
        {
            // a failed flush is never tried again: not by the next session either
            throw writer.Stop(failure);
        }
    }

    /// <summary>Entries whose keys are durable.</summary>
    private static Task<SealedBatch[]> SealAsync(
        LedgerWriter writer, IReadOnlyList<EntryBatch> batches, CancellationToken cancellationToken) =>
        Task.WhenAll(batches.Select(batch => writer.SealAsync(batch, cancellationToken)));
}
