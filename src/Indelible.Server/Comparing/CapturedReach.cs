using Indelible.Format;

namespace Indelible.Server.Comparing;

/// <summary>The ledger of this process; if nobody captures the source, it is captured here meanwhile.</summary>
internal sealed class CapturedReach : ILedgerReach, IAsyncDisposable
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);
    /// <summary>How long capture may stand still.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);

    private readonly LedgerHost _host;
    private readonly string _source;
    private readonly SourceRunner? _runner;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _capturing = Task.CompletedTask;

    public CapturedReach(LedgerHost host, string source)
    {
        (_host, _source) = (host, source);
        if (host.IsRunning) return;
        _runner = host.NewRunner(source);
        _capturing = _runner.RunAsync(_stop.Token);
    }

    /// <inheritdoc/>
    public async Task<string?> ReachAsync(Lsn position, CancellationToken cancellationToken)
    {
        Lsn reached = Lsn.None;
        long reachedAt = _host.Time.GetTimestamp();
        while (true)
        {
            SourceStatus? status = Status();
            if (status?.Sealed >= position) break;    // the images are applied before a source says how far it is
            if (await WhyNeverAsync(status) is { } reason)
            {
                await _host.PublishAsync(cancellationToken);    // a gap may have been sealed before it gave up
                return reason;
            }
            if (status?.Sealed > reached) (reached, reachedAt) = (status.Sealed, _host.Time.GetTimestamp());
            if (_host.Time.GetElapsedTime(reachedAt) > Patience)
            {
                return $"capture stands at {reached} for {Patience.TotalSeconds} s and does not pass {position}; "
                    + "see `indelible status` and `indelible doctor`";
            }
            await Task.Delay(Glance, _host.Time, cancellationToken);
        }
        await _host.PublishAsync(cancellationToken);
        return null;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _capturing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private SourceStatus? Status() => _runner is null ? _host.Sources.FirstOrDefault(one => one.Source == _source) : _runner.Status();

    /// <summary>Why the source is not captured any more; null if it is, or may be again.</summary>
    private async Task<string?> WhyNeverAsync(SourceStatus? status)
    {
        if (_runner is null) return status is { State: "stopped" } ? status.Problem ?? "the source is not captured" : null;
        if (!_capturing.IsCompleted) return null;
        try
        {
            await _capturing;
            return "the source is not captured";
        }
        catch (IndelibleException e)
        {
            return e.Message;
        }
    }
}
