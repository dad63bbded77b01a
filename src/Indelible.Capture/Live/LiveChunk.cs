using Indelible.Format;

namespace Indelible.Capture;

/// <summary>Rows of a protected table as one snapshot shows them. Owned by the receiver.</summary>
public sealed record LiveChunk
{
    /// <summary>The snapshot, as PostgreSQL prints it.</summary>
    public required string SnapshotText { get; init; }
    /// <summary>Which transactions the rows show.</summary>
    public required PgSnapshot Snapshot { get; init; }
    /// <summary>End of the log before the snapshot was taken.</summary>
    public required Lsn ReadBefore { get; init; }
    /// <summary>End of the log after it was taken: once capture has passed this, every transaction the snapshot
    /// sees has been captured.</summary>
    public required Lsn ReadAfter { get; init; }
    /// <summary>In key order (the table's own), or in no order for rows asked for by key.</summary>
    public required IReadOnlyList<LiveRow> Rows { get; init; }
    /// <summary>True if no row follows.</summary>
    public required bool IsLast { get; init; }
}

/// <summary>A row's protected values.</summary>
public sealed record LiveRow
{
    /// <summary>Primary-key values in key order, as text.</summary>
    public required IReadOnlyList<string> Key { get; init; }
    /// <summary>Values in the order of <see cref="ProtectedTable.Columns"/>; missing for a column that is no longer there.</summary>
    public required IReadOnlyList<CapturedValue> Values { get; init; }
    /// <summary>Value of the subject column; null if the table names none, or it is NULL.</summary>
    public required string? Subject { get; init; }
    /// <summary>Quoted schema-qualified leaf partition; null if not partitioned.</summary>
    public required string? Leaf { get; init; }
}
