namespace Indelible.Server.Witnessing;

/// <summary>Whose checkpoints this machine cosigns. docs/witnesses.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class WitnessConfig
{
    /// <summary>Name of the witness's key.</summary>
    public string Name { get; set; } = "";
    /// <summary>Directory of what it remembers; null: <c>witness</c> beside the file.</summary>
    public string? Directory { get; set; }
    /// <summary>File of its private key; made if missing; null: <c>witness.key</c> beside the file.</summary>
    public string? KeyFile { get; set; }
    /// <summary>The ledgers it knows.</summary>
    public List<WitnessedLogConfig> Logs { get; set; } = [];
}

/// <summary>One ledger, or another transparency log, that a witness knows.</summary>
public sealed class WitnessedLogConfig
{
    /// <summary>Its verifier key.</summary>
    public string Key { get; set; } = "";
    /// <summary>Its origin; null: the key's name.</summary>
    public string? Origin { get; set; }
}

/// <summary>Whom `run` asks to cosign its own checkpoints.</summary>
public sealed class WitnessesConfig
{
    /// <summary>Policy file (c2sp.org/tlog-policy) that names the witnesses, their addresses and the quorum.</summary>
    public string Policy { get; set; } = "";
    /// <summary>Time between two rounds, in seconds; 1 to 3600.</summary>
    public int IntervalSeconds { get; set; } = 10;
    /// <summary>How long the newest entries may lack the quorum's cosignatures before that is told, in seconds; 1 to 86,400.</summary>
    public int StaleSeconds { get; set; } = 600;
}
