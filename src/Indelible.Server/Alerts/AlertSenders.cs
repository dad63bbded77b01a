using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>The configured ways to tell somebody.</summary>
public static class AlertSenders
{
    /// <summary>Name of the receiver that there is when none is configured.</summary>
    public const string DefaultName = "stderr";

    /// <summary>Names and kinds of all receivers.</summary>
    public static IReadOnlyList<(string Name, AlertTargetKind Kind)> Names(AlertsConfig? config) => config is { Targets.Count: > 0 }
        ? [.. config.Targets.Select(target => (target.Key, target.Value.Kind))]
        : [(DefaultName, AlertTargetKind.Stderr)];

    /// <summary>Tells every receiver a test alert; says of each why it did not take it, null if it did.</summary>
    public static async Task<IReadOnlyList<(string Name, AlertTargetKind Kind, string? Problem)>> TestAsync(
        AlertsConfig? config, string origin, TextWriter standardError, TimeProvider time, CancellationToken cancellationToken)
    {
        List<(string, AlertTargetKind, string?)> results = [];
        MicroTime now = MicroTime.From(time.GetUtcNow());
        Alert alert = new() { Id = $"{origin} test {now}", Kind = "test", Origin = origin, At = now, Message = "a test: nothing happened" };
        foreach ((string name, AlertTargetKind kind, SendAlert send) in Of(config ?? new AlertsConfig(), standardError))
        {
            string? problem = null;
            try
            {
                await send(alert, cancellationToken);
            }
            catch (Exception e) when (AlertTarget.IsFailure(e, cancellationToken))
            {
                problem = AlertTarget.Words(e);
            }
            results.Add((name, kind, problem));
        }
        return results;
    }

    internal static IReadOnlyList<(string Name, AlertTargetKind Kind, SendAlert Send)> Of(AlertsConfig config, TextWriter standardError) =>
        config.Targets.Count == 0
        ? [(DefaultName, AlertTargetKind.Stderr, ToStandardError(standardError))]
        : [.. config.Targets.Select(target => (target.Key, target.Value.Kind, SenderOf(target.Key, target.Value, standardError)))];

    private static SendAlert SenderOf(string name, AlertTargetConfig config, TextWriter standardError) => config.Kind switch
    {
        AlertTargetKind.Webhook => new WebhookSender(name, config).SendAsync,
        AlertTargetKind.Syslog => new SyslogSender(config.Address ?? SyslogSender.DefaultAddress).SendAsync,
        _ => ToStandardError(standardError),
    };

    private static SendAlert ToStandardError(TextWriter standardError) => async (alert, cancellationToken) =>
    {
        await standardError.WriteAsync($"{alert}\n".AsMemory(), cancellationToken);
        await standardError.FlushAsync(cancellationToken);
    };
}
