using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>One source's way into the ledger. The order keyring → seal → confirm → index is the product, and it is written here, once.</summary>
/// <remarks>Five loops, each a little ahead of the next, all in the order it was read: one reads and checks, one makes entries, one makes their keys durable, one seals and
/// confirms, one notes what rows now hold.</remarks>
internal sealed class Pipeline(
    SourceCapture capture, ContinuityCheck continuity, EntryMaker maker, Keyring keyring, LedgerWriter writer, IndexFeed index, CoverageLog coverage,
    SourceProgress progress, Func<long> heldSize, Action rewritten, TimeProvider time)
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

    private readonly record struct Held(CapturedBatch Batch, CheckedBatch Checked);

    private readonly record struct Made(CapturedBatch Batch, CheckedBatch Checked, IReadOnlyList<EntryBatch> Entries);

    private readonly record struct Done(in Made Made, long TreeSize, TimeSpan Elapsed);

    /// <summary>Runs until cancelled or the source fails. What was made before is then sealed.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Channel<Held> held = Channel.CreateBounded<Held>(CheckedMax);
        Channel<Made> made = Channel.CreateBounded<Made>(MadeMax);
        Channel<IReadOnlyList<Made>> kept = Channel.CreateBounded<IReadOnlyList<Made>>(KeptMax);
        Channel<Done> done = Channel.CreateUnbounded<Done>();                       // bounded by what may be on its way from the source
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken), broken = new();
        Task before = Task.WhenAll(ReadAsync(held.Writer, stop.Token), MakeAsync(held.Reader, made.Writer, stop.Token), KeepAsync(made.Reader, kept.Writer, broken.Token));
        Task after = ApplyAsync(done.Reader, stop);
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

    private Task ReadAsync(ChannelWriter<Held> held, CancellationToken cancellationToken) => ToTheEndAsync(held, async () =>
    {
        await foreach (CapturedBatch batch in capture.ReadAsync(cancellationToken))
        {
            await held.WriteAsync(new Held(batch, continuity.Check(batch)), cancellationToken);
        }
    }, cancellationToken);

    private Task MakeAsync(ChannelReader<Held> held, ChannelWriter<Made> made, CancellationToken cancellationToken) => ToTheEndAsync(made, async () =>
    {
        await foreach ((CapturedBatch batch, CheckedBatch @checked) in held.ReadAllAsync(cancellationToken))
        {
            IReadOnlyList<EntryBatch> entries = maker.Make(batch, @checked.Breaks);
            coverage.AddWhenDue(entries[^1], batch.Confirmable);
            await made.WriteAsync(new Made(batch, @checked, entries), cancellationToken);
        }
    }, cancellationToken);

    /// <summary>A stage: what it gave before it failed or was stopped still goes on its way, and a failure travels through the awaited task.</summary>
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
    private Task KeepAsync(ChannelReader<Made> made, ChannelWriter<IReadOnlyList<Made>> kept, CancellationToken broken) => ToTheEndAsync(kept, async () =>
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
            IReadOnlyList<long> sizes = await SealGroupAsync(group);                // durable when it returns, the marks with it: one flush for all
            if (!stopping.IsCancellationRequested)                                  // else the connection is closing: confirmed at the next start
            {
                await ConfirmAsync(sizes[^1], group[^1].Batch.Confirmable, stopping); // PostgreSQL may now forget it
            }
            for (int i = 0; i < group.Count; i++) done.TryWrite(new Done(group[i], sizes[i], time.GetElapsedTime(started)));
            if (group[^1].Batch.Changes.Count >= BacklogMin) await index.RoomAsync(time, stopping); // the index follows what is published, and is never waited for but here
        }
    }

    /// <summary>Confirms the position, or, where copies are to hold the entries first, as much as they hold. Sealing waits for no copy.</summary>
    private Task ConfirmAsync(long treeSize, Lsn position, CancellationToken stopping)
    {
        if (_unconfirmed.Count == UnconfirmedMax) _unconfirmed.RemoveLast();
        _unconfirmed.AddLast((treeSize, position));
        return ConfirmHeldAsync(stopping);
    }

    private async Task ConfirmHeldAsync(CancellationToken stopping)
    {
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
            await foreach (Done next in done.ReadAllAsync(CancellationToken.None)) Apply(next.Made, next.TreeSize, next.Elapsed);
        }
        finally
        {
            await stop.CancelAsync();   // failed, or ended with the rest
        }
    }

    private void Apply(in Made made, long treeSize, TimeSpan elapsed)
    {
        continuity.Apply(made.Checked, treeSize);                                   // may be lost: read again from the ledger
        progress.Broken(made.Checked.BreakCount);
        progress.Sealed(made.Batch, elapsed);
        capture.Release(made.Batch);                                                // as much may be read on: memory is bounded
        if (continuity.IsToBeginAnew || Rewrites.In(made.Batch)) rewritten();
    }

    /// <summary>Keys, then entries: both durable when it returns. The way into the ledger for entries that come from no log.</summary>
    /// <returns>Where each batch was sealed; they are sealed in their order.</returns>
    public static Task<SealedBatch[]> SealAsync(Keyring keyring, LedgerWriter writer, IReadOnlyList<EntryBatch> batches, CancellationToken cancellationToken)
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
            throw writer.Stop(failure);                                             // a failed flush is never tried again: not by the next session either
        }
    }

    /// <summary>Entries whose keys are durable.</summary>
    private static Task<SealedBatch[]> SealAsync(LedgerWriter writer, IReadOnlyList<EntryBatch> batches, CancellationToken cancellationToken) =>
        Task.WhenAll(batches.Select(batch => writer.SealAsync(batch, cancellationToken)));
}
