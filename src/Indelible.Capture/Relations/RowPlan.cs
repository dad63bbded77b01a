using Indelible.Capture.PgOutput;

namespace Indelible.Capture.Relations;

/// <summary>How to read the rows of one relation as the stream describes it now: which column of a tuple is what. Immutable.</summary>
internal sealed record RowPlan
{
    /// <summary>The table; for a partition the root.</summary>
    public required ProtectedTable Table { get; init; }
    /// <summary>Quoted name of the partition; null if the table is not partitioned.</summary>
    public required string? Leaf { get; init; }
    /// <summary>Columns in a tuple.</summary>
    public required int ColumnCount { get; init; }
    /// <summary>The protected columns and their places in a tuple.</summary>
    public required IReadOnlyList<PlannedColumn> Columns { get; init; }
    /// <summary>Places of the primary key's columns, in key order; empty if they cannot be told.</summary>
    public required IReadOnlyList<int> Key { get; init; }
    /// <summary>Place of the subject column; -1 if there is none or it cannot be told.</summary>
    public required int Subject { get; init; }
    /// <summary>Columns that an old tuple of kind K really states.</summary>
    public required IReadOnlyList<bool> InIdentity { get; init; }
    /// <summary>True if it could not be told which column is which: all are treated as protected.</summary>
    public bool Unmapped { get; init; }
    /// <summary>True for a partitioned table itself, which holds no rows.</summary>
    public bool HoldsNoRows { get; init; }

    /// <summary>Whether an old tuple states a column. Under FULL it states every one;
    /// otherwise only those of the identity, and NULL in the rest means nothing.</summary>
    public bool IsStated(int index, OldTuple old) => old == OldTuple.Full || (old == OldTuple.Key && InIdentity[index]);
}

/// <summary>A protected column.</summary>
/// <param name="Index">Its place in a tuple.</param>
/// <param name="Column">The column.</param>
/// <param name="Place">Its place among the table's protected columns; -1 if it cannot be told which it is.</param>
/// <param name="FingerprintKey">Key of its fingerprints; empty if it cannot be told which it is.</param>
internal readonly record struct PlannedColumn(int Index, ProtectedColumn Column, int Place, byte[] FingerprintKey);
