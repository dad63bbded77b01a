using System.Buffers.Binary;
using Indelible.Format;
using Indelible.Format.Sealing;

namespace Indelible.Index;

/// <summary>Names a row without saying its key.</summary>
/// <param name="Table">As <see cref="Of"/> makes it from source and relation.</param>
/// <param name="Row">A keyed hash of the primary key.</param>
public readonly record struct RowTag(ulong Table, UInt128 Row)
{
    /// <summary>Names a table of a source.</summary>
    /// <param name="source">Short name of the source.</param>
    /// <param name="relation">Stable number of the relation.</param>
    public static ulong Of(string source, uint relation) => ((Term.Source(source).Hash & uint.MaxValue) << 32) | relation;
}

/// <summary>What the protected columns of a living row hold by the ledger, as fingerprints. Immutable.</summary>
public sealed record RowImage
{
    internal const int HeadSize = 20;
    internal const int ColumnSize = sizeof(short) + sizeof(ulong);

    /// <summary>Commit of the change that says so; the log's end after the snapshot, for a row read from its table.</summary>
    public required Lsn At { get; init; }
    /// <summary>Ordinal in that transaction.</summary>
    public required uint Ordinal { get; init; }
    /// <summary>Hash of the partition it lives in, as <see cref="LeafOf"/> makes it; zero if its table has none.</summary>
    public required ulong Leaf { get; init; }
    /// <summary>The columns by number; one that is not there is not known.</summary>
    public required IReadOnlyList<ColumnImage> Columns { get; init; }

    /// <summary>Hash of a partition's quoted name; zero for null.</summary>
    public static ulong LeafOf(string? leaf) => leaf is null ? 0 : Term.Table(leaf).Hash | 1;

    /// <summary>What a column holds.</summary>
    public Fingerprint this[short column]
    {
        get
        {
            for (int i = 0; i < Columns.Count; i++)
            {
                if (Columns[i].Column == column) return Columns[i].Value;
            }
            return Fingerprint.Unknown;
        }
    }

    /// <summary>Bytes of the encoded form.</summary>
    internal int Length => HeadSize + (Columns.Count * ColumnSize);

    /// <summary>Commit (8), ordinal (4), leaf (8), then each column's number (2) and fingerprint (8); big-endian.</summary>
    internal void WriteTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteUInt64BigEndian(bytes, At.Bytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes[8..], Ordinal);
        BinaryPrimitives.WriteUInt64BigEndian(bytes[12..], Leaf);
        Span<byte> rest = bytes[HeadSize..];
        for (int i = 0; i < Columns.Count; i++)
        {
            ColumnImage column = Columns[i];
            BinaryPrimitives.WriteInt16BigEndian(rest, column.Column);
            BinaryPrimitives.WriteUInt64BigEndian(rest[2..], column.Value.Bits);
            rest = rest[ColumnSize..];
        }
    }

    /// <exception cref="IndexDamagedException">Not what <see cref="WriteTo"/> writes.</exception>
    internal static RowImage Decode(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadSize || (bytes.Length - HeadSize) % ColumnSize != 0)
            throw new IndexDamagedException($"a row image of {bytes.Length} bytes");
        ColumnImage[] columns = new ColumnImage[(bytes.Length - HeadSize) / ColumnSize];
        for (int i = 0; i < columns.Length; i++)
        {
            ReadOnlySpan<byte> column = bytes.Slice(HeadSize + (i * ColumnSize), ColumnSize);
            columns[i] = new ColumnImage(
                BinaryPrimitives.ReadInt16BigEndian(column), new Fingerprint(BinaryPrimitives.ReadUInt64BigEndian(column[2..])));
        }
        return new RowImage
        {
            At = new Lsn(BinaryPrimitives.ReadUInt64BigEndian(bytes)),
            Ordinal = BinaryPrimitives.ReadUInt32BigEndian(bytes[8..]),
            Leaf = BinaryPrimitives.ReadUInt64BigEndian(bytes[12..]),
            Columns = columns,
        };
    }
}

/// <summary>A row image as it is kept, for whoever looks at millions.</summary>
public readonly ref struct EncodedImage
{
    private readonly ReadOnlySpan<byte> _bytes;

    /// <exception cref="IndexDamagedException">Not of a length that images have.</exception>
    internal EncodedImage(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < RowImage.HeadSize || (bytes.Length - RowImage.HeadSize) % RowImage.ColumnSize != 0)
            throw new IndexDamagedException($"a row image of {bytes.Length} bytes");
        _bytes = bytes;
    }

    /// <inheritdoc cref="RowImage.At"/>
    public Lsn At => new(BinaryPrimitives.ReadUInt64BigEndian(_bytes));

    /// <inheritdoc cref="RowImage.Ordinal"/>
    public uint Ordinal => BinaryPrimitives.ReadUInt32BigEndian(_bytes[8..]);

    /// <summary>What a column holds; unknown if it is not there.</summary>
    /// <param name="column">Its number.</param>
    /// <param name="place">Where it most likely stands, counted from 0.</param>
    public Fingerprint Of(short column, int place)
    {
        int likely = RowImage.HeadSize + (place * RowImage.ColumnSize);
        if (likely < _bytes.Length && Number(likely) == column) return Value(likely);
        for (int at = RowImage.HeadSize; at < _bytes.Length; at += RowImage.ColumnSize)
        {
            if (Number(at) == column) return Value(at);
        }
        return Fingerprint.Unknown;
    }

    private short Number(int at) => BinaryPrimitives.ReadInt16BigEndian(_bytes[at..]);

    private Fingerprint Value(int at) => new(BinaryPrimitives.ReadUInt64BigEndian(_bytes[(at + sizeof(short))..]));
}

/// <summary>Receives a living row.</summary>
/// <param name="row">Keyed hash of its primary key.</param>
/// <param name="image">What it last held; good until this returns.</param>
/// <returns>Whether to go on.</returns>
public delegate bool ImageVisit(UInt128 row, EncodedImage image);

/// <summary>What one column of a row holds.</summary>
/// <param name="Column">Its number in the relation.</param>
/// <param name="Value">Fingerprint of the value.</param>
public readonly record struct ColumnImage(short Column, Fingerprint Value);
