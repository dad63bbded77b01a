using System.Buffers.Binary;
using Indelible.Ledger.Rocks;

namespace Indelible.Ledger;

/// <summary>Records of one length, collected to be written in the order of their names:
/// RocksDB's table in memory takes random names one cache miss at a time.</summary>
/// <remarks>Guarded by its keyring's lock.</remarks>
internal sealed class SortedPuts(int nameSize, int valueSize)
{
    private readonly List<(ulong NameStart, int Index)> _order = [];
    private byte[] _records = new byte[64 * (nameSize + valueSize)];

    /// <summary>Records waiting.</summary>
    public int Count => _order.Count;

    public void Add(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        int start = Count * (nameSize + valueSize);
        if (start == _records.Length) Array.Resize(ref _records, 2 * _records.Length);
        name.CopyTo(_records.AsSpan(start));
        value.CopyTo(_records.AsSpan(start + nameSize));
        _order.Add((BinaryPrimitives.ReadUInt64BigEndian(name), Count));
    }

    /// <summary>Moves everything into a batch; of two records with one name the later comes later.</summary>
    public void MoveTo(WriteBatch batch, int family)
    {
        _order.Sort();
        foreach ((_, int index) in _order)
        {
            ReadOnlySpan<byte> record = _records.AsSpan(index * (nameSize + valueSize), nameSize + valueSize);
            batch.Put(family, record[..nameSize], record[nameSize..]);
        }
        _order.Clear();
    }
}
