using System.Globalization;
using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>Checks the part of the configuration that alerts are told by.</summary>
internal static class AlertsCheck
{
    private const int NameLengthMax = 32;

    /// <summary>Throws a usage error at the first value that cannot be.</summary>
    public static void Check(string path, AlertsConfig alerts)
    {
        ConfigFile.Range(path, "alerts.lagSeconds", alerts.LagSeconds, 0, 86_400);
        ConfigFile.Range(path, "alerts.downSeconds", alerts.DownSeconds, 0, 86_400);
        ConfigFile.Range(path, "alerts.staleSeconds", alerts.StaleSeconds, 0, 604_800);
        ConfigFile.Range(path, "alerts.intervalSeconds", alerts.IntervalSeconds, 1, 3_600);
        foreach (string code in alerts.Guards ?? [])
        {
            Expect(GuardMeaning.All.Any(meaning => meaning.Code == code),
                $"{path}: alerts.guards: expected codes of {string.Join(", ", GuardMeaning.All.Select(meaning => meaning.Code))}, "
                    + $"found '{code}'");
        }
        if (alerts.MassChange is { } mass)
        {
            ConfigFile.Range(path, "alerts.massChange.rows", mass.Rows, 1, int.MaxValue);
            ConfigFile.Range(path, "alerts.massChange.seconds", mass.Seconds, 1, 86_400);
        }
        if (alerts.OutsideHours is { } hours)
        {
            Expect(TimeZoneInfo.TryFindSystemTimeZoneById(hours.TimeZone, out _),
                $"{path}: alerts.outsideHours.timeZone: expected a time zone such as Europe/Berlin, found '{hours.TimeZone}'");
            foreach (string time in (string[])[hours.From, hours.To])
            {
                Expect(TimeOnly.TryParseExact(time, WorkingHours.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
                    $"{path}: alerts.outsideHours: expected a time such as 08:00, found '{time}'");
            }
            Expect(hours.From != hours.To,
                $"{path}: alerts.outsideHours: expected hours that begin and end at different times, found {hours.From} to {hours.To}");
        }
        foreach ((string name, AlertTargetConfig target) in alerts.Targets) Check($"{path}: alerts.targets.{name}", name, target);
    }

    private static void Check(string where, string name, AlertTargetConfig target)
    {
        Expect(name.Length is > 0 and <= NameLengthMax && name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_'),
            $"{where}: expected a name of 1 to {NameLengthMax} of a-z, 0-9 and _, found '{name}'");
        bool isWebhook = target.Kind == AlertTargetKind.Webhook;
        Expect(isWebhook || (target.Url ?? target.UrlEnvironment ?? target.SecretFile ?? target.SecretEnvironment) is null,
            $"{where}: expected url and secret for kind webhook only, found them for {Words.Of(target.Kind)}");
        Expect(target.Kind == AlertTargetKind.Syslog || target.Address is null,
            $"{where}: expected address for kind syslog only, found it for {Words.Of(target.Kind)}");
        Expect(target.Address is null || SyslogSender.IsAddress(target.Address),
            $"{where}: address: expected a path, udp://host:port or tcp://host:port, found '{target.Address}'");
        if (!isWebhook) return;
        Expect(target.Url is null != target.UrlEnvironment is null,
            $"{where}: expected url or urlEnvironment, found {(target.Url is null ? "neither" : "both")}");
        Expect(target.Url is null || WebhookSender.IsSafe(target.Url),
            $"{where}: url: expected an https address, or an http one of this machine, found something else");
        Expect(target.SecretFile is null || target.SecretEnvironment is null,
            $"{where}: expected secretFile or secretEnvironment, found both");
    }

    private static void Expect(bool holds, string message)
    {
        if (!holds) throw new IndelibleException(ExitCode.Usage, message);
    }
}
