using System.Runtime.InteropServices;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Sealing;

namespace Indelible.Format.Verification;

/// <summary>One bundle at a time: read, cut into entries, hashed, compared with its leaf tile, its ordinary entries told
/// from others. What depends on no other bundle, so that many can be examined at once.
/// Used again for later bundles; one thread at a time.</summary>
/// <param name="files">Reads this one's files; what it returned must last until its next call only.</param>
/// <param name="known">Tells ordinary entries.</param>
internal sealed class BundleCheck(LedgerFiles files, KnownItems known)
{
    private readonly Range[] _ranges = new Range[TileCoordinate.FullWidth];
    private readonly Hash[] _leaves = new Hash[TileCoordinate.FullWidth];
    private readonly Hash[] _tile = new Hash[TileCoordinate.FullWidth];
    private readonly LaneHasher _hasher = new(Sha2Lanes.IsSupported);
    private readonly OrdinaryEntry[] _ordinary = new OrdinaryEntry[TileCoordinate.FullWidth];

    /// <summary>Where the bundle is.</summary>
    public TileCoordinate Place { get; private set; }

    /// <summary>Where it was found: the same, or the full one.</summary>
    public TileCoordinate Found { get; private set; }

    /// <summary>The file; null if there is none.</summary>
    public ReadOnlyMemory<byte>? Bytes { get; private set; }

    /// <summary>True if the file is the entries it should be, and nothing else.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Hashes of its entries; of a file that is not whole, of those before the first that is cut off.</summary>
    public ReadOnlySpan<Hash> Leaves => _leaves.AsSpan(0, LeafCount);

    /// <summary>Root over the leaves; of no meaning unless there are 256.</summary>
    public Hash Root { get; private set; }

    /// <summary>True if the leaf tile is there and says the same as the entries.</summary>
    public bool IsAsTileSays { get; private set; }

    private int LeafCount { get; set; }

    /// <summary>One entry, as bytes.</summary>
    public ReadOnlyMemory<byte> Entry(int i) => Bytes!.Value[_ranges[i]];

    /// <summary>What was read of one entry; <see cref="OrdinaryEntry.IsOrdinary"/> is false if it must be decoded.</summary>
    public ref readonly OrdinaryEntry Ordinary(int i) => ref _ordinary[i];

    /// <summary>Looks at the bundle at this place.</summary>
    public void Examine(TileCoordinate place)
    {
        (Place, IsWhole, IsAsTileSays, LeafCount) = (place, false, false, 0);
        int tileWidth = ReadTile(place with { Level = 0 });
        Bytes = files.Read(place, out TileCoordinate found);
        Found = found;
        if (Bytes is not { } bytes) return;
        IsWhole = EntryBundle.TrySplit(bytes.Span, found.Width, _ranges, out int count);
        LeafCount = Math.Min(count, place.Width);
        _hasher.Leaves(bytes.Span, _ranges.AsSpan(0, LeafCount), _leaves);
        if (!IsWhole) return;
        Root = LeafCount == TileCoordinate.FullWidth ? _hasher.Root256(Leaves) : default;
        IsAsTileSays = tileWidth >= LeafCount && Leaves.SequenceEqual(_tile.AsSpan(0, LeafCount));
        for (int i = 0; i < LeafCount; i++) _ordinary[i] = OrdinaryEntry.Read(bytes.Span[_ranges[i]], known);
    }

    /// <summary>Copies the leaf tile; returns the hashes in it, 0 if it is missing or misshapen, which is found out later.</summary>
    private int ReadTile(TileCoordinate place)
    {
        if (files.Read(place, out TileCoordinate found) is not { } tile || tile.Length != found.Width * Hash.Size) return 0;
        tile.Span.CopyTo(MemoryMarshal.AsBytes(_tile.AsSpan()));
        return found.Width;
    }
}
