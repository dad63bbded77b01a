namespace Indelible.Server.Alerts;

/// <summary>Looks at the sources that run: who lags, who is not captured.</summary>
internal sealed class ConditionWatch(AlertsConfig config, Conditions conditions, TimeProvider time)
{
    private readonly Dictionary<string, long> _downSince = new(StringComparer.Ordinal);

    /// <summary>Looks once.</summary>
    public void Look(IReadOnlyList<SourceStatus> sources)
    {
        foreach (SourceStatus source in sources)
        {
            if (config.LagSeconds > 0) conditions.Set("capture-lag", source.Source, Lag(source));
            if (config.DownSeconds > 0) conditions.Set("source-down", source.Source, Down(source));
        }
    }

    private string? Lag(SourceStatus source) => source.Lag < TimeSpan.FromSeconds(config.LagSeconds)
        ? null
        : $"{source.Source}: whatever changed in the last {config.LagSeconds} seconds or longer is not sealed yet, "
            + $"{source.LagBytes} bytes of log that are known of. See `indelible status`";

    /// <summary>A source that gave up is down at once; one that is being stopped is not down.</summary>
    private string? Down(SourceStatus source)
    {
        if (source.State is "capturing" or "baseline" || source is { State: "stopped", Problem: null })
        {
            _downSince.Remove(source.Source);
            return null;
        }
        if (!_downSince.TryGetValue(source.Source, out long since)) _downSince[source.Source] = since = time.GetTimestamp();
        if (source.State != "stopped" && time.GetElapsedTime(since) < TimeSpan.FromSeconds(config.DownSeconds)) return null;
        return $"{source.Source} is not captured ({source.State}): {source.Problem ?? source.LastError?.Message ?? "no connection yet"}. "
            + $"See `indelible doctor --source {source.Source}`";
    }
}
