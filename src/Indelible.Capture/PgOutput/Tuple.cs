namespace Indelible.Capture.PgOutput;

/// <summary>What a tuple says about one column. The number is the byte in the protocol.</summary>
internal enum SlotKind : byte
{
    Null = (byte)'n',
    Unchanged = (byte)'u',
    Text = (byte)'t',
}

/// <summary>One column's value: where its bytes lie in the message.</summary>
internal readonly record struct Slot(SlotKind Kind, int Offset, int Length);

/// <summary>The columns of one row version, as places in the message that was parsed last. Reused from row to row.</summary>
internal sealed class Tuple
{
    /// <summary>PostgreSQL allows 1,600 columns.</summary>
    public const int ColumnMax = 1_664;

    private Slot[] _slots = new Slot[32];

    /// <summary>Columns in the tuple; 0 if the message had no such tuple.</summary>
    public int Count { get; private set; }

    public Slot this[int index] => index < Count ? _slots[index] : throw new ArgumentOutOfRangeException(nameof(index));

    public void Clear() => Count = 0;

    /// <summary>Reads TupleData. https://www.postgresql.org/docs/current/protocol-logicalrep-message-formats.html.</summary>
    public void Read(ref WireReader reader)
    {
        int count = reader.UInt16("column count");
        if (count > ColumnMax) throw new PgOutputException($"a tuple of {count} columns", reader.Offset);
        if (count > _slots.Length) _slots = new Slot[count];
        Count = 0;
        for (int i = 0; i < count; i++) _slots[i] = ReadSlot(ref reader);
        Count = count;
    }

    private static Slot ReadSlot(ref WireReader reader)
    {
        byte kind = reader.Byte("column kind");
        switch (kind)
        {
            case (byte)SlotKind.Null or (byte)SlotKind.Unchanged:
                return new Slot((SlotKind)kind, 0, 0);
            case (byte)SlotKind.Text:
                int length = reader.Int32("value length");
                int offset = reader.Offset;
                reader.Take(length, "value");
                return new Slot(SlotKind.Text, offset, length);
            default:
                throw new PgOutputException($"column kind 0x{kind:x2}", reader.Offset - 1);
        }
    }
}
