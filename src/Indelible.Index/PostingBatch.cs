using System.Buffers.Binary;
using RocksDbSharp;

namespace Indelible.Index;

/// <summary>Collects (term, entry) pairs of consecutive entries and writes them as posting chunks: one record per term. Reused; owned by the index's writer.</summary>
/// <remarks>Key: 'P', term hash, index of the first entry, big-endian. Value: distances to the following ones as varints; empty for a lone entry.</remarks>
internal sealed class PostingBatch
{
    /// <summary>Entries per chunk: what a reader decodes at once.</summary>
    public const int EntriesMax = 4096;

    /// <summary>Length of a posting's key.</summary>
    public const int KeySize = 1 + (2 * sizeof(ulong));

    private readonly List<Term> _terms = [];
    private (ulong Term, int Offset)[] _pairs = new (ulong, int)[EntriesMax * 8];
    private byte[] _value = new byte[EntriesMax * 2];
    private int _count;

    /// <summary>Where the caller puts the terms of the next entry.</summary>
    public List<Term> Terms => _terms;

    /// <summary>Takes over <see cref="Terms"/> for the entry at this offset from the batch's first, and empties it.</summary>
    public void Add(int offset)
    {
        if (_count + _terms.Count > _pairs.Length) Array.Resize(ref _pairs, Math.Max(_pairs.Length * 2, _count + _terms.Count));
        foreach (Term term in _terms) _pairs[_count++] = (term.Hash, offset);
        _terms.Clear();
    }

    /// <summary>Forgets what was added and not written.</summary>
    public void Clear()
    {
        _terms.Clear();
        _count = 0;
    }

    /// <summary>Writes all chunks, in key order, and empties the batch.</summary>
    public void WriteTo(WriteBatch batch, long firstIndex)
    {
        Span<(ulong Term, int Offset)> pairs = _pairs.AsSpan(0, _count);
        pairs.Sort();
        for (int begin = 0; begin < pairs.Length;)
        {
            int end = begin + 1;
            while (end < pairs.Length && pairs[end].Term == pairs[begin].Term) end++;
            WriteChunk(batch, firstIndex, pairs[begin..end]);
            begin = end;
        }
        _count = 0;
    }

    /// <summary>Key of a chunk.</summary>
    public static void WriteKey(Span<byte> key, ulong term, long index)
    {
        key[0] = (byte)'P';
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], term);
        BinaryPrimitives.WriteInt64BigEndian(key[9..], index);
    }

    private void WriteChunk(WriteBatch batch, long firstIndex, ReadOnlySpan<(ulong Term, int Offset)> chunk)
    {
        Span<byte> key = stackalloc byte[KeySize];
        WriteKey(key, chunk[0].Term, firstIndex + chunk[0].Offset);
        int length = 0;
        for (int i = 1; i < chunk.Length; i++)
        {
            int distance = chunk[i].Offset - chunk[i - 1].Offset;
            if (distance > 0) length += Varint.Write(_value.AsSpan(length), (ulong)distance);    // zero: the same term twice in one entry
        }
        batch.Put(key, _value.AsSpan(0, length));
    }
}
