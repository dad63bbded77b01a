using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>What is wrong now and stands in no entry. Told when it begins, when it is over, and, while it lasts, again after a restart.
/// Any thread.</summary>
internal sealed class Conditions(TimeProvider time)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Kind, string? Source), Condition> _all = [];

    /// <summary>Says how it stands with something; null: well. Nothing changes if it stood so before.</summary>
    public void Set(string kind, string? source, string? problem)
    {
        lock (_lock)
        {
            Condition? known = _all.GetValueOrDefault((kind, source));
            if ((known?.Over is null && known is not null) == problem is not null) return;
            MicroTime now = MicroTime.From(time.GetUtcNow());
            _all[(kind, source)] = problem is null ? known! with { Over = now } : new Condition(kind, source, problem, now, null);
        }
    }

    /// <summary>All there ever were since the process started, each as it was last.</summary>
    public IReadOnlyList<Condition> All()
    {
        lock (_lock) return [.. _all.Values.OrderBy(condition => condition.Since)];
    }
}

/// <summary>Something that is, or was, wrong.</summary>
/// <param name="Kind">Kind of the alert.</param>
/// <param name="Source">Source it is about; null if none.</param>
/// <param name="Message">What, and what to do.</param>
/// <param name="Since">When it began.</param>
/// <param name="Over">When it was over; null if it lasts.</param>
internal sealed record Condition(string Kind, string? Source, string Message, MicroTime Since, MicroTime? Over)
{
    public Alert ToAlert(string origin, bool isOver) => new()
    {
        Id = $"{origin} {Kind} {Source} {Since}{(isOver ? " over" : "")}",
        Kind = Kind,
        IsOver = isOver,
        Origin = origin,
        At = isOver ? Over!.Value : Since,
        Source = Source,
        Message = isOver ? $"over: {Message}" : Message,
    };
}
