using System.Buffers.Binary;
using RocksDbSharp;

namespace Indelible.Index;

/// <summary>Collects (term, entry) pairs of consecutive entries and writes them as posting chunks: one record per term. Reused; owned by the index's writer.</summary>
/// <remarks>Key: 'P', term hash, index of the first entry, big-endian. Value: distances to the following ones as varints; empty for a lone entry.</remarks>
internal sealed class PostingBatch
{
    /// <summary>Entries per chunk: what a reader decodes at once. The more, the nearer to each other the keys that are written together.</summary>
    public const int EntriesMax = 16_384;

    /// <summary>Length of a posting's key.</summary>
    public const int KeySize = 1 + (2 * sizeof(ulong));

    private ulong[] _terms = new ulong[4096];
    private int[] _offsets = new int[4096];
    private byte[] _value = new byte[EntriesMax * 3];
    private int _count;

    /// <summary>Adds the terms of the entry at this offset from the batch's first.</summary>
    public void Add(ReadOnlySpan<ulong> terms, int offset)
    {
        int end = _count + terms.Length;
        if (end > _terms.Length)
        {
            Array.Resize(ref _terms, Math.Max(_terms.Length * 2, end));
            Array.Resize(ref _offsets, _terms.Length);
        }
        terms.CopyTo(_terms.AsSpan(_count));
        _offsets.AsSpan(_count, terms.Length).Fill(offset);
        _count = end;
    }

    /// <summary>Forgets what was added and not written.</summary>
    public void Clear() => _count = 0;

    /// <summary>Writes all chunks, in key order, and empties the batch.</summary>
    public void WriteTo(WriteBatch batch, long firstIndex)
    {
        Array.Sort(_terms, _offsets, 0, _count);
        for (int begin = 0; begin < _count;)
        {
            int end = begin + 1;
            while (end < _count && _terms[end] == _terms[begin]) end++;
            Span<int> offsets = _offsets.AsSpan(begin, end - begin);
            offsets.Sort();     // the sort by terms does not keep the order of equal ones
            WriteChunk(batch, firstIndex, _terms[begin], offsets);
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

    private void WriteChunk(WriteBatch batch, long firstIndex, ulong term, ReadOnlySpan<int> offsets)
    {
        Span<byte> key = stackalloc byte[KeySize];
        WriteKey(key, term, firstIndex + offsets[0]);
        int length = 0;
        for (int i = 1; i < offsets.Length; i++)
        {
            int distance = offsets[i] - offsets[i - 1];
            if (distance > 0) length += Varint.Write(_value.AsSpan(length), (ulong)distance);    // zero: the same term twice in one entry
        }
        batch.Put(key, _value.AsSpan(0, length));
    }
}
