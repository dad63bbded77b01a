using System.Data.Common;
using System.Net.Sockets;
using Indelible.Format;
using Indelible.Index;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Crosschecks every source that is captured, once an interval.
/// When the last one was is in the ledger, so a restart neither forgets nor repeats it.</summary>
internal sealed class CrosscheckSchedule(LedgerHost host, ILogger logger)
{
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(5);
    /// <summary>Before one that failed is tried again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMinutes(10);

    private readonly Dictionary<string, long> _failedAt = [];

    /// <summary>Runs until cancelled, also if none is wanted: the configuration may change.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            await Task.Delay(Glance, host.Time, cancellationToken);
            if (host.Config.CrosscheckIntervalHours == 0) continue;
            foreach (SourceStatus running in host.Sources)
            {
                if (running.State == "capturing") await CheckAsync(running.Source, cancellationToken);
            }
        }
    }

    private bool IsDue(string source)
    {
        if (_failedAt.TryGetValue(source, out long failed) && host.Time.GetElapsedTime(failed) < Pause) return false;
        return LastCrosscheck.Of(host.View, source) is not { } last
            || host.Time.GetUtcNow() - DateTimeOffset.UnixEpoch - TimeSpan.FromMicroseconds(last.SealedAt.Micros)
            >= TimeSpan.FromHours(host.Config.CrosscheckIntervalHours);
    }

    /// <summary>What goes wrong is logged and tried again later: capture does not stop for it.</summary>
    private async Task CheckAsync(string source, CancellationToken cancellationToken)
    {
        if (!host.Config.Sources.TryGetValue(source, out SourceConfig? config)) return;    // unprotected just now
        try
        {
            if (!IsDue(source)) return;
            CrosscheckReport report = await new Crosscheck(host, source, config, static _ => { }).RunAsync(cancellationToken);
            await host.PublishAsync(cancellationToken);
            if (report.IsFine) ServerLog.Crosschecked(logger, source, report.Rows, report.GuardEntry!.Value);
            else ServerLog.CrosscheckFound(logger, source, report.DifferenceCount, report.NotCovered.Count, report.GuardEntry!.Value);
        }
        catch (Exception e)
            when (e is IndelibleException or IndexDamagedException or DbException or SocketException or IOException or TimeoutException)
        {
            _failedAt[source] = host.Time.GetTimestamp();
            ServerLog.CrosscheckFailed(logger, source, e.Message);
        }
    }
}
