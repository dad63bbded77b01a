namespace Indelible.Format.Entries;

/// <summary>Who did it, as far as known; <see cref="Grade"/> says how well. Absent facts are null.</summary>
public sealed record Operator
{
    /// <summary>How well it is known.</summary>
    public required Grade Grade { get; init; }
    /// <summary>The person or service the application named.</summary>
    public string? Id { get; init; }
    /// <summary>session_user.</summary>
    public string? SessionUser { get; init; }
    /// <summary>The role in force (SET ROLE), if other than the session's.</summary>
    public string? Role { get; init; }
    /// <summary>application_name.</summary>
    public string? Application { get; init; }
    /// <summary>Client address; null for a Unix socket.</summary>
    public string? Address { get; init; }
    /// <summary>Process id of the database session.</summary>
    public int? BackendPid { get; init; }
    /// <summary>When that process started; with the pid it names the session.</summary>
    public MicroTime? BackendStart { get; init; }
    /// <summary>The role that logged in, from the server's own list of sessions; differs from session_user only by SET SESSION
    /// AUTHORIZATION.</summary>
    public string? LoginRole { get; init; }
    /// <summary>Replication origin, when a logical apply worker wrote the row.</summary>
    public string? ReplicationOrigin { get; init; }
    /// <summary>Operators that this transaction has named so far, this one included; 0 if none.</summary>
    public uint OperatorCount { get; init; }
}

/// <summary>How well an operator is known.</summary>
public enum Grade : byte
{
    /// <summary>No attribution at all: an alarm by itself.</summary>
    None = 0,
    /// <summary>Authenticated facts of the database session only.</summary>
    Session = 1,
    /// <summary>The application said so, unsigned.</summary>
    Asserted = 2,
    /// <summary>The operator message was signed by a key the ledger trusts.</summary>
    Proved = 3,
}
