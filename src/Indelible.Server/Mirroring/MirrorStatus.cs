using Indelible.Format;

namespace Indelible.Server.Mirroring;

/// <summary>How one copy stands.</summary>
public sealed record MirrorStatus
{
    /// <summary>Name of the ledger here.</summary>
    public required string Ledger { get; init; }
    /// <summary>Its origin.</summary>
    public required string Origin { get; init; }
    /// <summary>Where it is read.</summary>
    public required string From { get; init; }
    /// <summary>The served directory.</summary>
    public required string Directory { get; init; }
    /// <summary><c>following</c>, <c>catching up</c>, <c>rolled back</c>, <c>stopped</c> (misbehaviour), <c>refused</c>, <c>failing</c>,
    /// or <c>not running</c>.</summary>
    public required string State { get; init; }
    /// <summary>Entries stored: the copy is complete up to here.</summary>
    public long Size { get; init; }
    /// <summary>Root of the stored tree, in base64; null if nothing is stored.</summary>
    public string? Root { get; init; }
    /// <summary>Entries of the newest head accepted.</summary>
    public long AcceptedSize { get; init; }
    /// <summary>When the source last showed everything that is stored here; null if not since the process started.</summary>
    public MicroTime? LastSuccess { get; init; }
    /// <summary>What is wrong; null if nothing is.</summary>
    public string? Problem { get; init; }
    /// <summary>Files that prove misbehaviour.</summary>
    public IReadOnlyList<string> Evidence { get; init; } = [];
}
