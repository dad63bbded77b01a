using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>Says of a time whether people are at work then, by the clock on their wall.</summary>
internal sealed class WorkingHours(WorkingHoursConfig config)
{
    /// <summary>How times of day are written.</summary>
    public const string TimeFormat = "HH:mm";

    private readonly TimeOnly _from = Parse(config.From), _to = Parse(config.To);
    private readonly TimeZoneInfo _zone = TimeZoneInfo.FindSystemTimeZoneById(config.TimeZone);

    /// <summary>True if nobody is. Hours that end before they begin belong to the day on which they began.</summary>
    public bool IsOutside(MicroTime at)
    {
        DateTimeOffset local = TimeZoneInfo.ConvertTime(at.ToDateTimeOffset(), _zone);
        TimeOnly time = TimeOnly.FromTimeSpan(local.TimeOfDay);
        if (_from < _to) return time < _from || time >= _to || !config.Days.Contains(local.DayOfWeek);
        if (time >= _from) return !config.Days.Contains(local.DayOfWeek);
        return time >= _to || !config.Days.Contains(local.AddDays(-1).DayOfWeek);
    }

    private static TimeOnly Parse(string time) => TimeOnly.ParseExact(time, TimeFormat, System.Globalization.CultureInfo.InvariantCulture);
}
