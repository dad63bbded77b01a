using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>Collects (term, entry) pairs of consecutive entries and puts them out as posting chunks, in the order of their keys.
/// Reused; owned by the index's writer.</summary>
/// <remarks>Key: 'P', term hash, index of the first entry, big-endian.
/// Value: distances to the following ones as varints; empty for a lone entry.</remarks>
internal sealed class PostingBatch
{
    /// <summary>Entries in a chunk: what a reader decodes at once.</summary>
    public const int ChunkMax = 16_384;

    /// <summary>Length of a posting's key.</summary>
    public const int KeySize = 1 + (2 * sizeof(ulong));

    private readonly List<ulong> _terms = [];
    private readonly List<Run> _runs = [];
    private readonly List<int> _newest = [];
    private readonly byte[] _value = new byte[ChunkMax * 3];     // an entry is less than 2^21 from the next

    /// <summary>Entries that follow each other and have one term, as offsets; its term is at the same place of the other list.</summary>
    private record struct Run(int First, int Last);

    /// <summary>Runs collected: what it takes in memory, and to write, goes by this.</summary>
    public int RunCount => _runs.Count;

    /// <summary>Adds the terms of the entry at this offset from the batch's first; entries come in their order.</summary>
    /// <remarks>Entries that follow each other have most terms in common, at the same places.</remarks>
    public void Add(ReadOnlySpan<ulong> terms, int offset)
    {
        for (int i = 0; i < terms.Length; i++)
        {
            if (i == _newest.Count) _newest.Add(-1);
            else if (GoesOn(_newest[i], terms[i], offset)) continue;
            _newest[i] = _runs.Count;
            _terms.Add(terms[i]);
            _runs.Add(new Run(offset, offset));
        }
    }

    /// <summary>True if some entry collected has the term.</summary>
    public bool Has(Term term) => _terms.Contains(term.Hash);

    /// <summary>Forgets what was added.</summary>
    public void Clear()
    {
        _terms.Clear();
        _runs.Clear();
        _newest.Clear();
    }

    /// <summary>Puts all chunks out, in the order of their keys. What was added is to be cleared then, whatever came of it.</summary>
    public void WriteTo(RecordSink put, long firstIndex)
    {
        Span<ulong> terms = CollectionsMarshal.AsSpan(_terms);
        Span<Run> runs = CollectionsMarshal.AsSpan(_runs);
        terms.Sort(runs);
        for (int from = 0, to; from < terms.Length; from = to)
        {
            to = from + 1;
            while (to < terms.Length && terms[to] == terms[from]) to++;
            if (to - from > 1) runs[from..to].Sort(static (a, b) => a.First.CompareTo(b.First));
            WriteTerm(put, terms[from], firstIndex, runs[from..to]);
        }
    }

    /// <summary>Key of a chunk.</summary>
    public static void WriteKey(Span<byte> key, ulong term, long index)
    {
        key[0] = (byte)'P';
        BinaryPrimitives.WriteUInt64BigEndian(key[1..], term);
        BinaryPrimitives.WriteInt64BigEndian(key[9..], index);
    }

    private bool GoesOn(int place, ulong term, int offset)
    {
        if (place < 0 || _terms[place] != term) return false;
        ref Run run = ref CollectionsMarshal.AsSpan(_runs)[place];
        if (run.Last != offset - 1) return false;
        run.Last = offset;
        return true;
    }

    private void WriteTerm(RecordSink put, ulong term, long firstIndex, ReadOnlySpan<Run> runs)
    {
        Span<byte> key = stackalloc byte[KeySize];
        int count = 0, length = 0, last = -1;
        foreach (Run run in runs)
        {
            for (int offset = Math.Max(run.First, last + 1); offset <= run.Last; offset++)      // the same term may be twice in an entry
            {
                if (count == ChunkMax)
                {
                    put(key, _value.AsSpan(0, length));
                    count = 0;
                }
                if (count++ == 0)
                {
                    WriteKey(key, term, firstIndex + offset);
                    length = 0;
                }
                else length += Varint.Write(_value.AsSpan(length), (ulong)(offset - last));
                last = offset;
            }
        }
        put(key, _value.AsSpan(0, length));
    }
}
