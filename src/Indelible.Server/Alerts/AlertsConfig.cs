namespace Indelible.Server.Alerts;

/// <summary>What <c>run</c> tells of, and whom. Without any of it, findings go to standard error. docs/alerts.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class AlertsConfig
{
    /// <summary>Guard codes to tell of; null: every guard entry that is a finding.</summary>
    public List<string>? Guards { get; set; }
    /// <summary>Whether to tell of changes of grade none, those found after a gap among them.</summary>
    public bool Unattributed { get; set; } = true;
    /// <summary>Many rows changed by one operator; null: not told of.</summary>
    public MassChangeConfig? MassChange { get; set; }
    /// <summary>Changes, and values read, outside working hours; null: not told of.</summary>
    public WorkingHoursConfig? OutsideHours { get; set; }
    /// <summary>Whether to tell of a failed verification.</summary>
    public bool Verification { get; set; } = true;
    /// <summary>How long something of a source's log may wait to be sealed, in seconds; 0: not told of.</summary>
    public int LagSeconds { get; set; } = 300;
    /// <summary>How long a source may be not captured, in seconds; 0: not told of.</summary>
    public int DownSeconds { get; set; } = 60;
    /// <summary>How long a copy may be without something that is published, in seconds; 0: not told of.</summary>
    public int StaleSeconds { get; set; } = 900;
    /// <summary>After something was told: how long what follows is collected, in seconds; 1 to 3600.</summary>
    public int IntervalSeconds { get; set; } = 30;
    /// <summary>Whom to tell, by name; none: standard error.</summary>
    public SortedDictionary<string, AlertTargetConfig> Targets { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>So many rows in so short a time by one operator.</summary>
public sealed class MassChangeConfig
{
    /// <summary>Rows, from 1.</summary>
    public int Rows { get; set; }
    /// <summary>Seconds, 1 to 86,400.</summary>
    public int Seconds { get; set; }
}

/// <summary>When people work.</summary>
public sealed class WorkingHoursConfig
{
    /// <summary>Days of the week; <c>monday</c> to <c>sunday</c>.</summary>
    public List<DayOfWeek> Days { get; set; } =
        [DayOfWeek.Monday, DayOfWeek.Tuesday, DayOfWeek.Wednesday, DayOfWeek.Thursday, DayOfWeek.Friday];
    /// <summary>Beginning, such as <c>08:00</c>.</summary>
    public string From { get; set; } = "08:00";
    /// <summary>End; before the beginning: on the next day.</summary>
    public string To { get; set; } = "18:00";
    /// <summary>Name of the time zone (IANA).</summary>
    public string TimeZone { get; set; } = "UTC";
}

/// <summary>One receiver of alerts.</summary>
public sealed class AlertTargetConfig
{
    /// <summary>What it is.</summary>
    public AlertTargetKind Kind { get; set; }
    /// <summary>Webhook: where to POST; https, or http on this machine.</summary>
    public string? Url { get; set; }
    /// <summary>Webhook: environment variable that holds the address, where that is a secret;
    /// not together with <see cref="Url"/>.</summary>
    public string? UrlEnvironment { get; set; }
    /// <summary>Webhook: file whose first line is the secret of the signature; null: none.</summary>
    public string? SecretFile { get; set; }
    /// <summary>Webhook: environment variable that holds the secret; null: none.</summary>
    public string? SecretEnvironment { get; set; }
    /// <summary>Syslog: path of a socket, <c>udp://host:port</c> or <c>tcp://host:port</c>; null: <c>/dev/log</c>.</summary>
    public string? Address { get; set; }
}

/// <summary>Ways to tell somebody.</summary>
public enum AlertTargetKind
{
    /// <summary>Standard error of the process, a JSON object a line.</summary>
    Stderr,
    /// <summary>HTTP POST of a JSON object.</summary>
    Webhook,
    /// <summary>Syslog, RFC 5424.</summary>
    Syslog,
}
