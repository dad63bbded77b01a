using System.Buffers.Binary;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Unicode;
using Indelible.Format.Cbor;
using Indelible.Format.Sealing;

namespace Indelible.Format.Entries;

/// <summary>What a verifier needs to know of an ordinary entry: an insert, update, delete or baseline of a shape
/// that nearly all have.</summary>
/// <param name="IsOrdinary">False if the entry must be decoded; then the rest means nothing.</param>
/// <param name="Kind">Change or baseline.</param>
/// <param name="Position">Place in the source's log; zero if there is none.</param>
/// <param name="SourceStart">Where the source's name is in the entry, as it is encoded.</param>
/// <param name="SourceEnd">Where it ends.</param>
/// <remarks><see cref="Read"/> takes for ordinary only what <see cref="EntryCodec.Decode"/> accepts:
/// every rule here is one of its own, and whatever is not ordinary is for it to judge.
/// It builds nothing, and takes a tenth of the time.
/// Each step below is given a place in the entry and gives the next one,
/// or <see cref="Nowhere"/>, from which every further step leads nowhere.</remarks>
internal readonly record struct OrdinaryEntry(bool IsOrdinary, EntryKind Kind, Position Position, int SourceStart, int SourceEnd)
{
    // No text, key, value or header in an entry of this length can be longer than its own limit; only a field's name can.
    private const int LengthMax = EntryLimits.TextLengthMax;
    private const int FieldsMax = 64;
    private const int Nowhere = int.MaxValue;

    private static readonly (int Required, int Optional)[] ChangeMembers =
        [.. Enumerable.Range((int)Operation.Insert, 3).Select(operation => EntryRules.Members(EntryKind.Change, (Operation)operation))];
    private static readonly (int Required, int Optional) BaselineMembers = EntryRules.Members(EntryKind.Baseline, null);
    private static readonly ulong TimeMax = (ulong)MicroTime.Max.Micros;

    /// <summary>Reads one entry.</summary>
    /// <param name="bytes">The whole entry.</param>
    /// <param name="known">Items that repeat from entry to entry: the origin, which must be this one,
    /// and such as were accepted in others.</param>
    public static OrdinaryEntry Read(ReadOnlySpan<byte> bytes, KnownItems known)
    {
        if (bytes.Length > LengthMax) return default;
        int at = Items(bytes, 0, CborMajor.Array, 2);
        at = Header(bytes, at, known, out OrdinaryEntry entry, out bool hasBefore, out bool hasAfter);
        at = Fields(bytes, at, entry.Kind, hasBefore, hasAfter);
        return at == bytes.Length ? entry : default;
    }

    private static int Header(
        ReadOnlySpan<byte> bytes, int at, KnownItems known, out OrdinaryEntry entry, out bool hasBefore, out bool hasAfter)
    {
        at = Count(bytes, at, CborMajor.Map, out int count);
        int present = 0;
        ulong kind = 0, operation = ulong.MaxValue, least = 0;
        Position position = default;
        int sourceStart = 0, sourceEnd = 0;
        hasBefore = hasAfter = false;
        for (int i = 0; i < count && at != Nowhere; i++)
        {
            at = Number(bytes, at, (ulong)HeaderKey.State, out ulong key);
            if (key < least) at = Nowhere;
            least = key + 1;
            present |= 1 << (int)key;
            switch ((HeaderKey)key)
            {
                case HeaderKey.Version: at = Byte(bytes, at, EntryRules.Version); break;
                case HeaderKey.Kind: at = Number(bytes, at, (ulong)EntryKind.Baseline, out kind); break;
                case HeaderKey.Nonce: at = Nonce(bytes, at); break;
                case HeaderKey.SealedAt or HeaderKey.CommittedAt: at = Number(bytes, at, TimeMax, out _); break;
                case HeaderKey.Source:
                    sourceStart = at;
                    at = sourceEnd = Known(bytes, at, HeaderKey.Source, known);
                    break;
                case HeaderKey.Position: at = ReadPosition(bytes, at, out position); break;
                case HeaderKey.TransactionId: at = Number(bytes, at, uint.MaxValue, out _); break;
                case HeaderKey.Operation: at = Number(bytes, at, (ulong)Operation.Delete, out operation); break;
                case HeaderKey.Key or HeaderKey.PreviousKey: at = RowKey(bytes, at); break;
                case HeaderKey.Subjects: at = Subjects(bytes, at, out hasBefore, out hasAfter); break;
                default: at = Known(bytes, at, (HeaderKey)key, known); break;
            }
        }
        entry = new OrdinaryEntry(true, (EntryKind)(byte)kind, position, sourceStart, sourceEnd);
        bool isChange = entry.Kind == EntryKind.Change;
        if (isChange && operation >= (ulong)ChangeMembers.Length) return Nowhere;
        (int required, int optional) = isChange ? ChangeMembers[(int)operation] : BaselineMembers;
        return (required & ~present) == 0 && (present & ~(required | optional)) == 0 ? at : Nowhere;
    }

    private static int Nonce(ReadOnlySpan<byte> bytes, int at)
    {
        int next = Fixed(bytes, at, KeyId.Size);
        return next != Nowhere && bytes[(next - KeyId.Size)..next].ContainsAnyExcept((byte)0) ? next : Nowhere;
    }

    private static int Known(ReadOnlySpan<byte> bytes, int at, HeaderKey key, KnownItems known)
    {
        int length = at < bytes.Length ? known.LengthOf(key, bytes[at..]) : 0;
        return length > 0 ? at + length : Nowhere;
    }

    private static int ReadPosition(ReadOnlySpan<byte> bytes, int at, out Position position)
    {
        at = Items(bytes, at, CborMajor.Array, 4);
        at = Number(bytes, at, ulong.MaxValue, out ulong commit);
        at = Number(bytes, at, uint.MaxValue, out ulong ordinal);
        at = Number(bytes, at, uint.MaxValue, out ulong part);
        at = Number(bytes, at, uint.MaxValue, out ulong parts);
        position = new Position(new Lsn(commit), (uint)ordinal, (uint)part, (uint)parts);
        return part < parts ? at : Nowhere;
    }

    private static int RowKey(ReadOnlySpan<byte> bytes, int at)
    {
        if (at < bytes.Length && bytes[at] >> 5 == (int)CborMajor.Bytes) return Fixed(bytes, at, 32);
        at = Count(bytes, at, CborMajor.Array, out int count);
        if (count is 0 or > EntryLimits.KeyColumnsMax) return Nowhere;
        for (int i = 0; i < count; i++)
        {
            at = Items(bytes, at, CborMajor.Array, 2);
            at = Text(bytes, at, lengthMin: 1, LengthMax);
            at = Text(bytes, at, lengthMin: 0, LengthMax);
        }
        return at;
    }

    private static int Subjects(ReadOnlySpan<byte> bytes, int at, out bool hasBefore, out bool hasAfter)
    {
        at = Items(bytes, at, CborMajor.Array, 2);
        hasBefore = !IsNull(bytes, at);
        at = hasBefore ? Fixed(bytes, at, KeyId.Size) : at + 1;
        hasAfter = !IsNull(bytes, at);
        at = hasAfter ? Fixed(bytes, at, KeyId.Size) : at + 1;
        return hasBefore || hasAfter ? at : Nowhere;
    }

    [SkipLocalsInit]
    private static int Fields(ReadOnlySpan<byte> bytes, int at, EntryKind kind, bool hasBefore, bool hasAfter)
    {
        at = Count(bytes, at, CborMajor.Array, out int count);
        if (count > FieldsMax) return Nowhere;
        Span<Range> names = stackalloc Range[FieldsMax];
        ulong scope = (ulong)FieldScope.Column;
        for (int i = 0; i < count; i++)
        {
            int start = Items(bytes, at, CborMajor.Array, 5);
            ulong last = scope;
            at = Number(bytes, start, (ulong)FieldScope.Text, out scope);
            at = Text(bytes, at, lengthMin: 1, EntryLimits.FieldNameLengthMax);
            if (at == Nowhere || scope < last) return Nowhere;
            names[i] = start..at;
            if (IsNamedTwice(bytes, names[..(i + 1)])) return Nowhere;
            at = Value(bytes, at, hasBefore, out ValueKind before, out bool isNotApplicable);
            at = Value(bytes, at, hasAfter, out ValueKind after, out _);
            if (scope == (ulong)FieldScope.Text && (kind == EntryKind.Baseline || !isNotApplicable)) return Nowhere;
            at = before == ValueKind.Sealed || after == ValueKind.Sealed ? Fixed(bytes, at, 32) : IsNull(bytes, at) ? at + 1 : Nowhere;
        }
        return at;
    }

    /// <summary>True if the last of these, scope and name as encoded, is among those before it.</summary>
    private static bool IsNamedTwice(ReadOnlySpan<byte> bytes, ReadOnlySpan<Range> names)
    {
        ReadOnlySpan<byte> name = bytes[names[^1]];
        foreach (Range other in names[..^1])
        {
            if (name.SequenceEqual(bytes[other])) return true;
        }
        return false;
    }

    private static int Value(ReadOnlySpan<byte> bytes, int at, bool hasSubject, out ValueKind kind, out bool isNotApplicable)
    {
        at = Items(bytes, at, CborMajor.Array, 2);
        at = Number(bytes, at, (ulong)ValueKind.Digest, out ulong number);
        kind = (ValueKind)(byte)number;
        isNotApplicable = false;
        switch (kind)
        {
            case ValueKind.Missing:
                at = Number(bytes, at, (ulong)MissingReason.TooLarge, out ulong reason);
                isNotApplicable = reason == (ulong)MissingReason.NotApplicable;
                return at;
            case ValueKind.Plain: return IsNull(bytes, at) ? at + 1 : String(bytes, at, CborMajor.Bytes, out _);
            case ValueKind.Sealed:
                at = String(bytes, at, CborMajor.Bytes, out int length);
                return hasSubject && Padding.IsSize(length - BlobShape.TagLength) ? at : Nowhere;
            default: return hasSubject ? Fixed(bytes, at, 32) : Nowhere;
        }
    }

    private static bool IsNull(ReadOnlySpan<byte> bytes, int at) => at < bytes.Length && bytes[at] == CborSimple.Null;

    private static int Byte(ReadOnlySpan<byte> bytes, int at, byte expected) => at < bytes.Length && bytes[at] == expected
        ? at + 1 : Nowhere;

    /// <summary>A head with its count in it: of fewer than 24 items.</summary>
    private static int Items(ReadOnlySpan<byte> bytes, int at, CborMajor major, int count) =>
        Byte(bytes, at, (byte)((int)major << 5 | count));

    /// <summary>The head of an array or a map of up to 255 items; the count is 0 if it is not one.</summary>
    private static int Count(ReadOnlySpan<byte> bytes, int at, CborMajor major, out int count)
    {
        at = Head(bytes, at, major, out ulong number);
        if (number > byte.MaxValue) (at, number) = (Nowhere, 0);
        count = (int)number;
        return at;
    }

    private static int Text(ReadOnlySpan<byte> bytes, int at, int lengthMin, int lengthMax)
    {
        int end = String(bytes, at, CborMajor.Text, out int length);
        if (end == Nowhere || length < lengthMin || length > lengthMax) return Nowhere;
        ReadOnlySpan<byte> text = bytes[(end - length)..end];
        return Ascii.IsValid(text) || Utf8.IsValid(text) ? end : Nowhere;
    }

    private static int Fixed(ReadOnlySpan<byte> bytes, int at, int length)
    {
        int end = String(bytes, at, CborMajor.Bytes, out int found);
        return found == length ? end : Nowhere;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int String(ReadOnlySpan<byte> bytes, int at, CborMajor major, out int length)
    {
        at = Head(bytes, at, major, out ulong number);
        length = 0;
        if (at == Nowhere || number > (ulong)(bytes.Length - at)) return Nowhere;
        length = (int)number;
        return at + length;
    }

    /// <summary>The number is 0 if there is none up to the maximum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Number(ReadOnlySpan<byte> bytes, int at, ulong max, out ulong number)
    {
        at = Head(bytes, at, CborMajor.Unsigned, out number);
        if (number <= max) return at;
        number = 0;
        return Nowhere;
    }

    /// <summary>A head of this major type in its shortest form (RFC 8949 §4.2.1). The number is 0 if it is none.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Head(ReadOnlySpan<byte> bytes, int at, CborMajor major, out ulong number)
    {
        number = 0;
        if (at >= bytes.Length) return Nowhere;
        int low = bytes[at] - ((int)major << 5);
        if (low is < 0 or >= 24) return LongHead(bytes[at..], at, low, out number);
        number = (ulong)low;
        return at + 1;
    }

    private static int LongHead(ReadOnlySpan<byte> rest, int at, int low, out ulong number)
    {
        number = 0;
        switch (low)
        {
            case 24 when rest.Length > 1 && rest[1] >= 24:
                number = rest[1];
                return at + 2;
            case 25 when rest.Length > 2 && BinaryPrimitives.ReadUInt16BigEndian(rest[1..]) is >= 1 << 8 and ushort found:
                number = found;
                return at + 3;
            case 26 when rest.Length > 4 && BinaryPrimitives.ReadUInt32BigEndian(rest[1..]) is >= 1 << 16 and uint found:
                number = found;
                return at + 5;
            case 27 when rest.Length > 8 && BinaryPrimitives.ReadUInt64BigEndian(rest[1..]) is >= 1UL << 32 and ulong found:
                number = found;
                return at + 9;
            default: return Nowhere;
        }
    }
}
