using System.Data.Common;
using System.Net.Sockets;
using Indelible.Capture;
using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Keeps one source's pipeline going. The only place that tries again: with growing pauses, at most <see cref="AttemptsMax"/> times in a row.</summary>
internal sealed class SourceRunner(string source, SourceConfig config, LedgerHost host, ILogger logger)
{
    /// <summary>About a day of pauses of <see cref="PauseMax"/>.</summary>
    private const int AttemptsMax = 2900;
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);

    private readonly SourceProgress _progress = new(source, host.Metrics);

    /// <summary>How it stands.</summary>
    public SourceStatus Status() => _progress.Status();

    /// <summary>Captures until cancelled; then what was read is sealed. Throws when trying again is of no use.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        int attempt = 0;
        while (!cancellationToken.IsCancellationRequested)
        {
            long batches = _progress.Batches;
            try
            {
                await new SourceSession(source, config, host, _progress, logger).RunAsync(cancellationToken);
            }
            catch (Exception e) when (MayPass(e) && attempt < AttemptsMax)
            {
                attempt = _progress.Batches > batches ? 1 : attempt + 1;
                await PauseAsync(attempt, e.Message, cancellationToken);
            }
            catch (Exception e) when (Note(e)) { throw; }
        }
        _progress.Enter("stopped");
    }

    private static bool MayPass(Exception e) => e switch
    {
        DbException { SqlState: "55006" } => true, // the slot is still held by the walsender of a process that died
        DbException database => database.IsTransient,
        IOException or SocketException or TimeoutException => e.HResult != DiskFull,
        _ => false,
    };

    private const int DiskFull = 28;

    /// <summary>A filter that never takes the exception: it only records why the source stops.</summary>
    private bool Note(Exception e)
    {
        if (e is OperationCanceledException) return false;
        _progress.Enter("stopped", e.Message);
        ServerLog.SourceStopped(logger, source, e.Message);
        return false;
    }

    private async Task PauseAsync(int attempt, string reason, CancellationToken cancellationToken)
    {
        TimeSpan pause = TimeSpan.FromMilliseconds(Math.Min(PauseMin.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 10)), PauseMax.TotalMilliseconds));
        _progress.Enter("waiting", reason);
        ServerLog.Retrying(logger, source, attempt, (long)pause.TotalMilliseconds, reason);
        await Task.Delay(pause, host.Time, cancellationToken).ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default); // cancelled: the loop sees it
    }
}
