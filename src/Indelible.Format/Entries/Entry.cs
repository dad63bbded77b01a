namespace Indelible.Format.Entries;

/// <summary>The sealed form of a change or other event; the leaf of the tree; immutable. docs/format.md#entry.</summary>
public sealed record Entry
{
    /// <summary>Everything but the values.</summary>
    public required EntryHeader Header { get; init; }

    /// <summary>The values: protected columns first, then free texts; each (scope, name) at most once.</summary>
    public required IReadOnlyList<Field> Fields { get; init; }

    /// <summary>The header as encoded: a slice of the entry. What side keys and associated data are bound to.
    /// Empty if not decoded.</summary>
    public ReadOnlyMemory<byte> HeaderBytes { get; init; }
}

/// <summary>What an entry says. The number is the byte in the format.</summary>
public enum EntryKind : byte
{
    /// <summary>One row's insert, update, delete or truncation, with the protected columns it touched.</summary>
    Change = 0,
    /// <summary>The protected values of one row when protection began.</summary>
    Baseline = 1,
    /// <summary>This source was read without a break from one position to another.</summary>
    Coverage = 2,
    /// <summary>Something that could weaken the record: protection changed, gap, DDL, crosscheck result.</summary>
    Guard = 3,
    /// <summary>Someone read, decrypted, exported or disclosed values from the ledger.</summary>
    Access = 4,
    /// <summary>Key created or rotated, erasure, configuration changed.</summary>
    Admin = 5,
    /// <summary>Root of the state tree at a given size of the ledger.</summary>
    State = 6,
    /// <summary>An audit event delivered by something that is not a database.</summary>
    Event = 7,
}

/// <summary>What happened to the row.</summary>
public enum Operation : byte
{
    /// <summary>The row came into being.</summary>
    Insert = 0,
    /// <summary>The row changed; its key may have changed too (<see cref="EntryHeader.PreviousKey"/>).</summary>
    Update = 1,
    /// <summary>The row ceased to be.</summary>
    Delete = 2,
    /// <summary>All rows of a relation ceased to be; no row key.</summary>
    Truncate = 3,
    /// <summary>A difference found by a baseline after a gap: who and when are unknown.</summary>
    Found = 4,
}
