namespace Indelible.Server.Mirroring;

/// <summary>Whose ledgers this machine keeps copies of. docs/mirrors.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class MirrorConfig
{
    /// <summary>Directory of the copies; null: <c>mirrors</c> beside the file.</summary>
    public string? Directory { get; set; }
    /// <summary>Name this mirror cosigns with; null: it does not cosign.</summary>
    public string? Name { get; set; }
    /// <summary>File of its private key; made if missing; null: <c>mirror.key</c> beside the file.</summary>
    public string? KeyFile { get; set; }
    /// <summary>Time between two looks at a ledger that has nothing new, in seconds; 1 to 3600.</summary>
    public int IntervalSeconds { get; set; } = 2;
    /// <summary>How long a ledger may not be followed before that is told, in seconds; 1 to 86,400.</summary>
    public int StaleSeconds { get; set; } = 600;
    /// <summary>Addresses of witnesses and other mirrors: the heads they were shown must be of the same history.</summary>
    public List<string> Compare { get; set; } = [];
    /// <summary>The ledgers, by a name of this machine's choice.</summary>
    public SortedDictionary<string, MirroredLedgerConfig> Ledgers { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>One ledger that is mirrored.</summary>
public sealed class MirroredLedgerConfig
{
    /// <summary>Where it is: http or https address of its tlog-tiles, or a directory.</summary>
    public string From { get; set; } = "";
    /// <summary>Its verifier key.</summary>
    public string Key { get; set; } = "";
    /// <summary>Directory of the copy; null: its name, below the mirror's directory.</summary>
    public string? To { get; set; }
}
