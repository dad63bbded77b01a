using System.Buffers.Binary;

namespace Indelible.Ledger;

/// <summary>Entries to be sealed together, with their blobs and the mark they carry. Filled by one thread; not changed once handed to the writer.</summary>
/// <remarks>Entries are kept as they go into journal and bundle: 16-bit big-endian length, then bytes (c2sp.org/tlog-tiles, entry bundles).</remarks>
public sealed class EntryBatch
{
    /// <summary>Largest entry, in bytes.</summary>
    public const int EntryLengthMax = ushort.MaxValue;

    /// <summary>Most bytes of framed entries in one batch.</summary>
    public const int BatchLengthMax = 64 << 20;

    private readonly List<int> _starts = [];
    private readonly List<Blob> _blobs = [];
    private List<IReadOnlyList<byte[]>?>? _blindTokens;
    private byte[] _buffer;
    private int _length;

    /// <summary>An empty batch with room for <paramref name="capacity"/> bytes; it grows as needed.</summary>
    public EntryBatch(int capacity = 4096) => _buffer = new byte[capacity];

    /// <summary>Number of entries; zero for a batch that only carries a mark.</summary>
    public int Count => _starts.Count;

    /// <summary>Ciphertexts too large for an entry; durable before the entries that refer to them.</summary>
    public IReadOnlyList<Blob> Blobs => _blobs;

    /// <summary>Bytes of framed entries and of blobs.</summary>
    internal long Length => _length + _blobs.Sum(blob => (long)blob.Ciphertext.Length);

    /// <summary>How far the batch's source is sealed once the batch is; null if it says nothing about a source.</summary>
    public SourceMark? Mark { get; set; }

    /// <summary>The encoded entry at <paramref name="index"/>, 0-based in the batch. Valid as long as the batch is not added to.</summary>
    public ReadOnlyMemory<byte> this[int index] => FramedAt(index)[2..];

    /// <summary>All entries, each with its 16-bit length before it.</summary>
    internal ReadOnlyMemory<byte> Framed => _buffer.AsMemory(0, _length);

    /// <summary>Copies an encoded entry of 1 to 65,535 bytes, with the index's blind tokens for it, which are carried and never written.</summary>
    public void Add(ReadOnlySpan<byte> entry, IReadOnlyList<byte[]>? tokens = null)
    {
        ArgumentOutOfRangeException.ThrowIfZero(entry.Length);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(entry.Length, EntryLengthMax);
        int end = _length + 2 + entry.Length;
        ArgumentOutOfRangeException.ThrowIfGreaterThan(end, BatchLengthMax);
        if (end > _buffer.Length) Array.Resize(ref _buffer, Math.Max(end, _buffer.Length * 2));
        BinaryPrimitives.WriteUInt16BigEndian(_buffer.AsSpan(_length), (ushort)entry.Length);
        entry.CopyTo(_buffer.AsSpan(_length + 2));
        if (tokens is not null) (_blindTokens ??= []).AddRange(Enumerable.Repeat<IReadOnlyList<byte[]>?>(null, Count - _blindTokens.Count));
        _starts.Add(_length);
        _blindTokens?.Add(tokens);
        _length = end;
    }

    /// <summary>The entry with its length before it.</summary>
    internal ReadOnlyMemory<byte> FramedAt(int index)
    {
        int start = _starts[index];
        return _buffer.AsMemory(start, (index + 1 < Count ? _starts[index + 1] : _length) - start);
    }

    /// <summary>Adds a ciphertext that an entry of this batch refers to by its SHA-256.</summary>
    public void AddBlob(Blob blob) => _blobs.Add(blob);

    /// <summary>Lets go of the ciphertexts once they are durable: they may be far larger than the entries, which are kept until they are published and indexed.</summary>
    internal void ReleaseBlobs() => _blobs.Clear();

    /// <summary>The blind tokens given with the entry at <paramref name="index"/>; null if none were.</summary>
    public IReadOnlyList<byte[]>? BlindTokens(int index) => _blindTokens?[index];
}

/// <summary>Ciphertext of a value too large for an entry.</summary>
/// <param name="Sha256">SHA-256 of the ciphertext, 32 bytes: its name.</param>
/// <param name="Ciphertext">The whole ciphertext.</param>
public sealed record Blob(ReadOnlyMemory<byte> Sha256, ReadOnlyMemory<byte> Ciphertext);
