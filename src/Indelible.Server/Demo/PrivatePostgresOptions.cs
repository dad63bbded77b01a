namespace Indelible.Server.Demo;

/// <summary>How a private PostgreSQL server is set up.</summary>
public sealed record PrivatePostgresOptions
{
    /// <summary>Data directory, made if missing, used as it is if a cluster is there;
    /// null for a temporary one that goes when the server is disposed of.</summary>
    public string? DataDirectory { get; init; }
    /// <summary>The wal_level setting.</summary>
    public string WalLevel { get; init; } = "logical";
    /// <summary>False turns fsync and full-page writes off: faster, and lost with the machine.</summary>
    public bool Durable { get; init; }
    /// <summary>Loopback TCP port; 0 for a free one.</summary>
    public int Port { get; init; }
    /// <summary>Password of the superuser <c>postgres</c> over TCP (over the Unix socket none is needed).</summary>
    public required string Password { get; init; }
    /// <summary>A cluster that is stopped, to copy instead of making one anew; then its password holds. Null: none.</summary>
    public string? Template { get; init; }
    /// <summary>Further settings, by name; they win over the defaults.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();
}
