using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>Entries to be sealed together, with their blobs and the mark they carry.
/// Filled by one thread; not changed once handed to the writer.</summary>
/// <remarks>Entries are kept as they go into journal and bundle: 16-bit big-endian length, then bytes (c2sp.org/tlog-tiles,
/// entry bundles).</remarks>
public sealed class EntryBatch
{
    /// <summary>Largest entry, in bytes.</summary>
    public const int EntryLengthMax = ushort.MaxValue;

    /// <summary>Most bytes of framed entries in one batch.</summary>
    public const int BatchLengthMax = 64 << 20;

    /// <summary>Holds the largest framed entry, and stays out of the large-object heap.</summary>
    private const int BlockLengthMax = 80 << 10;
    private const int BlockLengthMin = 4 << 10;

    private readonly List<ReadOnlyMemory<byte>> _framed = [];
    private readonly List<Blob> _blobs = [];
    private readonly List<ulong> _terms = [];
    private readonly List<(int TermsEnd, MicroTime Time)> _found = [];
    private byte[] _block = [];
    private int _used;

    /// <summary>Number of entries; zero for a batch that only carries a mark.</summary>
    public int Count => _framed.Count;

    /// <summary>Bytes of framed entries.</summary>
    public int FramedLength { get; private set; }

    /// <summary>Ciphertexts too large for an entry; durable before the entries that refer to them.</summary>
    public IReadOnlyList<Blob> Blobs => _blobs;

    /// <summary>Bytes of framed entries and of blobs.</summary>
    public long Length => FramedLength + _blobs.Sum(blob => (long)blob.Ciphertext.Length);

    /// <summary>How far the batch's source is sealed once the batch is; null if it says nothing about a source.</summary>
    public SourceMark? Mark { get; set; }

    /// <summary>The encoded entry at <paramref name="index"/>, 0-based in the batch. Valid as long as the batch is not added to.</summary>
    public ReadOnlyMemory<byte> this[int index] => _framed[index][2..];

    /// <summary>Copies an encoded entry of 1 to 65,535 bytes.</summary>
    public void Add(ReadOnlySpan<byte> entry)
    {
        ArgumentOutOfRangeException.ThrowIfZero(entry.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(entry.Length, EntryLengthMax);
        int length = 2 + entry.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(FramedLength + length, BatchLengthMax);
        Memory<byte> framed = Take(length);
        BinaryPrimitives.WriteUInt16BigEndian(framed.Span, (ushort)entry.Length);
        entry.CopyTo(framed.Span[2..]);
        _framed.Add(framed);
        FramedLength += length;
    }

    /// <summary>Copies an entry, and what the index will find it by, which is carried and never written.</summary>
    /// <param name="entry">As encoded.</param>
    /// <param name="terms">The index's terms.</param>
    /// <param name="time">The time it is found by.</param>
    public void Add(ReadOnlySpan<byte> entry, ReadOnlySpan<ulong> terms, MicroTime time)
    {
        if (_found.Count != Count)
        {
            throw new InvalidOperationException(
                "expected terms with every entry of a batch or with none, "
                    + $"found {Count} entries before this one, {_found.Count} with terms");
        }
        Add(entry);
        _terms.AddRange(terms);
        _found.Add((_terms.Count, time));
    }

    /// <summary>The entry with its length before it.</summary>
    internal ReadOnlyMemory<byte> FramedAt(int index) => _framed[index];

    /// <summary>Adds a ciphertext that an entry of this batch refers to by its SHA-256.</summary>
    public void AddBlob(Blob blob) => _blobs.Add(blob);

    /// <summary>Lets go of the ciphertexts once they are durable: they may be far larger than the entries,
    /// which are kept until they are published and indexed.</summary>
    internal void ReleaseBlobs() => _blobs.Clear();

    /// <summary>True if every entry carries its terms; those read again from a journal do not.</summary>
    public bool HasTerms => _found.Count == Count;

    /// <summary>The terms given with the entry at <paramref name="index"/>.</summary>
    /// <exception cref="ArgumentException">None were given.</exception>
    public ReadOnlySpan<ulong> TermsOf(int index)
    {
        if (index >= _found.Count)
            throw new ArgumentException($"expected an entry with terms, found none with entry {index} of the batch", nameof(index));
        int start = index == 0 ? 0 : _found[index - 1].TermsEnd;
        return CollectionsMarshal.AsSpan(_terms)[start.._found[index].TermsEnd];
    }

    /// <summary>The time given with the entry at <paramref name="index"/>, which has terms.</summary>
    public MicroTime TimeOf(int index) => _found[index].Time;

    private Memory<byte> Take(int length)
    {
        if (length > _block.Length - _used)
        {
            _block = new byte[Math.Max(length, Math.Clamp(FramedLength, BlockLengthMin, BlockLengthMax))];
            _used = 0;
        }
        _used += length;
        return _block.AsMemory(_used - length, length);
    }
}

/// <summary>Ciphertext of a value too large for an entry.</summary>
/// <param name="Sha256">SHA-256 of the ciphertext, 32 bytes: its name.</param>
/// <param name="Ciphertext">The whole ciphertext.</param>
public sealed record Blob(ReadOnlyMemory<byte> Sha256, ReadOnlyMemory<byte> Ciphertext);
