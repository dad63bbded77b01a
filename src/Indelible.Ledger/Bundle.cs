using System.Buffers.Binary;

namespace Indelible.Ledger;

/// <summary>A bundle of up to 256 entries, taken apart. Immutable.</summary>
internal sealed class Bundle
{
    /// <summary>Most bytes of a full bundle.</summary>
    public const int LengthMax = 256 * (2 + EntryBatch.EntryLengthMax);

    private readonly ReadOnlyMemory<byte> _bytes;
    private readonly int[] _starts;

    private Bundle(ReadOnlyMemory<byte> bytes, int[] starts) => (_bytes, _starts) = (bytes, starts);

    /// <summary>Number of entries.</summary>
    public int Count => _starts.Length;

    /// <summary>Bytes held.</summary>
    public int Length => _bytes.Length;

    /// <summary>Takes a bundle apart; throws <see cref="LedgerCorruptException"/> unless it is exactly
    /// <paramref name="count"/> entries.</summary>
    /// <param name="bytes">The whole file; kept, not copied.</param>
    /// <param name="count">Entries in it.</param>
    /// <param name="path">Where it was read.</param>
    public static Bundle Parse(ReadOnlyMemory<byte> bytes, int count, string path)
    {
        ReadOnlySpan<byte> span = bytes.Span;
        var starts = new int[count];
        int at = 0;
        for (int i = 0; i < count; i++)
        {
            starts[i] = at;
            int next = span.Length - at < 2 ? int.MaxValue : at + 2 + BinaryPrimitives.ReadUInt16BigEndian(span[at..]);
            if (next > span.Length) throw new LedgerCorruptException(path, at, $"expected {count} entries, found only {i}");
            at = next;
        }
        return at == bytes.Length ? new Bundle(bytes, starts)
            : throw new LedgerCorruptException(path, at, $"expected {count} entries and no more, found {bytes.Length - at} further bytes");
    }

    /// <summary>The entry with its length before it.</summary>
    public ReadOnlyMemory<byte> Framed(int index) => _bytes[_starts[index]..Start(index + 1)];

    /// <summary>Where the entry begins, in bytes; the bundle's length for the one behind the last.</summary>
    public int Start(int index) => index < _starts.Length ? _starts[index] : _bytes.Length;
}

/// <summary>The bundles read last, within a bound on their bytes. Any thread.</summary>
internal sealed class BundleCache
{
    private const long LengthMax = 32 << 20;
    private readonly Dictionary<long, LinkedListNode<(long Index, Bundle Bundle)>> _byIndex = [];
    private readonly LinkedList<(long Index, Bundle Bundle)> _byUse = [];
    private readonly Lock _lock = new();
    private long _length;

    /// <summary>A bundle with at least that many entries; null if there is none.</summary>
    public Bundle? Find(long index, int count)
    {
        lock (_lock)
        {
            if (!_byIndex.TryGetValue(index, out LinkedListNode<(long Index, Bundle Bundle)>? node) || node.Value.Bundle.Count < count)
                return null;
            _byUse.Remove(node);
            _byUse.AddFirst(node);
            return node.Value.Bundle;
        }
    }

    /// <summary>Keeps a bundle instead of an earlier one of that index.</summary>
    public void Keep(long index, Bundle bundle)
    {
        lock (_lock)
        {
            if (_byIndex.TryGetValue(index, out LinkedListNode<(long Index, Bundle Bundle)>? old)) Remove(old);
            _byIndex[index] = _byUse.AddFirst((index, bundle));
            _length += bundle.Length;
            while (_length > LengthMax && _byUse.Count > 1) Remove(_byUse.Last!);
        }
    }

    private void Remove(LinkedListNode<(long Index, Bundle Bundle)> node)
    {
        _byUse.Remove(node);
        _byIndex.Remove(node.Value.Index);
        _length -= node.Value.Bundle.Length;
    }
}
