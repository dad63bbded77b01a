using Microsoft.Extensions.Logging;

namespace Indelible.Server.Alerts;

/// <summary>Tells every configured receiver of conditions, in a process that holds no ledger: a mirror, a witness.</summary>
/// <param name="config">Whom to tell; null: standard error.</param>
/// <param name="conditions">What is wrong.</param>
/// <param name="originOf">Which ledger a condition is about, by its source.</param>
/// <param name="standardError">Where alerts go that are meant for it.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Told of receivers that do not take an alert.</param>
internal sealed class ConditionDelivery(AlertsConfig? config, Conditions conditions, Func<string?, string> originOf,
    TextWriter standardError, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan PauseMax = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan LastPatience = TimeSpan.FromSeconds(3);

    /// <summary>Tells until cancelled; what is known by then is told once more before it returns, within seconds.</summary>
    public Task RunAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(AlertSenders.Of(config ?? new AlertsConfig(), standardError)
            .Select(target => TellAsync(target.Name, target.Send, cancellationToken)));

    private async Task TellAsync(string name, SendAlert send, CancellationToken cancellationToken)
    {
        Dictionary<(string, string?), Condition> told = [];
        TimeSpan pause = Glance;
        while (!cancellationToken.IsCancellationRequested)
        {
            bool isTold = await TryAsync(name, send, told, cancellationToken);
            pause = isTold ? Glance : pause + pause < PauseMax ? pause + pause : PauseMax;
            await Task.Delay(pause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
        using CancellationTokenSource patience = new(LastPatience, time);
        await TryAsync(name, send, told, patience.Token);
    }

    /// <summary>False if the receiver did not take what there is.</summary>
    private async Task<bool> TryAsync(
        string name, SendAlert send, Dictionary<(string, string?), Condition> told, CancellationToken cancellationToken)
    {
        try
        {
            foreach (Condition condition in conditions.All())
            {
                Condition? known = told.GetValueOrDefault((condition.Kind, condition.Source));
                if (known == condition) continue;
                if (known?.Since != condition.Since)
                    await send(condition.ToAlert(originOf(condition.Source), isOver: false), cancellationToken);
                if (condition.Over is not null) await send(condition.ToAlert(originOf(condition.Source), isOver: true), cancellationToken);
                told[(condition.Kind, condition.Source)] = condition;
            }
            return true;
        }
        catch (Exception e) when (AlertTarget.IsFailure(e, cancellationToken) || e is OperationCanceledException)
        {
            if (!cancellationToken.IsCancellationRequested) ServerLog.AlertNotDelivered(logger, name, AlertTarget.Words(e));
            return false;
        }
    }
}
