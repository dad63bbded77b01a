using System.Buffers;
using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Ledger.Stores;

namespace Indelible.Ledger;

/// <summary>Reads a ledger directory, also while a writer publishes to it.
/// Believes its files' shapes only, checks no signature: a verifier does.
/// Any thread.</summary>
public sealed partial class LedgerReader
{
    private const int BlobLengthMax = int.MaxValue;
    private const int AloneLength = 1 << 17;       // most bundles are shorter
    private readonly BundleCache _bundles = new();
    private readonly string _headPath;
    private long _knownSize, _lastBundle = -1;

    /// <param name="directory">The ledger directory.</param>
    public LedgerReader(string directory) : this(directory, Path.Combine(directory, LedgerFiles.Checkpoint), null) { }

    private LedgerReader(string directory, string headPath, StoredFiles? stored) =>
        (LedgerDirectory, _headPath, Stored) = (directory, headPath, stored);

    /// <summary>Of everything that was made readable here; of a ledger in a bucket that may be more than the bucket holds yet.</summary>
    public static LedgerReader Of(LedgerPaths paths) =>
        new(paths.Ledger, paths.HeadPath, paths.Store is { } store ? new StoredFiles(store, paths.PublishedHeadPath) : null);

    /// <summary>Of what is published: this one, but for a ledger in a bucket.</summary>
    public LedgerReader Published(LedgerPaths paths) => Stored is null
        ? this
        : new LedgerReader(LedgerDirectory, paths.PublishedHeadPath, Stored);

    /// <summary>The ledger directory.</summary>
    public string LedgerDirectory { get; }

    /// <summary>What is in the bucket that the ledger lives in; null if it lives in the directory.</summary>
    public StoredFiles? Stored { get; }

    /// <summary>The newest published head. Throws <see cref="FileNotFoundException"/> if this is not a ledger.</summary>
    public Checkpoint ReadCheckpoint() => ReadSignedCheckpoint().Checkpoint;

