using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>Collects (term, entry) pairs of consecutive entries and writes them as posting chunks: one record per term.
/// Reused; owned by the index's writer.</summary>
/// <remarks>Key: 'P', term hash, index of the first entry, big-endian.
/// Value: distances to the following ones as varints; empty for a lone entry.</remarks>
internal sealed class PostingBatch
{
    /// <summary>Entries per chunk: what a reader decodes at once.
    /// The more, the nearer to each other the keys that are written together.</summary>
    public const int EntriesMax = 16_384;

    /// <summary>Length of a posting's key.</summary>
    public const int KeySize = 1 + (2 * sizeof(ulong));

    private readonly Dictionary<ulong, Chain> _chains = [];
    private readonly List<Link> _links = [];
    private readonly List<int> _offsets = [];
    private readonly byte[] _value = new byte[EntriesMax * 3];
    private ulong[] _terms = [];

    /// <summary>A term's entries: places in the list of links. Most terms are of one entry, some of all.</summary>
    private record struct Chain(int First, int Last);

    /// <summary>One entry of a term, and the place of the term's next; 0 at the end.</summary>
    private record struct Link(int Offset, int Next);

    /// <summary>Adds the terms of the entry at this offset from the batch's first; entries come in their order.</summary>
    public void Add(ReadOnlySpan<ulong> terms, int offset)
    {
        foreach (ulong term in terms)
        {
            ref Chain chain = ref CollectionsMarshal.GetValueRefOrAddDefault(_chains, term, out bool isKnown);
            if (isKnown) CollectionsMarshal.AsSpan(_links)[chain.Last].Next = _links.Count;
            else chain.First = _links.Count;
            chain.Last = _links.Count;
            _links.Add(new Link(offset, 0));
        }
    }

    /// <summary>Forgets what was added and not written.</summary>
    public void Clear()
    {
        _chains.Clear();
        _links.Clear();
    }

    /// <summary>Writes all chunks, in key order, and empties the batch.</summary>
    public void WriteTo(WriteBatch batch, long firstIndex)
    {
        if (_terms.Length < _chains.Count) _terms = new ulong[_chains.Count];
        _chains.Keys.CopyTo(_terms, 0);
        Span<ulong> terms = _terms.AsSpan(0, _chains.Count);
        terms.Sort();
        foreach (ulong term in terms)
        {
            _offsets.Clear();
            for (int at = _chains[term].First; _offsets.Count == 0 || at != 0; at = _links[at].Next) _offsets.Add(_links[at].Offset);
            WriteChunk(batch, firstIndex, term, CollectionsMarshal.AsSpan(_offsets));
        }
        Clear();
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
        batch.Put(IndexOptions.Postings, key, _value.AsSpan(0, length));
    }
}
