namespace Indelible.Server;

/// <summary>Keeps a computation to a share of one core by pauses between its steps. One thread.</summary>
/// <param name="percent">The share, 1 to 100.</param>
/// <param name="time">The clock.</param>
internal sealed class SharedCore(int percent, TimeProvider time)
{
    /// <summary>Work done between two pauses, at least: shorter ones cost more than they give.</summary>
    private static readonly TimeSpan WorkMin = TimeSpan.FromMilliseconds(5);

    private long _since = time.GetTimestamp();

    /// <summary>Rests as long as the work done since the last rest makes necessary. Blocks its thread.</summary>
    /// <exception cref="OperationCanceledException">Told to stop.</exception>
    public void Rest(CancellationToken cancellationToken)
    {
        TimeSpan worked = time.GetElapsedTime(_since);
        if (percent == 100 || worked < WorkMin) return;
        cancellationToken.WaitHandle.WaitOne(worked * (100 - percent) / percent);
        cancellationToken.ThrowIfCancellationRequested();
        _since = time.GetTimestamp();
    }
}
