namespace Indelible.Capture;

/// <summary>What a person asked to protect.</summary>
public sealed record ProtectRequest
{
    /// <summary>Short name of the source: lowercase letters, digits, underscores; at most 32.</summary>
    public required string Source { get; init; }
    /// <summary>The columns. Those already protected stay so; naming one again may change its policy.</summary>
    public required IReadOnlyList<ColumnRequest> Columns { get; init; }
    /// <summary>Columns that name the person a row is about, one per table at most; the policy is not used.</summary>
    public IReadOnlyList<ColumnRequest> Subjects { get; init; } = [];
    /// <summary>Secret of the attribution messages, 32 bytes, from the keyring.</summary>
    public required ReadOnlyMemory<byte> AttributionSecret { get; init; }
    /// <summary>Role that captures; made if missing.</summary>
    public string CaptureRole { get; init; } = "indelible_capture";
    /// <summary>Password for the capture role should it have to be made; null: it can only log in where no password is asked for.</summary>
    public string? CapturePassword { get; init; }
    /// <summary>Connection of the capture role; used to make the slot if the owner may not. Null if there is none.</summary>
    public SourceConnection? Capture { get; init; }
    /// <summary>What this ledger already protects in this source; null if nothing.</summary>
    public Protection? Existing { get; init; }
    /// <summary>Numbers this ledger gave to tables of the source before, by schema and name: each keeps its own, and none is given again.
    /// Empty if it knows none.</summary>
    public IReadOnlyDictionary<(string Schema, string Name), uint> Remembered { get; init; } = new Dictionary<(string, string), uint>();
    /// <summary>Whether the tables of <see cref="Columns"/> keep replica identity DEFAULT; null:
    /// as they are protected already, FULL for new ones.</summary>
    public bool? DefaultIdentity { get; init; }
    /// <summary>How long one attempt waits for a table's lock.</summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(2);
    /// <summary>Attempts per table.</summary>
    public int LockAttempts { get; init; } = 10;
}
