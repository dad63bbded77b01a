using System.Globalization;
using Indelible.Format;

namespace Indelible.Cli.Output;

/// <summary>Times as people type them: ISO 8601 (UTC unless an offset is given) or an age such as <c>90s</c>, <c>15m</c>, <c>2h</c>,
/// <c>3d</c>, <c>1w</c>.</summary>
internal static class TimeArgument
{
    private static readonly TimeSpan AgeMax = TimeSpan.FromDays(365_000);

    /// <summary>Throws a usage error on anything else.</summary>
    public static MicroTime Parse(string option, string text, DateTimeOffset now)
    {
        if (Age(text) is { } age) return MicroTime.From(now - age);
        const DateTimeStyles style = DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal;
        if (text.Length >= 10 && text[4] == '-'
            && DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, style, out DateTimeOffset time))
        {
            return MicroTime.From(time);
        }
        throw new IndelibleException(ExitCode.Usage,
            $"{option}: expected a time such as 2026-11-23T19:04:47Z or an age such as 2h or 3d, found '{text}'");
    }

    private static TimeSpan? Age(string text)
    {
        if (text.Length is < 2 or > 8
            || !int.TryParse(text.AsSpan(0, text.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out int count))
        {
            return null;
        }
        TimeSpan? unit = text[^1] switch
        {
            's' => TimeSpan.FromSeconds(1),
            'm' => TimeSpan.FromMinutes(1),
            'h' => TimeSpan.FromHours(1),
            'd' => TimeSpan.FromDays(1),
            'w' => TimeSpan.FromDays(7),
            _ => null,
        };
        return unit is { } one && count <= AgeMax / one ? one * count : null;
    }
}
