using Indelible.Format.Cbor;
using Indelible.Format.Sealing;

namespace Indelible.Format.Entries;

/// <summary>Field → bytes. docs/format.md#field.</summary>
internal static class FieldWriter
{
    public static void Write(ref CborWriter writer, Field field)
    {
        Begin(ref writer, field.Scope, field.Name);
        WriteValue(ref writer, field.Before);
        WriteValue(ref writer, field.After);
        if (field.Commitment.IsEmpty) writer.Null();
        else writer.Bytes(field.Commitment.Span);
    }

    /// <summary>Scope and name; before, after and commitment follow.</summary>
    public static void Begin(ref CborWriter writer, FieldScope scope, string name)
    {
        writer.Array(5);
        writer.Unsigned((byte)scope);
        HeaderWriter.Text(ref writer, name, EntryLimits.FieldNameLengthMax);
    }

    public static void WriteMissing(ref CborWriter writer, MissingReason reason)
    {
        writer.Array(2);
        writer.Unsigned((byte)ValueKind.Missing);
        writer.Unsigned((byte)reason);
    }

    /// <summary>A value that is a byte string: plain, sealed or digest.</summary>
    public static void WriteBytes(ref CborWriter writer, ValueKind kind, scoped ReadOnlySpan<byte> bytes)
    {
        writer.Array(2);
        writer.Unsigned((byte)kind);
        writer.Bytes(bytes);
    }

    /// <summary>The same, of bytes that the caller fills in.</summary>
    public static Span<byte> WriteBytesToFill(ref CborWriter writer, ValueKind kind, int length)
    {
        writer.Array(2);
        writer.Unsigned((byte)kind);
        return writer.BytesToFill(length);
    }

    public static void WritePlainNull(ref CborWriter writer)
    {
        writer.Array(2);
        writer.Unsigned((byte)ValueKind.Plain);
        writer.Null();
    }

    public static void WriteBlob(ref CborWriter writer, scoped ReadOnlySpan<byte> sha256, ulong length)
    {
        long plain = BlobShape.PlainLength(length);
        if (plain < 0) throw new ArgumentException($"expected the length of a blob's ciphertext, found {length}");
        writer.Array(4);
        writer.Unsigned((byte)ValueKind.Blob);
        writer.Bytes(sha256);
        writer.Unsigned(length);
        writer.Unsigned((ulong)BlobShape.ChunkCount(plain));
    }

    private static void WriteValue(ref CborWriter writer, in FieldValue value)
    {
        switch (value.Kind)
        {
            case ValueKind.Missing: WriteMissing(ref writer, value.Reason); break;
            case ValueKind.Plain when value.IsNull: WritePlainNull(ref writer); break;
            case ValueKind.Plain or ValueKind.Sealed or ValueKind.Digest: WriteBytes(ref writer, value.Kind, value.Bytes.Span); break;
            case ValueKind.Blob: WriteBlob(ref writer, value.Bytes.Span, value.BlobLength); break;
            default: throw new ArgumentException($"expected a kind of value, found {value.Kind}");
        }
    }
}
