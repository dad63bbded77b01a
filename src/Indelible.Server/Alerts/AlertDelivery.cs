using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Alerts;

/// <summary>Tells every configured receiver what it should know, beside everything else the process does.</summary>
internal sealed class AlertDelivery
{
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);
    /// <summary>For a last word when the process stops.</summary>
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(3);

    private readonly LedgerHost _host;
    private readonly ConditionWatch _watch;
    private readonly AlertTarget[] _targets;

    public AlertDelivery(LedgerHost host, TextWriter standardError, ILogger logger)
    {
        _host = host;
        AlertsConfig config = host.Config.Alerts ?? new AlertsConfig();
        Conditions = new Conditions(host.Time);
        _watch = new ConditionWatch(config, Conditions, host.Time);
        _targets = [.. AlertSenders.Of(config, standardError).Select(target => new AlertTarget(
            target.Name, target.Kind, target.Send, config, host.View, Conditions, host.Metrics, host.Time, logger))];
    }

    /// <summary>What is wrong and stands in no entry.</summary>
    public Conditions Conditions { get; }

    /// <summary>How each receiver stands.</summary>
    public IReadOnlyList<AlertTargetStatus> Status() => [.. _targets.Select(target => target.Status())];

    /// <summary>Tells until cancelled; what is known by then is told once more before it returns, within seconds.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.WhenAll([WatchAsync(cancellationToken), .. _targets.Select(target => target.RunAsync(cancellationToken))])
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        using CancellationTokenSource patience = new(LastPatience, _host.Time);
        await Task.WhenAll(_targets.Select(target => target.LastAsync(patience.Token)));
    }

    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            _watch.Look(_host.Sources);
            Conditions.Set("index-unwritable", null, _host.View.Feed.Problem);
            await Task.Delay(Glance, _host.Time, cancellationToken);
        }
    }
}
