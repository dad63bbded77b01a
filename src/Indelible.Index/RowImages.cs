using System.Buffers.Binary;
using System.Text;
using Indelible.Format;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>What every living row last held: against it the next change's before-image is checked.
/// Derived from the ledger, like all of the index.</summary>
/// <remarks>Keys: 'R', table, row hash → image; 'M', table → marks; 'A', source → size of the ledger it reflects.
/// A source's rows have one writer.</remarks>
public sealed class RowImages
{
    private const int RowKeySize = 1 + sizeof(ulong) + 16;

    /// <summary>Encoded images up to this length take no memory of their own.</summary>
    private const int ShortImageMax = 512;

    private readonly LedgerIndex _index;

    internal RowImages(LedgerIndex index) => _index = index;

    /// <inheritdoc cref="LedgerIndex.Resets"/>
    public long Resets => _index.Resets;

    /// <summary>Every entry of the source below this index is reflected; zero if none is.</summary>
    public long AppliedTo(string source) => _index.Use(database =>
        database.Get(IndexOptions.Rows, SourceKey(source)) is { Length: sizeof(long) } value
            ? BinaryPrimitives.ReadInt64BigEndian(value)
            : 0);

    /// <summary>What a row last held; null if the ledger holds no living row of that key.</summary>
    public RowImage? Find(in RowTag tag) => _index.Use(tag, static (database, row) =>
    {
        Span<byte> key = stackalloc byte[RowKeySize];
        WriteRowKey(row, key);
        return database.Get(IndexOptions.Rows, key, static image => RowImage.Decode(image));
    });

    /// <summary>What is known of a table as a whole.</summary>
    public TableMarks MarksOf(ulong table) =>
        _index.Use(database => database.Get(IndexOptions.Rows, TableKey(table)) is { } value ? TableMarks.Decode(value) : default);

    /// <summary>All living rows of a table, in no meaningful order. A row that changes meanwhile is given as it was or as it is.</summary>
    public IEnumerable<(UInt128 Row, RowImage Image)> OfTable(ulong table)
    {
        byte[] from = RowKey(new RowTag(table, UInt128.Zero));
        while (true)
        {
            List<(UInt128 Row, RowImage Image)> page = _index.Use(database => Page(database, from));
            foreach ((UInt128 Row, RowImage Image) row in page) yield return row;
            if (page.Count < PageSize) yield break;
            if (page[^1].Row == UInt128.MaxValue) yield break;
            from = RowKey(new RowTag(table, page[^1].Row + 1));
        }
    }

    private const int PageSize = 1024;

    /// <summary>Bytes the system is asked to read ahead of a walk.</summary>
    private const long ReadAhead = 1 << 16;

    /// <summary>Goes through living rows of a table in the order of their hashes, all as they stand at one moment.
    /// Nothing is decoded.</summary>
    /// <param name="table">As <see cref="RowTag.Of"/> names it.</param>
    /// <param name="first">The lowest hash wanted.</param>
    /// <param name="last">The highest hash wanted.</param>
    /// <param name="visit">Receives each row; what it is given is gone when it returns.</param>
    public void Walk(ulong table, UInt128 first, UInt128 last, ImageVisit visit) => _index.Use(database =>
    {
        byte[] from = RowKey(new RowTag(table, first)), to = RowKey(new RowTag(table, last));
        using Iterator rows = database.NewIterator(IndexOptions.Rows, fillsCache: false, readAhead: ReadAhead);
        for (bool found = rows.Seek(from); found; found = rows.Next())
        {
            ReadOnlySpan<byte> key = rows.Key;
            if (key.Length != RowKeySize || key.SequenceCompareTo(to) > 0) return true;
            if (!visit(BinaryPrimitives.ReadUInt128BigEndian(key[(RowKeySize - 16)..]), new EncodedImage(rows.Value))) return true;
        }
        return true;
    });

    /// <summary>Applies changes in their order, and the size they bring their source to.</summary>
    /// <param name="changes">The changes.</param>
    /// <param name="resets">What <see cref="Resets"/> was when the images were read, or written, that these go on from.</param>
    /// <returns>False, and nothing is applied, if those are gone.</returns>
    public bool Apply(RowChanges changes, long resets) => _index.Use(database =>
    {
        if (Resets != resets) return false;
        using WriteBatch batch = database.NewBatch();
        foreach (RowChanges.Step step in changes.Steps)
        {
            if (step is RowChanges.Step.EndOfLeaf leaf)
            {
                // What was put before must be seen by the scan.
                _index.WriteUnlogged(database, batch);
                batch.Clear();
                RemoveLeaf(database, batch, leaf);
            }
            else Add(batch, step);
        }
        batch.Put(IndexOptions.Rows, SourceKey(changes.Source), Number(changes.AppliedTo));
        _index.WriteUnlogged(database, batch);
        return true;
    });

