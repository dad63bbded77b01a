using System.Data.Common;
using System.Net.Sockets;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Index;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Keeps one source's pipeline going. The only place that tries again:
/// with growing pauses, at most <see cref="AttemptsMax"/> times in a row.</summary>
internal sealed class SourceRunner(string source, SourceConfig config, LedgerHost host, ILogger logger)
{
    /// <summary>About a day of pauses of <see cref="PauseMax"/>.</summary>
    private const int AttemptsMax = 2900;
    /// <summary>About two minutes.</summary>
    private const int AttemptsForSlot = 10;
    private const int DiskFull = 28;
    private static readonly TimeSpan PauseMin = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan PauseMax = TimeSpan.FromSeconds(30);
    /// <summary>For a server that said nothing for the usual time: it may be making a very large message.</summary>
    private static readonly TimeSpan LongSilenceMax = TimeSpan.FromMinutes(10);

    private readonly SourceProgress _progress = new(source, host.Metrics, host.Time);

    /// <summary>True once trying again was of no use; <see cref="RunAsync"/> then failed with the reason,
    /// which is logged and in <see cref="Status"/>.</summary>
    public bool GaveUp { get; private set; }

    /// <summary>How it stands.</summary>
    public SourceStatus Status() => _progress.Status();

    /// <summary>Captures until cancelled; then what was read is sealed. Throws when trying again is of no use.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        int attempt = 0;
        bool wasSilent = false;
        while (!cancellationToken.IsCancellationRequested)
        {
            long batches = _progress.Batches;
            try
            {
                TimeSpan silenceMax = wasSilent ? LongSilenceMax : SourceCapture.UsualSilenceMax;
                await new SourceSession(source, config, host, _progress, silenceMax, logger).RunAsync(cancellationToken);
            }
            catch (Exception e) when (attempt < AttemptsFor(e, wasSilent))
            {
                bool hasAdvanced = _progress.Batches > batches;
                attempt = hasAdvanced ? 1 : attempt + 1;
                wasSilent = e is DbException { InnerException: TimeoutException } || (wasSilent && !hasAdvanced);
                await PauseAsync(attempt, Told(e).Message, cancellationToken);
            }
            catch (OperationCanceledException) when (cancellationToken.IsCancellationRequested)
            {
                break; // told to stop
            }
            catch (Exception e)
                when (e is DbException or IndelibleException or IndexDiskException or IOException or SocketException or TimeoutException)
            {
                throw Stopped(Told(e));
            }
        }
        _progress.Enter("stopped");
    }

    /// <summary>How often in a row to try again after a failure; zero where that is of no use.</summary>
    private int AttemptsFor(Exception e, bool wasSilent) => e switch
    {
        // the walsender that was silent holds the slot until it has made its message, and finds nobody there to take it
        IndelibleException { ExitCode: ExitCode.Environment } when wasSilent => AttemptsMax,
        // the walsender of a process that died may hold the slot for a while
        IndelibleException { ExitCode: ExitCode.Environment } => AttemptsForSlot,
        IndelibleException { ExitCode: ExitCode.Usage } => _progress.Batches > 0 ? AttemptsForSlot : 0, // a password file being exchanged
        // it worked before: somebody will put a password, a privilege or a setting right
        DbException when _progress.Batches > 0 => AttemptsMax,
        DbException { IsTransient: true } => AttemptsMax,
        DbException { SqlState: "55006" or "57P01" or "57P02" or "57P03" } => AttemptsMax,
        DbException { SqlState: null } => AttemptsMax, // the connection broke
        SocketException or TimeoutException => AttemptsMax,
        IndexDiskException => AttemptsMax, // somebody will free some space
        IOException => e.HResult == DiskFull ? 0 : AttemptsMax,
        _ => 0,
    };

    /// <summary>What PostgreSQL's driver says, in words with where and what to do.</summary>
    private Exception Told(Exception e) => e is DbException failure
        ? SourceFailure.From(failure, SourceConnection.Parse(config.Connection))
        : e;

    private Exception Stopped(Exception e)
    {
        GaveUp = true;
        _progress.Enter("stopped", e.Message);
        ServerLog.SourceStopped(logger, source, e.Message);
        return e;
    }

    private async Task PauseAsync(int attempt, string reason, CancellationToken cancellationToken)
    {
        TimeSpan pause = TimeSpan.FromMilliseconds(
            Math.Min(PauseMin.TotalMilliseconds * Math.Pow(2, Math.Min(attempt - 1, 10)), PauseMax.TotalMilliseconds));
        _progress.Enter("waiting", reason);
        ServerLog.Retrying(logger, source, attempt, (long)pause.TotalMilliseconds, reason);
        await Task.Delay(pause, host.Time, cancellationToken).ContinueWith(
            static _ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default); // cancelled: the loop sees it
    }
}
