using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>One source's way into the ledger. The order keyring → seal → confirm → index is the product, and it is written here, once.</summary>
/// <remarks>Two loops: one reads and makes entries, the other seals and confirms what the first made, in the order it was read.</remarks>
internal sealed class Pipeline(
    SourceCapture capture, ContinuityCheck continuity, EntryMaker maker, Keyring keyring, LedgerWriter writer, IndexFeed index, CoverageLog coverage,
    SourceProgress progress, Action rewritten, TimeProvider time)
{
    /// <summary>Batches made and not yet sealed; bounds memory.</summary>
    private const int MadeMax = 3;
    /// <summary>Changes in a batch from which on it is part of a backlog, and not live.</summary>
    private const int BacklogMin = 1000;

    private readonly record struct Made(CapturedBatch Batch, CheckedBatch Checked, IReadOnlyList<EntryBatch> Entries);

    /// <summary>Runs until cancelled or the source fails. What was read before is then sealed.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        Channel<Made> made = Channel.CreateBounded<Made>(MadeMax);
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task making = MakeAsync(made.Writer, stop.Token);
        try
        {
            await SealMadeAsync(made.Reader, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync(); // sealing failed or there is nothing left to seal: nothing more is wanted
            await making;
        }
    }

    private async Task MakeAsync(ChannelWriter<Made> made, CancellationToken cancellationToken)
    {
        try
        {
            await foreach (CapturedBatch batch in capture.ReadAsync(cancellationToken))
            {
                CheckedBatch held = continuity.Check(batch);
                IReadOnlyList<EntryBatch> entries = maker.Make(batch, held.Breaks);
                coverage.AddWhenDue(entries[^1], batch.Confirmable);
                await made.WriteAsync(new Made(batch, held, entries), cancellationToken);
            }
        }
        catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
        {
            return; // told to stop
        }
        finally
        {
            made.Complete(); // a failure travels through the awaited task: what was made before it is still sealed
        }
    }

    private async Task SealMadeAsync(ChannelReader<Made> made, CancellationToken stopping)
    {
        await foreach ((CapturedBatch batch, CheckedBatch held, IReadOnlyList<EntryBatch> entries) in made.ReadAllAsync(CancellationToken.None))
        {
            long started = time.GetTimestamp();
            long treeSize = 0;
            foreach (EntryBatch part in entries)
            {
                SealedBatch place = await SealAsync(keyring, writer, part, CancellationToken.None); // durable when it returns, the mark with it
                treeSize = place.FirstIndex + part.Count;
            }
            if (!stopping.IsCancellationRequested)                                  // else the connection is closing: confirmed at the next start
            {
                await capture.ConfirmAsync(batch.Confirmable, stopping);            // PostgreSQL may now forget it
            }
            continuity.Apply(held, treeSize);                                       // may be lost: read again from the ledger
            progress.Broken(held.BreakCount);
            progress.Sealed(batch, time.GetElapsedTime(started));
            capture.Release(batch);                                                 // as much may be read on: memory is bounded
            if (Rewrites.In(batch)) rewritten();
            if (batch.Changes.Count >= BacklogMin) await index.RoomAsync(time, stopping); // the index follows what is published, and is never waited for but here
        }
    }

    /// <summary>Keys, then entries: both durable when it returns. The only way into the ledger, also for entries that come from no log.</summary>
    public static Task<SealedBatch> SealAsync(Keyring keyring, LedgerWriter writer, EntryBatch entries, CancellationToken cancellationToken)
    {
        keyring.Commit();                                                           // an entry whose key is lost is lost
        return writer.SealAsync(entries, cancellationToken);
    }
}
