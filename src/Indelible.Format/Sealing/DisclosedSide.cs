using System.Text;
using Indelible.Format.Cbor;
using Indelible.Format.Entries;

namespace Indelible.Format.Sealing;

/// <summary>Opens exactly one side of one field of one entry, for whoever holds it. docs/format.md#disclosure.</summary>
public sealed record DisclosedSide
{
    /// <summary>What <see cref="Name"/> names.</summary>
    public required FieldScope Scope { get; init; }
    /// <summary>The field.</summary>
    public required string Name { get; init; }
    /// <summary>Which of its values.</summary>
    public required Side Side { get; init; }
    /// <summary>The side key, 32 bytes. Secret until disclosed.</summary>
    public required ReadOnlyMemory<byte> Key { get; init; }
    /// <summary>SHA-256 of the other side's key, 32 bytes; zeros if that side is not encrypted.</summary>
    public required ReadOnlyMemory<byte> OtherHash { get; init; }

    /// <summary>Array of five: scope, name, side, key, other hash.</summary>
    internal void Write(ref CborWriter writer)
    {
        if (Key.Length != SideKey.Size || OtherHash.Length != Sha2.Size)
            throw new ArgumentException($"expected a key and a hash of 32 bytes each, found {Key.Length} and {OtherHash.Length}");
        writer.Array(5);
        writer.Unsigned((byte)Scope);
        HeaderWriter.Text(ref writer, Name, EntryLimits.FieldNameLengthMax);
        writer.Unsigned((byte)Side);
        writer.Bytes(Key.Span);
        writer.Bytes(OtherHash.Span);
    }

    /// <summary>Reads one; copies the bytes.</summary>
    /// <param name="reader">Stands inside the record if it fails.</param>
    /// <param name="disclosed">The record; null if it fails.</param>
    /// <returns>The rule broken; empty if none.</returns>
    internal static string Read(ref CborReader reader, out DisclosedSide? disclosed)
    {
        disclosed = null;
        if (!reader.TryReadArray(out int count)) return reader.Rule;
        if (count != 5) return $"expected 5 items in a disclosed side, found {count}";
        if (!reader.TryReadUnsigned(out ulong scope) || !reader.TryReadText(out ReadOnlySpan<byte> name)
            || !reader.TryReadUnsigned(out ulong side)) return reader.Rule;
        if (!reader.TryReadBytes(out ReadOnlySpan<byte> key) || !reader.TryReadBytes(out ReadOnlySpan<byte> otherHash)) return reader.Rule;
        if (scope > (byte)FieldScope.Text || side > (byte)Side.After)
            return $"expected a scope and a side up to 1, found {scope} and {side}";
        if (name.Length is 0 or > EntryLimits.FieldNameLengthMax)
            return $"expected a name of 1 to {EntryLimits.FieldNameLengthMax} bytes, found {name.Length}";
        if (key.Length != SideKey.Size || otherHash.Length != Sha2.Size)
            return $"expected a key and a hash of 32 bytes each, found {key.Length} and {otherHash.Length}";
        disclosed = new DisclosedSide
        {
            Scope = (FieldScope)scope,
            Name = Encoding.UTF8.GetString(name),
            Side = (Side)side,
            Key = key.ToArray(),
            OtherHash = otherHash.ToArray(),
        };
        return "";
    }
}
