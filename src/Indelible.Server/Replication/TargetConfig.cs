namespace Indelible.Server.Replication;

/// <summary>One place that <c>run</c> keeps a copy of the ledger in. docs/copies.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class TargetConfig
{
    /// <summary>What it is.</summary>
    public TargetKind Kind { get; set; }
    /// <summary>Directory: where; it must exist.</summary>
    public string? Path { get; set; }
    /// <summary>Least time between two heads of the copy, and so between two partial tails, in seconds; 0 (every published head) to 3,600.</summary>
    public int EverySeconds { get; set; } = 10;
}

/// <summary>Kinds of places.</summary>
public enum TargetKind
{
    /// <summary>A directory, on another disk or a mounted file system.</summary>
    Directory,
}
