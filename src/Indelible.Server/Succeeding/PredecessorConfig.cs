using Indelible.Server.Replication;

namespace Indelible.Server.Succeeding;

/// <summary>A closed ledger before this one. Written by <c>rotate</c>; its directory may be moved, to cold storage too.
/// docs/rotation.md.</summary>
/// <remarks>Members have setters because the file is bound to them.</remarks>
public sealed class PredecessorConfig
{
    /// <summary>Its origin.</summary>
    public string Origin { get; set; } = "";
    /// <summary>Its ledger directory, or one with a copy of it; there need be nothing there.</summary>
    public string Ledger { get; set; } = "";
    /// <summary>The bucket that it lives in; null: it lives in the directory. What the directory lacks is read in the bucket.</summary>
    public StoreConfig? Store { get; set; }
    /// <summary>Locked copies of it, by name: a legal hold is laid on them, too; null: none.</summary>
    public SortedDictionary<string, TargetConfig>? Targets { get; set; }
    /// <summary>Directory of its index, which is made there when it is first asked for; null:
    /// <c>index</c> beside the ledger directory.</summary>
    public string? Index { get; set; }
}
