using Indelible.Format.Cbor;
using Indelible.Format.Sealing;

namespace Indelible.Format.Entries;

/// <summary>Bytes → entry. The first fault sticks; reads after it give empty values that nobody sees.</summary>
internal ref partial struct EntryDecoder(ReadOnlyMemory<byte> bytes)
{
    private readonly ReadOnlyMemory<byte> bytes = bytes;
    private CborReader reader = new(bytes.Span);

    /// <summary>What is wrong; None if nothing.</summary>
    public EntryFault Fault { get; private set; } = EntryFault.None;

    private readonly bool Failed => Fault != EntryFault.None;

    /// <summary>The entry; null if there is a fault.</summary>
    public Entry? Read()
    {
        if (bytes.Length > EntryLimits.EntryLengthMax)
        {
            Refuse($"expected an entry of at most {EntryLimits.EntryLengthMax} bytes, found {bytes.Length}", 0);
            return null;
        }
        ExpectArray(2);
        int headerStart = reader.Position;
        EntryHeader? header = ReadHeader();
        int headerLength = reader.Position - headerStart;
        if (headerLength > EntryLimits.HeaderLengthMax)
            Refuse($"expected a header of at most {EntryLimits.HeaderLengthMax} bytes, found {headerLength}", headerStart);
        Field[] fields = header is null ? [] : ReadFields(header);
        if (!Failed && !reader.AtEnd) Refuse("expected the end of the entry, found more bytes", reader.Position);
        return Failed ? null : new Entry { Header = header!, Fields = fields, HeaderBytes = bytes.Slice(headerStart, headerLength) };
    }

    private Field[] ReadFields(EntryHeader header)
    {
        int count = Array(EntryLimits.FieldsMax);
        return Failed ? [] : ReadFields(header, count);
    }

    private Field[] ReadFields(EntryHeader header, int count)
    {
        var fields = new Field[count];
        var names = new HashSet<(FieldScope, string)>(count);
        FieldScope last = FieldScope.Column;
        for (int i = 0; i < count; i++)
        {
            int start = reader.Position;
            Field? field = ReadField();
            if (field is null) return [];
            if (field.Scope < last) Refuse("expected columns before texts, found a column after a text", start);
            last = field.Scope;
            if (!names.Add((field.Scope, field.Name))) Refuse($"expected each field once, found {field.Scope} '{field.Name}' again", start);
            Refuse(EntryRules.CheckField(header, field), start);
            if (Failed) return [];
            fields[i] = field;
        }
        return fields;
    }

    private Field? ReadField()
    {
        ExpectArray(5);
        var scope = (FieldScope)Unsigned((byte)FieldScope.Text);
        string name = Text(EntryLimits.FieldNameLengthMax);
        FieldValue before = ReadValue();
        FieldValue after = ReadValue();
        ReadOnlyMemory<byte> commitment = Null() ? default : FixedBytes(32);
        return Failed ? null : new Field { Scope = scope, Name = name, Before = before, After = after, Commitment = commitment };
    }

    private FieldValue ReadValue()
    {
        int start = reader.Position;
        int count = Array(4);
        var kind = (ValueKind)Unsigned((byte)ValueKind.Blob);
        int expected = kind == ValueKind.Blob ? 4 : 2;
        if (!Failed && count != expected) Refuse($"expected {expected} items in a {kind} value, found {count}", start);
        if (Failed) return default;
        switch (kind)
        {
            case ValueKind.Missing: return FieldValue.Missing((MissingReason)Unsigned((byte)MissingReason.TooLarge));
            case ValueKind.Plain: return Null() ? FieldValue.PlainNull() : FieldValue.Plain(Bytes(EntryLimits.ValueLengthMax));
            case ValueKind.Sealed: return ReadSealed();
            case ValueKind.Digest: return FieldValue.Digest(FixedBytes(32));
            default: return ReadBlob();
        }
    }

    private FieldValue ReadSealed()
    {
        int start = reader.Position;
        int lengthMax = (int)Padding.SizeFor(EntryLimits.ValueLengthMax) + BlobShape.TagLength;
        ReadOnlyMemory<byte> ciphertext = Bytes(lengthMax);
        if (!Failed && !Padding.IsSize(ciphertext.Length - BlobShape.TagLength))
            Refuse($"expected a ciphertext of a padded length, found {ciphertext.Length} bytes", start);
        return FieldValue.Sealed(ciphertext);
    }

    private FieldValue ReadBlob()
    {
        ReadOnlyMemory<byte> sha256 = FixedBytes(32);
        int start = reader.Position;
        ulong length = Unsigned(ulong.MaxValue);
        ulong chunks = Unsigned(ulong.MaxValue);
        long plain = BlobShape.PlainLength(length);
        if (!Failed && (plain < 0 || (ulong)BlobShape.ChunkCount(plain) != chunks))
            Refuse($"expected a padded length and its count of chunks, found {length} bytes in {chunks} chunks", start);
        return FieldValue.Blob(sha256, length);
    }
}
