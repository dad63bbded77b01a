namespace Indelible.Server.Anchoring;

/// <summary>Who stamps the ledger's heads with the time, and how often. docs/timestamps.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class TimeStampConfig
{
    /// <summary>Time between two stamps of one authority, in minutes; 1 to 525,600.</summary>
    public int IntervalMinutes { get; set; } = 1_440;
    /// <summary>A certificate that ends within so many days is reason to stamp again; 1 to 3,650.</summary>
    public int RenewDays { get; set; } = 30;
    /// <summary>The authorities, by name.</summary>
    public SortedDictionary<string, TimeStampAuthorityConfig> Authorities { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>One time-stamp authority, RFC 3161 over HTTP.</summary>
public sealed class TimeStampAuthorityConfig
{
    /// <summary>Where to ask.</summary>
    public string Url { get; set; } = "";
    /// <summary>File with the certificates that are trusted to vouch for it, PEM.</summary>
    public string Certificates { get; set; } = "";
}
