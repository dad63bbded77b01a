namespace Indelible.Capture.Reading;

/// <summary>Bounds the batches on their way to the ledger by their bytes: a few with huge values weigh as much as many with
/// small ones. One taker.</summary>
/// <param name="max">Bytes on their way at most, one batch's excess apart.</param>
internal sealed class ByteBudget(long max)
{
    private readonly Lock _lock = new();
    private long _taken;
    private TaskCompletionSource? _waiting;

    /// <summary>Waits until the bytes fit beside what is on its way, or nothing is: a single batch always passes, however large.</summary>
    public async Task TakeAsync(long bytes, CancellationToken cancellationToken)
    {
        while (TryTake(bytes) is { } released) await released.WaitAsync(cancellationToken);
    }

    /// <summary>Gives back what was taken. Any thread.</summary>
    public void Release(long bytes)
    {
        lock (_lock)
        {
            _taken -= bytes;
            _waiting?.TrySetResult();
            _waiting = null;
        }
    }

    /// <summary>Null if taken; otherwise what to wait for before trying again.</summary>
    private Task? TryTake(long bytes)
    {
        lock (_lock)
        {
            if (_taken > 0 && _taken + bytes > max)
            {
                _waiting ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                return _waiting.Task;
            }
            _taken += bytes;
            return null;
        }
    }
}
