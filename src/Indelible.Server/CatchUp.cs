using Indelible.Format;

namespace Indelible.Server;

/// <summary>Waits until a source is sealed up to a position; captures it meanwhile if nobody does.</summary>
internal sealed class CatchUp(LedgerHost host, string source)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);

    /// <summary>Everything committed before <paramref name="position"/> is sealed when it returns.</summary>
    /// <exception cref="IndelibleException">The source cannot be captured.</exception>
    public async Task SealUpToAsync(Lsn position, CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task capturing = host.IsRunning ? Task.Delay(Timeout.Infinite, stop.Token) : host.CaptureAsync(source, stop.Token);
        try
        {
            while ((host.Writer.MarkOf(source)?.Confirmable ?? Lsn.None) < position)
            {
                if (capturing.IsCompleted) await capturing; // its failure is the reason
                await Task.Delay(Glance, host.Time, cancellationToken);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await capturing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