    private static void Add(WriteBatch batch, RowChanges.Step step)
    {
        switch (step)
        {
            case RowChanges.Step.Rows rows: Add(batch, rows); break;
            case RowChanges.Step.Marked marked: batch.Put(IndexOptions.Rows, TableKey(marked.Table), marked.Marks.Encode()); break;
            case RowChanges.Step.EndOfTable table:
                byte[] first = RowKey(new RowTag(table.Table, UInt128.Zero)), last = RowKey(new RowTag(table.Table, UInt128.MaxValue));
                batch.DeleteRange(IndexOptions.Rows, first, last);
                batch.Delete(IndexOptions.Rows, last);
                break;
        }
    }

    private static void Add(WriteBatch batch, RowChanges.Step.Rows rows)
    {
        Span<byte> key = stackalloc byte[RowKeySize];
        Span<byte> value = stackalloc byte[ShortImageMax];
        foreach ((RowTag row, RowImage? image) in rows.Sorted())
        {
            WriteRowKey(row, key);
            if (image is null)
            {
                batch.Delete(IndexOptions.Rows, key);
                continue;
            }
            Span<byte> bytes = image.Length <= ShortImageMax ? value[..image.Length] : new byte[image.Length];
            image.WriteTo(bytes);
            batch.Put(IndexOptions.Rows, key, bytes);
        }
    }

    private static void RemoveLeaf(RocksDb database, WriteBatch batch, RowChanges.Step.EndOfLeaf leaf)
    {
        byte[] key = RowKey(new RowTag(leaf.Table, UInt128.Zero));
        using Iterator rows = database.NewIterator(IndexOptions.Rows);
        for (bool found = rows.Seek(key); found && IsOfTable(rows.Key, key); found = rows.Next())
        {
            if (RowImage.Decode(rows.Value).Leaf == leaf.Leaf) batch.Delete(IndexOptions.Rows, rows.Key);
        }
    }

    private static List<(UInt128 Row, RowImage Image)> Page(RocksDb database, byte[] from)
    {
        List<(UInt128 Row, RowImage Image)> page = new(PageSize);
        using Iterator rows = database.NewIterator(IndexOptions.Rows);
        for (bool found = rows.Seek(from); found && page.Count < PageSize && IsOfTable(rows.Key, from); found = rows.Next())
        {
            page.Add((BinaryPrimitives.ReadUInt128BigEndian(rows.Key[(RowKeySize - 16)..]), RowImage.Decode(rows.Value)));
        }
        return page;
    }

    private static bool IsOfTable(ReadOnlySpan<byte> found, ReadOnlySpan<byte> key) => found.Length == RowKeySize
        && found.StartsWith(key[..(RowKeySize - 16)]);

    private static byte[] RowKey(in RowTag tag)
    {
        byte[] key = new byte[RowKeySize];
        WriteRowKey(tag, key);
        return key;
    }

    private static void WriteRowKey(in RowTag tag, Span<byte> key)
    {
        key[0] = (byte)'R';
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], tag.Table);
        BinaryPrimitives.WriteUInt128BigEndian(key[(RowKeySize - 16)..], tag.Row);
    }

    private static byte[] TableKey(ulong table)
    {
        byte[] key = new byte[1 + sizeof(ulong)];
        key[0] = (byte)'M';
        BinaryPrimitives.WriteUInt64BigEndian(key.AsSpan(1), table);
        return key;
    }

    private static byte[] SourceKey(string source) => [(byte)'A', .. Encoding.UTF8.GetBytes(source)];

    private static byte[] Number(long number)
    {
        byte[] value = new byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(value, number);
        return value;
    }
}

/// <summary>What is known of a table's images as a whole.</summary>
/// <param name="SettledAt">Changes committed up to here may already show in the baseline, and are not checked.</param>
/// <param name="RewrittenAt">Commit of the last recorded statement that rewrote values in place: images from before it say nothing.</param>
/// <param name="RewrittenOrdinal">Its ordinal in that transaction.</param>
public readonly record struct TableMarks(Lsn SettledAt, Lsn RewrittenAt, uint RewrittenOrdinal)
{
    private const int Size = 20;

    /// <summary>False for an image from before values were rewritten in place.</summary>
    public bool IsComparable(RowImage image) => IsComparable(image.At, image.Ordinal);

    /// <inheritdoc cref="IsComparable(RowImage)"/>
    public bool IsComparable(Lsn at, uint ordinal) => at > RewrittenAt || (at == RewrittenAt && ordinal > RewrittenOrdinal);

    internal byte[] Encode()
    {
        byte[] bytes = new byte[Size];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, SettledAt.Bytes);
        BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(8), RewrittenAt.Bytes);
        BinaryPrimitives.WriteUInt32BigEndian(bytes.AsSpan(16), RewrittenOrdinal);
        return bytes;
    }

    internal static TableMarks Decode(ReadOnlySpan<byte> bytes) => bytes.Length == Size
        ? new TableMarks(
            new Lsn(BinaryPrimitives.ReadUInt64BigEndian(bytes)),
            new Lsn(BinaryPrimitives.ReadUInt64BigEndian(bytes[8..])),
            BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]))
        : throw new IndexDamagedException($"marks of a table of {bytes.Length} bytes");
}
