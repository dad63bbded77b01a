using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>The sealing loop: owns the tree and the end of the journal.</summary>
public sealed partial class LedgerWriter
{
    private SealRequest? _carried;
    private Task _early = Task.CompletedTask;

    private async Task SealLoopAsync()
    {
        var group = new List<SealRequest>();
        while (await TakeGroupAsync(group))
        {
            try
            {
                IReadOnlyList<SealedBatch> results = SealGroup(group);
                for (int i = 0; i < group.Count; i++) group[i].Done.SetResult(results[i]);
                if (Interlocked.Read(ref _unpublishedLength) > _options.UnpublishedLengthMax) await PublishEarlyAsync();
            }
            catch (Exception failure)
            {
                FailAll(group, failure);
                if (failure is IOException or LedgerCorruptException or Format.IndelibleException) return;
                throw;
            }
        }
    }

    /// <summary>Publishes beside the sealing of what comes next; waits only while as much again is still being published.</summary>
    private async Task PublishEarlyAsync()
    {
        await _early;
        _early = PublishNowAsync();

        async Task PublishNowAsync()
        {
            await Task.Yield();
            await PublishAsync(CancellationToken.None);
        }
    }

    /// <summary>Waits for a batch and takes all that wait with it, up to the limit of a group;
    /// false once the queue is closed and empty.</summary>
    private async ValueTask<bool> TakeGroupAsync(List<SealRequest> group)
    {
        group.Clear();
        if (_carried is null && !await _queue.Reader.WaitToReadAsync()) return false;
        long length = 0;
        while (_carried is not null || _queue.Reader.TryRead(out _carried))
        {
            length += _carried.Batch.Length;
            if (group.Count > 0 && length > _options.GroupLengthMax) break;
            group.Add(_carried);
            _carried = null;
        }
        return true;
    }

    /// <summary>Blobs durable, then tree, then one record: written and flushed before anyone is told.</summary>
    private List<SealedBatch> SealGroup(List<SealRequest> requests)
    {
        if (_failure is not null) throw Failed(_failure);
        long started = _time.GetTimestamp();
        EntryBatch[] batches = [.. requests.Select(request => request.Batch)];
        SourceMark[] marks = [.. batches.Select(batch => batch.Mark).OfType<SourceMark>()];
        foreach (Blob blob in batches.SelectMany(batch => batch.Blobs))
            _blobs.Stage(LedgerFiles.Blob(blob.Sha256.Span), blob.Ciphertext.Span);
        _blobs.Commit();
        SealedGroup group = _tree.Append(batches);
        _journal.Append(group.FirstIndex, group.Head, marks, batches);
        foreach (EntryBatch batch in batches) batch.ReleaseBlobs();
        Accept(group, marks);
        if (_journal.SegmentLength > _options.SegmentLengthMax) _journal.BeginSegment(_tree.Range, _marks.Values);
        LedgerLog.Sealed(_log, group.Head.Size - group.FirstIndex, group.Head.Size, (long)_time.GetElapsedTime(started).TotalMilliseconds);
        return Results(group);
    }

    private void Accept(SealedGroup group, IReadOnlyList<SourceMark> marks)
    {
        lock (_stateLock)
        {
            foreach (SourceMark mark in marks) _marks[mark.Source] = mark;
            if (group.Head.Size == group.FirstIndex) return;
            _unpublished.Add(group);
            _unpublishedLength += group.Length;
        }
        Interlocked.Exchange(ref _treeSize, group.Head.Size);
    }

    private static List<SealedBatch> Results(SealedGroup group)
    {
        var results = new List<SealedBatch>();
        long next = group.FirstIndex;
        foreach (EntryBatch batch in group.Batches)
        {
            results.Add(new SealedBatch(next, group.Head.Size));
            next += batch.Count;
        }
        return results;
    }

    private void FailAll(List<SealRequest> group, Exception failure)
    {
        Format.IndelibleException reported = Fail(failure);
        foreach (SealRequest request in group) request.Done.TrySetException(reported);
        _carried?.Done.TrySetException(reported);
        while (_queue.Reader.TryRead(out SealRequest? waiting)) waiting.Done.TrySetException(reported);
    }
}
