using System.Text;
using Indelible.Format.Cbor;

namespace Indelible.Format.Entries;

/// <summary>Single items, each with its limit.</summary>
internal ref partial struct EntryDecoder
{
    private ulong Unsigned(ulong max)
    {
        if (Failed) return 0;
        int start = reader.Position;
        if (!reader.TryReadUnsigned(out ulong value)) Refuse();
        else if (value > max) Refuse($"expected a number up to {max}, found {value}", start);
        return Failed ? 0 : value;
    }

    private long Integer(long min, long max)
    {
        if (Failed) return 0;
        int start = reader.Position;
        if (!reader.TryReadInteger(out long value)) Refuse();
        else if (value < min || value > max) Refuse($"expected a number from {min} to {max}, found {value}", start);
        return Failed ? 0 : value;
    }

    private string Text(int lengthMax = EntryLimits.TextLengthMax, bool mayBeEmpty = false)
    {
        if (Failed) return "";
        int start = reader.Position;
        if (!reader.TryReadText(out ReadOnlySpan<byte> utf8)) Refuse();
        else if (utf8.Length > lengthMax) Refuse($"expected a text of at most {lengthMax} bytes, found {utf8.Length}", start);
        else if (utf8.IsEmpty && !mayBeEmpty) Refuse("expected a text, found an empty one", start);
        else return Encoding.UTF8.GetString(utf8);
        return "";
    }

    private ReadOnlyMemory<byte> Bytes(int lengthMax)
    {
        if (Failed) return default;
        int start = reader.Position;
        if (!reader.TryReadBytes(out ReadOnlySpan<byte> value)) Refuse();
        else if (value.Length > lengthMax) Refuse($"expected at most {lengthMax} bytes, found {value.Length}", start);
        return Failed ? default : bytes.Slice(reader.Position - value.Length, value.Length);
    }

    private ReadOnlyMemory<byte> FixedBytes(int length)
    {
        int start = reader.Position;
        ReadOnlyMemory<byte> value = Bytes(length);
        if (!Failed && value.Length != length) Refuse($"expected {length} bytes, found {value.Length}", start);
        return value;
    }

    private int Array(int countMax)
    {
        if (Failed) return 0;
        int start = reader.Position;
        if (!reader.TryReadArray(out int count)) Refuse();
        else if (count > countMax) Refuse($"expected at most {countMax} items, found {count}", start);
        return Failed ? 0 : count;
    }

    private void ExpectArray(int count)
    {
        int start = reader.Position;
        int found = Array(int.MaxValue);
        if (!Failed && found != count) Refuse($"expected {count} items, found {found}", start);
    }

    private int Map(int countMax)
    {
        if (Failed) return 0;
        int start = reader.Position;
        if (!reader.TryReadMap(out int count)) Refuse();
        else if (count > countMax) Refuse($"expected at most {countMax} members, found {count}", start);
        return Failed ? 0 : count;
    }

    /// <summary>The next integer key of a map: larger than the one before, and known.</summary>
    private int Key(int previous, int keyMax)
    {
        int start = reader.Position;
        ulong key = Unsigned(ulong.MaxValue);
        if (!Failed && key > (ulong)keyMax) Refuse($"expected a key up to {keyMax}, found {key}", start);
        else if (!Failed && (int)key <= previous) Refuse("expected map keys in order, each once (RFC 8949 §4.2.1)", start);
        return Failed ? previous : (int)key;
    }

    /// <summary>Passes null if it is next.</summary>
    private bool Null() => !Failed && reader.NextIsNull && reader.TryReadNull();

    private void Refuse() => Refuse(reader.Rule, reader.Position);

    /// <summary>Keeps the first fault; an empty rule is none.</summary>
    private void Refuse(string rule, int offset)
    {
        if (rule.Length > 0 && !Failed) Fault = new EntryFault(rule, offset);
    }
}
