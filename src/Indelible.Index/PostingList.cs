using System.Buffers.Binary;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>The entries that have one term, walked in either direction. Keeps the chunk it stands in; one thread.</summary>
internal sealed class PostingList : IDisposable
{
    /// <summary>No entry.</summary>
    public const long None = -1;

    private readonly ulong _term;
    private readonly Iterator _iterator;
    private long[] _chunk = [];
    private int _count;

    public PostingList(RocksDb database, Snapshot snapshot, Term term)
    {
        _term = term.Hash;
        _iterator = database.NewIterator(IndexOptions.Postings, snapshot);
    }

    /// <summary>The largest entry index not above <paramref name="index"/>, or <see cref="None"/>.</summary>
    public long AtMost(long index)
    {
        if (index < 0) return None;
        if ((_count == 0 || index < _chunk[0] || index > _chunk[_count - 1]) && !LoadChunkAtOrBefore(index)) return None;
        int found = Array.BinarySearch(_chunk, 0, _count, index);
        return _chunk[found >= 0 ? found : ~found - 1];
    }

    /// <summary>The smallest entry index not below <paramref name="index"/>, or <see cref="None"/>.</summary>
    public long AtLeast(long index)
    {
        if (_count == 0 || index < _chunk[0] || index > _chunk[_count - 1])
        {
            bool loaded = LoadChunkAtOrBefore(index);
            if ((!loaded || _chunk[_count - 1] < index) && !LoadNextChunk(index)) return None;
        }
        int found = Array.BinarySearch(_chunk, 0, _count, index);
        return _chunk[found >= 0 ? found : ~found];
    }

    /// <inheritdoc/>
    public void Dispose() => _iterator.Dispose();

    private bool LoadChunkAtOrBefore(long index)
    {
        Span<byte> key = stackalloc byte[PostingBatch.KeySize];
        PostingBatch.WriteKey(key, _term, index);
        return Decode(_iterator.SeekForPrevious(key));
    }

    private bool LoadNextChunk(long index)
    {
        Span<byte> key = stackalloc byte[PostingBatch.KeySize];
        PostingBatch.WriteKey(key, _term, index);
        return Decode(_iterator.Seek(key));
    }

    /// <summary>Decodes the chunk under the iterator; false if it is another term's or there is none.</summary>
    private bool Decode(bool found)
    {
        _count = 0;
        if (!found) return false;
        ReadOnlySpan<byte> key = _iterator.Key;
        if (key.Length != PostingBatch.KeySize || key[0] != 'P' || BinaryPrimitives.ReadUInt64BigEndian(key[1..]) != _term) return false;
        ReadOnlySpan<byte> value = _iterator.Value;
        if (_chunk.Length < value.Length + 1) _chunk = new long[value.Length + 1];
        long index = BinaryPrimitives.ReadInt64BigEndian(key[9..]);
        _chunk[_count++] = index;
        while (value.Length > 0)
        {
            if (_count == PostingBatch.ChunkMax) throw new IndexDamagedException("a posting chunk is too long");
            index += (long)Varint.Read(ref value);
            _chunk[_count++] = index;
        }
        return true;
    }
}
