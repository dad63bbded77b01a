using System.Text;
using Indelible.Format.Cbor;

namespace Indelible.Format.Entries;

/// <summary>Items of headers that repeat from entry to entry, each as <see cref="EntryCodec.Decode"/> accepted it once.
/// Safe to use concurrently.</summary>
/// <remarks>What an item's bytes mean does not depend on where they are: the same bytes need not be checked again.
/// CBOR items are self-delimiting, so bytes that begin with a known item begin with that item and no other.</remarks>
internal sealed class KnownItems
{
    private const int SlotsPerKey = 1 << 10;
    private const int ItemLengthMax = 1 << 10;
    private const int Remembered = 1 << (int)HeaderKey.Source | 1 << (int)HeaderKey.Relation
        | 1 << (int)HeaderKey.Operator | 1 << (int)HeaderKey.Snapshot;

    // Arrays are never changed once they are in here.
    private readonly byte[]?[] _last = new byte[(int)HeaderKey.State + 1][];
    private readonly byte[]?[]?[] _slots = new byte[(int)HeaderKey.State + 1][][];

    /// <param name="origin">The only origin that is known: entries of another ledger have something to be said about.</param>
    public KnownItems(string origin)
    {
        byte[] item = new byte[9 + Encoding.UTF8.GetByteCount(origin)];
        var writer = new CborWriter(item);
        writer.Text(origin);
        _last[(int)HeaderKey.Origin] = writer.Written.ToArray();
        foreach (HeaderKey key in (HeaderKey[])[HeaderKey.Source, HeaderKey.Relation, HeaderKey.Operator, HeaderKey.Snapshot])
            _slots[(int)key] = new byte[SlotsPerKey][];
    }

    /// <summary>Length of the known item that these bytes begin with; 0 if there is none.</summary>
    public int LengthOf(HeaderKey key, ReadOnlySpan<byte> rest)
    {
        byte[]? last = _last[(int)key];
        return last is not null && rest.StartsWith(last) ? last.Length : LengthOfEarlier(key, rest);
    }

    private int LengthOfEarlier(HeaderKey key, ReadOnlySpan<byte> rest)
    {
        if (_slots[(int)key] is not { } slots) return 0;
        var reader = new CborReader(rest);
        if (!reader.TrySkip()) return 0;
        byte[]? item = slots[SlotOf(rest[..reader.Position])];
        if (item is null || !rest.StartsWith(item)) return 0;
        _last[(int)key] = item;
        return item.Length;
    }

    /// <summary>Remembers the repeating items of an entry that was accepted.</summary>
    public void Learn(ReadOnlySpan<byte> entry)
    {
        var reader = new CborReader(entry);
        if (!reader.TryReadArray(out _) || !reader.TryReadMap(out int count)) return;
        for (int i = 0; i < count && reader.TryReadUnsigned(out ulong key); i++)
        {
            int start = reader.Position;
            if (!reader.TrySkip()) return;
            if ((Remembered >> (int)key & 1) == 1 && reader.Position - start <= ItemLengthMax)
                Remember((int)key, entry[start..reader.Position]);
        }
    }

    private void Remember(int key, ReadOnlySpan<byte> item) => _last[key] = _slots[key]![SlotOf(item)] = item.ToArray();

    private static int SlotOf(ReadOnlySpan<byte> item)
    {
        var hash = new HashCode();
        hash.AddBytes(item);
        return hash.ToHashCode() & (SlotsPerKey - 1);
    }
}
