using Indelible.Capture;
using Indelible.Server.Alerts;
using Indelible.Server.Anchoring;
using Indelible.Server.Mirroring;
using Indelible.Server.Replication;
using Indelible.Server.Succeeding;
using Indelible.Server.Witnessing;

namespace Indelible.Server;

/// <summary>The configuration file, <c>indelible.json</c>. Relative paths are relative to the file's directory.</summary>
/// <remarks>Members have setters because the file is bound to them; unknown keys are errors.</remarks>
public sealed class IndelibleConfig
{
    /// <summary>Where `run` listens unless told otherwise.</summary>
    public const string ListenDefault = "127.0.0.1:7171";

    /// <summary>Ledger directory; null: <c>ledger</c> beside the file.</summary>
    public string? Ledger { get; set; }
    /// <summary>Journal directory; null: <c>journal</c> beside the ledger.</summary>
    public string? Journal { get; set; }
    /// <summary>Index directory; null: <c>index</c> beside the ledger.</summary>
    public string? Index { get; set; }
    /// <summary>Keyring directory; null: <c>keyring</c> beside the ledger.</summary>
    public string? Keyring { get; set; }
    /// <summary>Origin the ledger must have; null: whatever the keyring says.</summary>
    public string? Origin { get; set; }
    /// <summary>Loopback address and port of the HTTP service; port 0 takes a free one.</summary>
    public string Listen { get; set; } = ListenDefault;
    /// <summary>Longest time between sealing and publishing, in milliseconds; 10 to 60,000.</summary>
    public int PublishIntervalMs { get; set; } = 250;
    /// <summary>Time between coverage entries of a source, in seconds; 1 to 86,400.</summary>
    public int CoverageIntervalSeconds { get; set; } = 60;
    /// <summary>Share of one core that `run` verifies its own ledger with, in per cent; 0 to 100, 0: it does not.</summary>
    public int VerificationPercent { get; set; } = 5;
    /// <summary>What is told to whom; null: findings, to standard error.</summary>
    public AlertsConfig? Alerts { get; set; }
    /// <summary>Time between crosschecks of a source that `run` makes by itself, in hours; 0 (none) to 8,760.</summary>
    public int CrosscheckIntervalHours { get; set; }
    /// <summary>Whose ledgers `mirror run` keeps copies of; null: nobody's.</summary>
    public MirrorConfig? Mirror { get; set; }
    /// <summary>Who stamps heads with the time; null: nobody.</summary>
    public TimeStampConfig? Timestamps { get; set; }
    /// <summary>The bucket that the ledger lives in; null: it lives in its directory.</summary>
    public StoreConfig? Store { get; set; }
    /// <summary>Where copies of the ledger are kept, by name.</summary>
    public SortedDictionary<string, TargetConfig> Targets { get; set; } = new(StringComparer.Ordinal);
    /// <summary>Copies that must hold a change before its position is confirmed to PostgreSQL; 0: none has to.</summary>
    public int ConfirmAfter { get; set; }
    /// <summary>Whose checkpoints `witness run` cosigns; null: nobody's.</summary>
    public WitnessConfig? Witness { get; set; }
    /// <summary>Whom `run` asks to cosign its own checkpoints; null: nobody.</summary>
    public WitnessesConfig? Witnesses { get; set; }
    /// <summary>Closed ledgers before this one, the oldest first; written by `rotate`.</summary>
    public List<PredecessorConfig> Predecessors { get; set; } = [];
    /// <summary>The sources, by their short names.</summary>
    public SortedDictionary<string, SourceConfig> Sources { get; set; } = new(StringComparer.Ordinal);
}

/// <summary>One source: how `run` reaches it, and what is protected in it.</summary>
public sealed class SourceConfig
{
    /// <summary>Connection of the capture role: Npgsql keywords or a postgres:// URL. Never holds a password written by us.</summary>
    public string Connection { get; set; } = "";
    /// <summary>File whose first line is the password; null: none.</summary>
    public string? PasswordFile { get; set; }
    /// <summary>Name of the environment variable that holds the password; null: none.</summary>
    public string? PasswordEnvironment { get; set; }
    /// <summary>What is protected; written by `protect`.</summary>
    public Protection Protection { get; set; } = new();
}
