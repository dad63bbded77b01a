namespace Indelible.Format.Entries;

/// <summary>A protected column, or a free text, with its value before and after.</summary>
public sealed record Field
{
    /// <summary>What <see cref="Name"/> names.</summary>
    public required FieldScope Scope { get; init; }
    /// <summary>The column's name at the time of the change, or the text's (<c>reason</c>, <c>statement</c>, <c>differences</c>).</summary>
    public required string Name { get; init; }
    /// <summary>The value before.</summary>
    public required FieldValue Before { get; init; }
    /// <summary>The value after.</summary>
    public required FieldValue After { get; init; }
    /// <summary>SHA-256(label ‖ SHA-256(before key) ‖ SHA-256(after key)), 32 bytes; empty unless a side is sealed or a blob.</summary>
    public ReadOnlyMemory<byte> Commitment { get; init; }
}

/// <summary>What a field's name names.</summary>
public enum FieldScope : byte
{
    /// <summary>A column of the relation.</summary>
    Column = 0,
    /// <summary>Free text that belongs to the entry.</summary>
    Text = 1,
}

/// <summary>Which value of a field.</summary>
public enum Side : byte
{
    /// <summary>The value before the change.</summary>
    Before = 0,
    /// <summary>The value after the change.</summary>
    After = 1,
}

/// <summary>How a value is kept.</summary>
public enum ValueKind : byte
{
    /// <summary>Not there, with the reason.</summary>
    Missing = 0,
    /// <summary>In clear.</summary>
    Plain = 1,
    /// <summary>Encrypted; NULL is a value inside.</summary>
    Sealed = 2,
    /// <summary>Only a keyed hash is kept.</summary>
    Digest = 3,
    /// <summary>Encrypted, in a file of its own.</summary>
    Blob = 4,
}

/// <summary>Why a value is not there.</summary>
public enum MissingReason : byte
{
    /// <summary>There was no row on this side: before an insert, after a delete.</summary>
    NoRow = 0,
    /// <summary>The database did not say (replica identity other than FULL).</summary>
    NotCaptured = 1,
    /// <summary>The database said "unchanged" and gave no earlier value.</summary>
    Unchanged = 2,
    /// <summary>The field has no such side (a free text has only an after).</summary>
    NotApplicable = 3,
    /// <summary>The value was larger than the database can deliver.</summary>
    TooLarge = 4,
}

/// <summary>One side of a field. Immutable; refers to bytes it does not own.</summary>
public readonly record struct FieldValue
{
    /// <summary>How the value is kept.</summary>
    public ValueKind Kind { get; private init; }
    /// <summary>Why it is not there; meaningful for <see cref="ValueKind.Missing"/>.</summary>
    public MissingReason Reason { get; private init; }
    /// <summary>True for a plain NULL.</summary>
    public bool IsNull { get; private init; }
    /// <summary>Plain: the source's text, UTF-8. Sealed: ciphertext and tag. Digest: 32 bytes.
    /// Blob: SHA-256 of the ciphertext, 32 bytes.</summary>
    public ReadOnlyMemory<byte> Bytes { get; private init; }
    /// <summary>Length of the blob's ciphertext, in bytes; zero for other kinds.</summary>
    public ulong BlobLength { get; private init; }

    /// <summary>A value that is not there.</summary>
    public static FieldValue Missing(MissingReason reason) => new() { Kind = ValueKind.Missing, Reason = reason };
    /// <summary>A value in clear.</summary>
    public static FieldValue Plain(ReadOnlyMemory<byte> text) => new() { Kind = ValueKind.Plain, Bytes = text };
    /// <summary>NULL in clear.</summary>
    public static FieldValue PlainNull() => new() { Kind = ValueKind.Plain, IsNull = true };
    /// <summary>An encrypted value.</summary>
    public static FieldValue Sealed(ReadOnlyMemory<byte> ciphertext) => new() { Kind = ValueKind.Sealed, Bytes = ciphertext };
    /// <summary>A keyed hash, 32 bytes.</summary>
    public static FieldValue Digest(ReadOnlyMemory<byte> digest) => new() { Kind = ValueKind.Digest, Bytes = digest };
    /// <summary>An encrypted value in a file of its own.</summary>
    public static FieldValue Blob(ReadOnlyMemory<byte> sha256, ulong length) =>
        new() { Kind = ValueKind.Blob, Bytes = sha256, BlobLength = length };
}

/// <summary>How a protected column's values are kept.</summary>
public enum ColumnPolicy : byte
{
    /// <summary>Encrypted; the default.</summary>
    Sealed = 0,
    /// <summary>Only a keyed hash.</summary>
    Digest = 1,
    /// <summary>In clear.</summary>
    Plain = 2,
}
