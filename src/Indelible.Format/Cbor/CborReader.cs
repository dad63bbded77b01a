using System.Buffers.Binary;
using System.Text.Unicode;

namespace Indelible.Format.Cbor;

/// <summary>Reads deterministic CBOR (RFC 8949 §4.2.1) and refuses everything else.
/// After a failed read the reader has not moved, and <see cref="Rule"/> says why.</summary>
internal ref struct CborReader(ReadOnlySpan<byte> source)
{
    /// <summary>Deepest nesting that <see cref="TrySkip"/> follows.</summary>
    public const int DepthMax = 16;

    private readonly ReadOnlySpan<byte> source = source;

    /// <summary>0-based offset of the next item, in bytes.</summary>
    public int Position { get; private set; }

    /// <summary>The rule the last failed read found broken.</summary>
    public string Rule { get; private set; } = "";

    /// <summary>True if every byte was read.</summary>
    public readonly bool AtEnd => Position == source.Length;

    public bool TryReadUnsigned(out ulong value) => TryHead(CborMajor.Unsigned, out value, out int next) && MoveTo(next);

    /// <summary>Reads an integer of either sign that fits 64 bits signed.</summary>
    public bool TryReadInteger(out long value)
    {
        value = 0;
        if (!TryAnyHead(out CborMajor major, out ulong argument, out int next)) return false;
        if (major is not (CborMajor.Unsigned or CborMajor.Negative)) return Refuse($"expected an integer, found {major}");
        if (argument > long.MaxValue) return Refuse("expected an integer of 64 bits with sign, found a larger one");
        value = major == CborMajor.Unsigned ? (long)argument : -1 - (long)argument;
        return MoveTo(next);
    }

    /// <param name="value">A slice of the source.</param>
    public bool TryReadBytes(out ReadOnlySpan<byte> value) => TryString(CborMajor.Bytes, out value);

    /// <param name="utf8">A slice of the source; valid UTF-8.</param>
    public bool TryReadText(out ReadOnlySpan<byte> utf8)
    {
        int start = Position;
        if (!TryString(CborMajor.Text, out utf8)) return false;
        if (Utf8.IsValid(utf8)) return true;
        Position = start;
        utf8 = default;
        return Refuse("expected a text in UTF-8, found other bytes");
    }

    /// <param name="count">Items that follow; at most the bytes that are left.</param>
    public bool TryReadArray(out int count) => TryContainer(CborMajor.Array, bytesPerItem: 1, out count);

    /// <param name="count">Pairs that follow; at most half the bytes that are left.</param>
    public bool TryReadMap(out int count) => TryContainer(CborMajor.Map, bytesPerItem: 2, out count);

    /// <summary>Reads null if it is next; otherwise fails like every other read.</summary>
    public bool TryReadNull()
    {
        if (NextIsNull) return MoveTo(Position + 1);
        return Refuse(AtEnd ? "expected null, found the end" : $"expected null, found byte 0x{source[Position]:x2}");
    }

    public bool TryReadBoolean(out bool value)
    {
        value = !AtEnd && source[Position] == CborSimple.True;
        if (value || (!AtEnd && source[Position] == CborSimple.False)) return MoveTo(Position + 1);
        return Refuse("expected true or false, found something else");
    }

    /// <summary>True if the next item is null.</summary>
    public readonly bool NextIsNull => !AtEnd && source[Position] == CborSimple.Null;

    /// <summary>True if the next item is a byte string.</summary>
    public readonly bool NextIsBytes => !AtEnd && source[Position] >> 5 == (int)CborMajor.Bytes;

    /// <summary>Checks and passes one whole item, whatever it is; map keys must be sorted and different.</summary>
    public bool TrySkip()
    {
        int start = Position;
        if (Skip(DepthMax)) return true;
        Position = start;
        return false;
    }

    private bool Skip(int depth)
    {
        if (!TryAnyHead(out CborMajor major, out ulong argument, out int next)) return false;
        switch (major)
        {
            case CborMajor.Unsigned or CborMajor.Negative: return MoveTo(next);
            case CborMajor.Bytes: return TryReadBytes(out _);
            case CborMajor.Text: return TryReadText(out _);
            case CborMajor.Simple:
                return argument is 20 or 21 or 22
                    ? MoveTo(next)
                    : Refuse("expected null, true or false, found another simple value or a float");
            case CborMajor.Tag: return Refuse("expected no tags, found one");
            case CborMajor.Array or CborMajor.Map when depth == 0: return Refuse($"expected at most {DepthMax} levels, found more");
            case CborMajor.Array: return TryReadArray(out int items) && SkipItems(items, depth - 1);
            default: return TryReadMap(out int pairs) && SkipPairs(pairs, depth - 1);
        }
    }

    private bool SkipItems(int count, int depth)
    {
        for (int i = 0; i < count; i++)
        {
            if (!Skip(depth)) return false;
        }
        return true;
    }

    private bool SkipPairs(int count, int depth)
    {
        ReadOnlySpan<byte> previous = default;
        for (int i = 0; i < count; i++)
        {
            int keyStart = Position;
            if (!Skip(depth)) return false;
            ReadOnlySpan<byte> key = source[keyStart..Position];
            if (i > 0 && previous.SequenceCompareTo(key) >= 0)
                return Refuse("expected map keys in bytewise order, each once (RFC 8949 §4.2.1)");
            previous = key;
            if (!Skip(depth)) return false;
        }
        return true;
    }

    private bool TryString(CborMajor major, out ReadOnlySpan<byte> value)
    {
        value = default;
        if (!TryHead(major, out ulong length, out int next)) return false;
        if (length > (ulong)(source.Length - next)) return Refuse($"expected {length} bytes, found {source.Length - next} to the end");
        value = source.Slice(next, (int)length);
        return MoveTo(next + (int)length);
    }

    private bool TryContainer(CborMajor major, int bytesPerItem, out int count)
    {
        count = 0;
        if (!TryHead(major, out ulong argument, out int next)) return false;
        // Every item takes a byte at least: a count that cannot be true is refused before anyone allocates for it.
        if (argument > (ulong)((source.Length - next) / bytesPerItem))
            return Refuse($"expected {argument} items, found too few bytes for them");
        count = (int)argument;
        return MoveTo(next);
    }

    private bool TryHead(CborMajor expected, out ulong argument, out int next)
    {
        if (!TryAnyHead(out CborMajor major, out argument, out next)) return false;
        return major == expected || Refuse($"expected {expected}, found {major}");
    }

    private bool TryAnyHead(out CborMajor major, out ulong argument, out int next)
    {
        (major, argument, next) = (default, 0, Position + 1);
        if (AtEnd) return Refuse("expected an item, found the end");
        ReadOnlySpan<byte> rest = source[Position..];
        major = (CborMajor)(rest[0] >> 5);
        int low = rest[0] & 0x1F;
        argument = (ulong)low;
        return low < 24 || TryLongHead(rest, major, low, out argument, out next);
    }

    /// <summary>A head with 1, 2, 4 or 8 bytes after the first.</summary>
    private bool TryLongHead(ReadOnlySpan<byte> rest, CborMajor major, int low, out ulong argument, out int next)
    {
        (argument, next) = (0, 0);
        int extra = low <= 27 ? 1 << (low - 24) : -1;
        if (extra < 0) return Refuse("expected a definite length (RFC 8949 §4.2.1), found an indefinite or reserved one");
        if (rest.Length <= extra) return Refuse("expected a whole head, found the end");
        if (major == CborMajor.Simple) return Refuse("expected null, true or false, found another simple value or a float");
        argument = extra switch
        {
            1 => rest[1],
            2 => BinaryPrimitives.ReadUInt16BigEndian(rest[1..]),
            4 => BinaryPrimitives.ReadUInt32BigEndian(rest[1..]),
            _ => BinaryPrimitives.ReadUInt64BigEndian(rest[1..]),
        };
        if (argument < SmallestFor(extra))
            return Refuse("expected the shortest form of a number or length (RFC 8949 §4.2.1), found a longer one");
        next = Position + 1 + extra;
        return true;
    }

    private static ulong SmallestFor(int extra) => extra switch { 1 => 24, 2 => 1UL << 8, 4 => 1UL << 16, _ => 1UL << 32 };

    private bool MoveTo(int next)
    {
        Position = next;
        return true;
    }

    private bool Refuse(string rule)
    {
        Rule = rule;
        return false;
    }
}