    /// <summary>The newest published head with its signatures, which are not checked.</summary>
    public (SignedNote Note, Checkpoint Checkpoint) ReadSignedCheckpoint()
    {
        byte[] bytes = DurableFile.ReadAll(_headPath, SignedNote.LengthMax);
        var fault = Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint);
        if (!fault.IsNone) throw new LedgerCorruptException(_headPath, 0, fault.ToString());
        return (note!, checkpoint!);
    }

    /// <summary>The encoded entry at an index below the published size; otherwise <see cref="ArgumentOutOfRangeException"/>.</summary>
    public ReadOnlyMemory<byte> ReadEntry(long index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        if (index >= Interlocked.Read(ref _knownSize)) Interlocked.Exchange(ref _knownSize, ReadCheckpoint().Size);
        long size = Interlocked.Read(ref _knownSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, size);
        return ReadFramed(index, size, out _)[2..];
    }

    /// <summary>What comes after the published ledger, by its last entry; null if it is not closed.</summary>
    /// <exception cref="IndelibleException">A newer program wrote that entry.</exception>
    public Successor? ReadSuccessor()
    {
        if (ReadCheckpoint().Size is not (> 0 and var size)) return null;
        EntryFault fault = EntryCodec.Decode(ReadEntry(size - 1), out Entry last);
        if (fault.IsVersion) throw Unreadable(size - 1, fault, LedgerDirectory);
        return fault == EntryFault.None ? Succession.SuccessorIn(last.Header) : null;
    }

    /// <summary>What to throw where an entry does not decode: that a newer program wrote it, or that the ledger
    /// contradicts itself.</summary>
    /// <param name="index">The entry's.</param>
    /// <param name="fault">What is wrong with it.</param>
    /// <param name="path">The file, or the ledger.</param>
    public static Exception Unreadable(long index, EntryFault fault, string path) => fault.IsVersion
        ? new IndelibleException(ExitCode.Environment,
            $"entry {index} in {path}: {fault.Rule}: use the program that wrote it, or a newer one. If there is none, "
                + "`indelible verify` says whether it was altered")
        : new LedgerCorruptException(path, 0, $"expected entry {index} to decode, found {fault}");

    /// <summary>Entries from <paramref name="from"/> to before <paramref name="to"/>, in order; both within the published size.</summary>
    public IEnumerable<(long Index, ReadOnlyMemory<byte> Entry)> ReadEntries(long from, long to)
    {
        for (long index = from; index < to; index++) yield return (index, ReadEntry(index));
    }

    /// <summary>The ciphertext of a large value, by its SHA-256, which is checked.
    /// Throws <see cref="FileNotFoundException"/> if it is not here.</summary>
    public ReadOnlyMemory<byte> ReadBlob(ReadOnlySpan<byte> sha256)
    {
        string name = LedgerFiles.Blob(sha256), path = Path.Combine(LedgerDirectory, name);
        byte[] ciphertext = TryRead(name, BlobLengthMax) ?? throw new FileNotFoundException($"expected a file, found none: {path}", path);
        Span<byte> found = stackalloc byte[Hash.Size];
        SHA256.HashData(ciphertext, found);
        return found.SequenceEqual(sha256) ? ciphertext
            : throw new LedgerCorruptException(
                path, 0, $"expected content whose SHA-256 is its name, found {Convert.ToHexStringLower(found)}");
    }

    /// <summary>True unless it is certain that no entry has a large value.</summary>
    internal bool MayHaveBlobs => Stored is not null || Directory.Exists(Path.Combine(LedgerDirectory, "blobs"));

    /// <summary>A file of the ledger for reading once; null if there is none.</summary>
    internal Stream? TryOpen(string path) => DurableFile.TryOpenRead(Path.Combine(LedgerDirectory, path))
        ?? (Stored?.Read(path, BlobLengthMax) is { } bytes ? new MemoryStream(bytes, writable: false) : null);

    /// <summary>A tile's hashes, exactly as wide as asked; from the full tile if the partial one is gone.</summary>
    internal ReadOnlyMemory<byte> ReadTile(TileCoordinate place)
    {
        int length = place.Width * Hash.Size;
        byte[] bytes = ReadPlace(place, TileCoordinate.FullWidth * Hash.Size, out string path, out int width);
        return bytes.Length == width * Hash.Size ? bytes.AsMemory(0, length)
            : throw new LedgerCorruptException(path, 0, $"expected {width} hashes of {Hash.Size} bytes, found {bytes.Length} bytes");
    }

    /// <summary>An entry of a tree of <paramref name="size"/>, with its length before it.</summary>
    internal ReadOnlyMemory<byte> ReadFramed(long index, long size, out string path)
    {
        TileCoordinate place = TileCoordinate.Holding(TileCoordinate.EntriesLevel, index, size);
        path = Path.Combine(LedgerDirectory, place.Path);
        int inBundle = (int)(index % TileCoordinate.FullWidth);
        Bundle? bundle = _bundles.Find(place.Index, inBundle + 1);
        if (bundle is null)
        {
            // Most entries are asked for alone: a bundle is kept when it is the one asked for before as well.
            if (Interlocked.Exchange(ref _lastBundle, place.Index) != place.Index && TryReadAlone(place, inBundle, path) is { } entry)
                return entry;
            byte[] bytes = ReadPlace(place, Bundle.LengthMax, out path, out int width);
            bundle = Bundle.Parse(bytes, width, path);
            _bundles.Keep(place.Index, bundle);
        }
        return bundle.Framed(inBundle);
    }

    /// <summary>A copy of one entry, read with its bundle into a borrowed buffer; null if it is not in a file here that has
    /// exactly this place.</summary>
    private static byte[]? TryReadAlone(TileCoordinate place, int inBundle, string path)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(AloneLength);
        int? length = DurableFile.TryReadInto(path, ref buffer, Bundle.LengthMax + 1);
        byte[]? entry = length is null or > Bundle.LengthMax
            ? null
            : Bundle.Parse(buffer.AsMemory(0, length.Value), place.Width, path).Framed(inBundle).ToArray();
        ArrayPool<byte>.Shared.Return(buffer);
        return entry;
    }

    /// <summary>The bytes of a bundle exactly as wide as asked; cut out of the full one if the partial one is gone.</summary>
    internal ReadOnlyMemory<byte> ReadBundle(TileCoordinate place)
    {
        byte[] bytes = ReadPlace(place, Bundle.LengthMax, out string path, out int width);
        return width == place.Width ? bytes : bytes.AsMemory(0, Bundle.Parse(bytes, width, path).Start(place.Width));
    }

    private byte[] ReadPlace(TileCoordinate place, int lengthMax, out string path, out int width)
    {
        path = Path.Combine(LedgerDirectory, place.Path);
        width = place.Width;
        if (DurableFile.TryReadAll(path, lengthMax) is { } partial) return partial;
        if (!place.IsFull && TryRead(place.Full.Path, lengthMax) is { } bytes)
        {
            path = Path.Combine(LedgerDirectory, place.Full.Path);
            width = TileCoordinate.FullWidth;
            return bytes;
        }
        return Stored?.Read(place.Path, lengthMax)
            ?? throw new LedgerCorruptException(path, 0, "expected a file that the published checkpoint covers, found none");
    }

    private byte[]? TryRead(string path, int lengthMax) =>
        DurableFile.TryReadAll(Path.Combine(LedgerDirectory, path), lengthMax) ?? Stored?.Read(path, lengthMax);
}
