using System.Diagnostics.Metrics;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Replication;

/// <summary>The copies that <c>run</c> keeps, each by a loop of its own.</summary>
internal sealed class Copies
{
    /// <summary>How long sources wait, at a start, for the copies to say what they hold: a ledger that was rolled back is then found out before anything is sealed.</summary>
    private static readonly TimeSpan ContactPatience = TimeSpan.FromSeconds(5);
    /// <summary>For a last round when the process stops.</summary>
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Glance = TimeSpan.FromSeconds(1);

    private readonly LedgerHost _host;
    private readonly Conditions _conditions;
    private readonly Target[] _targets;

    public Copies(LedgerHost host, Conditions conditions, ILogger logger)
    {
        (_host, _conditions) = (host, conditions);
        _targets = [.. host.Config.Targets.Select(target => new Target(target.Key, target.Value, host, conditions, logger))];
        host.Writer.Published += published =>
        {
            foreach (Target target in _targets) target.Offer(published);
        };
    }

    /// <summary>Entries that as many copies hold as the policy asks for before a position is confirmed; everything, if it asks for none.</summary>
    public long HeldSize => _host.Config.ConfirmAfter == 0 ? long.MaxValue : _targets.Select(target => target.Size).OrderDescending().ElementAt(_host.Config.ConfirmAfter - 1);

    /// <summary>How each stands.</summary>
    public IReadOnlyList<TargetStatus> Status() => [.. _targets.Select(target => target.Status())];

    /// <summary>Waits a little for every copy to answer, or to fail.</summary>
    public async Task ContactedAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(ContactPatience);
        await Task.WhenAll(_targets.Select(target => target.Contacted)).WaitAsync(patience.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <summary>Copies until cancelled.</summary>
    /// <exception cref="CopyContradictsException">A copy shows that this ledger was rolled back or rewritten.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] running = [WatchAsync(stop.Token), .. _targets.Select(target => target.RunAsync(stop.Token))];
        Task first = await Task.WhenAny(running);
        await stop.CancelAsync();
        await Task.WhenAll(running).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await first;
    }

    /// <summary>Brings the copies up to what is published, if they are well, and lets go of them. After <see cref="RunAsync"/>.</summary>
    public async Task EndAsync()
    {
        using CancellationTokenSource patience = new(LastPatience, _host.Time);
        await Task.WhenAll(_targets.Where(target => target.Status().Problem is null).Select(target => target.RoundAsync(patience.Token))).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        foreach (Target target in _targets) await target.CloseAsync();
    }

    public IEnumerable<Measurement<long>> Sizes() => Status().Select(copy => new Measurement<long>(copy.Size, Tag(copy)));

    public IEnumerable<Measurement<long>> LagEntries() => Status().Select(copy => new Measurement<long>(copy.LagEntries, Tag(copy)));

    public IEnumerable<Measurement<double>> LagSeconds() => Status().Select(copy => new Measurement<double>(copy.Lag?.TotalSeconds ?? 0, Tag(copy)));

    private static KeyValuePair<string, object?> Tag(TargetStatus copy) => new("target", copy.Name);

    /// <summary>Tells of copies that are too far behind, and when they no longer are.</summary>
    private async Task WatchAsync(CancellationToken cancellationToken)
    {
        int staleSeconds = (_host.Config.Alerts ?? new AlertsConfig()).StaleSeconds;
        while (true)
        {
            foreach (TargetStatus copy in Status().Where(_ => staleSeconds > 0)) _conditions.Set("copy-stale", copy.Name, Stale(copy, staleSeconds));
            await Task.Delay(Glance, _host.Time, cancellationToken);
        }
    }

    private static string? Stale(TargetStatus copy, int staleSeconds) => copy.Lag < TimeSpan.FromSeconds(staleSeconds)
        ? null
        : $"copy {copy.Name} ({copy.Place}) has not taken anything for {staleSeconds} seconds or longer: it holds {copy.Size} of {copy.Published} entries"
            + $"{(copy.Problem is { } problem ? $". {problem}" : "")}. Until it does, they exist only here. See `indelible status`";
}
