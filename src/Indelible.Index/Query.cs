using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Index;

/// <summary>Which entries are wanted. Every member that is not null narrows it.</summary>
public sealed record Query
{
    /// <summary>Short name of the source.</summary>
    public string? Source { get; init; }
    /// <summary>Schema of the relation.</summary>
    public string? Schema { get; init; }
    /// <summary>Name of the relation.</summary>
    public string? Table { get; init; }
    /// <summary>The protected table, whatever it was called at the time.</summary>
    public RelationId? Relation { get; init; }
    /// <summary>Primary-key values in key order, as text; matches a row before or after its key changed.
    /// Truncations of its table match too. Needs <see cref="Relation"/>.</summary>
    public IReadOnlyList<string>? Key { get; init; }
    /// <summary>The row's token, where its key is not in clear; instead of <see cref="Key"/>.</summary>
    public byte[]? KeyToken { get; init; }
    /// <summary>True: only entries that name the row, without truncations.</summary>
    public bool IsRowOnly { get; init; }
    /// <summary>True: only entries in which a row's key changed.</summary>
    public bool IsKeyChange { get; init; }
    /// <summary>Only truncations that ended rows of this partition of <see cref="Relation"/>, or of all of it;
    /// empty for rows that stand in no partition.</summary>
    public string? TruncatedLeaf { get; init; }
    /// <summary>A column whose value the entry holds.</summary>
    public string? Column { get; init; }
    /// <summary>The operator's id, or the session's user.</summary>
    public string? Operator { get; init; }
    /// <summary>How well the operator is known.</summary>
    public Grade? Grade { get; init; }
    /// <summary>Only from this commit time on (sealing time, for entries without one).</summary>
    public MicroTime? Since { get; init; }
    /// <summary>Only before this time.</summary>
    public MicroTime? Until { get; init; }
    /// <summary>Transaction id.</summary>
    public uint? Transaction { get; init; }
    /// <summary>What the entry says.</summary>
    public EntryKind? Kind { get; init; }
    /// <summary>What happened to the row.</summary>
    public Operation? Operation { get; init; }
    /// <summary>A blind token of a value: entries that hold it before or after.</summary>
    public byte[]? ValueToken { get; init; }
    /// <summary>Oldest first; otherwise newest first.</summary>
    public bool OldestFirst { get; init; }
    /// <summary>Most entries on a page; from 1.</summary>
    public int Limit { get; init; } = 50;
    /// <summary>Cursor of the page before, as <see cref="Page.Next"/> gave it.</summary>
    public string? After { get; init; }
}

/// <summary>A protected table: its number is unique inside its source and survives renames.</summary>
public readonly record struct RelationId(string Source, uint Id);

/// <summary>Entries found.</summary>
/// <param name="Entries">Indexes in the ledger, in the order asked for.</param>
/// <param name="Next">Cursor to go on after; null if there is nothing more.</param>
public sealed record Page(IReadOnlyList<long> Entries, string? Next);
