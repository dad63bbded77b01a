using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;

namespace Indelible.Capture;

/// <summary>What capture hands over at once: changes in commit order, and how far the source's log was read.
/// Owned by the receiver.</summary>
public sealed record CapturedBatch
{
    /// <summary>Changes in commit order; may begin or end inside a transaction. Empty for a keepalive.</summary>
    public required IReadOnlyList<CapturedChange> Changes { get; init; }

    /// <summary>Position of the last change handed over so far, in this batch or an earlier one;
    /// commit position none if there was none.</summary>
    public required Position Last { get; init; }

    /// <summary>Everything up to here was delivered whole; may be confirmed once the batch is sealed.
    /// Never decreases; none if nothing was delivered whole yet.</summary>
    public required Lsn Confirmable { get; init; }

    /// <summary>What the batch before said: all that may be confirmed while only some of this one's changes are sealed.</summary>
    public required Lsn ConfirmableBefore { get; init; }

    /// <summary>Memory it takes, roughly, in bytes.</summary>
    public required long Length { get; init; }
}

/// <summary>One thing the source's log says about a protected table.
/// A closed set: <see cref="Row"/>, <see cref="Truncation"/>, <see cref="Ddl"/>.</summary>
public abstract record CapturedChange
{
    private CapturedChange() { }

    /// <summary>Place in the source's log; <see cref="Position.Part"/> is 0.</summary>
    public required Position Position { get; init; }

    /// <summary>Transaction id.</summary>
    public required uint TransactionId { get; init; }

    /// <summary>Commit time by the source's clock.</summary>
    public required MicroTime CommittedAt { get; init; }

    /// <summary>Who did it.</summary>
    public required Operator Operator { get; init; }

    /// <summary>The reason the application gave with the operator; sealed as a free text. Null if none.</summary>
    public string? Reason { get; init; }

    /// <summary>An insert, update or delete of a row of a protected table that must be sealed.</summary>
    public sealed record Row : CapturedChange
    {
        /// <summary>The table; for a partition the root.</summary>
        public required ProtectedTable Table { get; init; }
        /// <summary>Quoted schema-qualified leaf partition; null if not partitioned.</summary>
        public string? Leaf { get; init; }
        /// <summary>Insert, Update or Delete.</summary>
        public required Operation Operation { get; init; }
        /// <summary>Primary-key values after the change (before it, for a delete), in key order, as text.</summary>
        public required IReadOnlyList<string> Key { get; init; }
        /// <summary>Primary-key values before an update that changed them; otherwise null.</summary>
        public IReadOnlyList<string>? PreviousKey { get; init; }
        /// <summary>The fields to seal: all protected columns of an insert or delete, the changed ones of an update.</summary>
        public required IReadOnlyList<CapturedField> Fields { get; init; }
        /// <summary>Value of the subject column before and after, if the table names one; else null.</summary>
        public string? SubjectBefore { get; init; }
        /// <inheritdoc cref="SubjectBefore"/>
        public string? SubjectAfter { get; init; }
        /// <summary>Fingerprints of all protected columns before the change, in the order of <see cref="ProtectedTable.Columns"/>;
        /// empty for an insert or where they cannot be told.</summary>
        public IReadOnlyList<Fingerprint> Before { get; init; } = [];
        /// <summary>The same after the change; empty for a delete.</summary>
        public IReadOnlyList<Fingerprint> After { get; init; } = [];
        /// <summary>True if it could not be told which column is which: then every column of the row is in <see cref="Fields"/>,
        /// made up as sealed, and Key may be empty.</summary>
        public bool Unmapped { get; init; }
    }

    /// <summary>All rows of a protected relation ended.</summary>
    public sealed record Truncation : CapturedChange
    {
        /// <summary>The table; for a partition the root.</summary>
        public required ProtectedTable Table { get; init; }
        /// <summary>Quoted schema-qualified leaf partition that was truncated; null if not partitioned.</summary>
        public string? Leaf { get; init; }
    }

    /// <summary>DDL on a protected table, reported in the stream by the event trigger. Sealed as a guard entry.</summary>
    public sealed record Ddl : CapturedChange
    {
        /// <summary>Command tag, such as ALTER TABLE.</summary>
        public required string Tag { get; init; }
        /// <summary>Statement text; may hold literals, so it is sealed like a value.</summary>
        public required string Statement { get; init; }
        /// <summary>Clear facts: relation, renamed columns and the like. Never a value.</summary>
        public required IReadOnlyDictionary<string, string> Facts { get; init; }
    }
}

/// <summary>A protected column's value before and after, as PostgreSQL's text.</summary>
/// <param name="Column">The protected column; for a column that cannot be told yet, one made for it with policy sealed.</param>
/// <param name="Before">Before.</param>
/// <param name="After">After.</param>
public readonly record struct CapturedField(ProtectedColumn Column, CapturedValue Before, CapturedValue After);

/// <summary>A value as captured: missing, NULL, or text in UTF-8. Owns its bytes (a slice of its batch's memory).</summary>
public readonly record struct CapturedValue
{
    private CapturedValue(bool isMissing, MissingReason reason, bool isNull, ReadOnlyMemory<byte> text)
    {
        IsMissing = isMissing;
        Reason = reason;
        IsNull = isNull;
        Text = text;
    }

    /// <summary>True if the value is not there; see <see cref="Reason"/>.</summary>
    public bool IsMissing { get; }
    /// <summary>Why it is not there.</summary>
    public MissingReason Reason { get; }
    /// <summary>True for NULL.</summary>
    public bool IsNull { get; }
    /// <summary>PostgreSQL's text form, UTF-8; empty if missing or NULL.</summary>
    public ReadOnlyMemory<byte> Text { get; }

    /// <summary>Not there.</summary>
    public static CapturedValue Missing(MissingReason reason) => new(true, reason, false, default);
    /// <summary>NULL.</summary>
    public static readonly CapturedValue Null = new(false, default, true, default);
    /// <summary>A value.</summary>
    public static CapturedValue Of(ReadOnlyMemory<byte> text) => new(false, default, false, text);
}
