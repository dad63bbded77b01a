using System.Buffers;
using Indelible.Format.Cbor;

namespace Indelible.Format.Entries;

/// <summary>Entry ↔ bytes: deterministic CBOR, one encoding for each entry. docs/format.md#entry. Safe to call concurrently.</summary>
public static class EntryCodec
{
    /// <summary>Appends the entry's bytes. Throws <see cref="ArgumentException"/>, having written nothing,
    /// if <see cref="Decode"/> would refuse them.</summary>
    public static void Encode(Entry entry, IBufferWriter<byte> destination)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(EntryLimits.EntryLengthMax);
        try
        {
            var writer = new CborWriter(buffer.AsSpan(0, EntryLimits.EntryLengthMax));
            Write(ref writer, entry);
            EntryFault fault = Decode(buffer.AsMemory(0, writer.Length), out _);
            if (fault != EntryFault.None) throw new ArgumentException($"entry cannot be encoded: {fault}");
            destination.Write(writer.Written);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    /// <summary>Reads exactly one entry and refuses anything <see cref="Encode"/> would not have written.</summary>
    /// <param name="bytes">The whole entry; the result refers to it, so it must stay as it is.</param>
    /// <param name="entry">The entry; null if there is a fault.</param>
    public static EntryFault Decode(ReadOnlyMemory<byte> bytes, out Entry entry)
    {
        var decoder = new EntryDecoder(bytes);
        Entry? decoded = decoder.Read();
        entry = decoded!;
        return decoder.Fault;
    }

    /// <summary>What kind an entry says it is, read from its first bytes; null if they are not those of an entry.
    /// Whether the rest is in order is <see cref="Decode"/>'s to say.</summary>
    public static EntryKind? KindOf(ReadOnlySpan<byte> bytes)
    {
        CborReader reader = new(bytes);
        return reader.TryReadArray(out _) && reader.TryReadMap(out _)
            && reader.TryReadUnsigned(out ulong version) && version == (ulong)HeaderKey.Version && reader.TryReadUnsigned(out _)
            && reader.TryReadUnsigned(out ulong origin) && origin == (ulong)HeaderKey.Origin && reader.TryReadText(out _)
            && reader.TryReadUnsigned(out ulong key) && key == (ulong)HeaderKey.Kind && reader.TryReadUnsigned(out ulong kind)
            && kind <= byte.MaxValue ? (EntryKind)kind : null;
    }

    private static void Write(ref CborWriter writer, Entry entry)
    {
        writer.Array(2);
        HeaderWriter.Write(ref writer, entry.Header);
        writer.Array(entry.Fields.Count);
        foreach (Field field in entry.Fields) FieldWriter.Write(ref writer, field);
    }
}
