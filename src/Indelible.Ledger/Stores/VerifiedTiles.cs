using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Stores;

/// <summary>Tiles and bundles of a ledger directory, each held against the signed root on its way to a copy: damage is not copied.
/// Reads in ascending order are cheap. One owner.</summary>
internal sealed class VerifiedTiles
{
    private readonly LedgerReader _reader;
    private readonly Checkpoint _head;
    private readonly Dictionary<int, ReadOnlyMemory<byte>> _edge = [];
    private readonly Dictionary<int, (long Index, ReadOnlyMemory<byte> Bytes)> _last = [];

    /// <param name="reader">The ledger.</param>
    /// <param name="head">A head of it, whose signature holds.</param>
    /// <exception cref="LedgerCorruptException">The right edge does not lead to the head's root.</exception>
    public VerifiedTiles(LedgerReader reader, Checkpoint head)
    {
        (_reader, _head) = (reader, head);
        foreach (TileCoordinate place in TileCoordinate.Partials(head.Size).Where(place => !place.IsEntries))
            _edge[place.Level] = reader.ReadTile(place);
        Hash root = Tree.Root(head.Size, new TileNodes(head.Size, place => _edge.GetValueOrDefault(place.Level)).Read);
        if (root != head.Root)
            throw Damaged("tile", $"expected the tiles at the right edge to lead to root {head.Root} of size {head.Size}, found {root}");
    }

    /// <summary>A tile or bundle as wide as the head has it.</summary>
    /// <exception cref="LedgerCorruptException">The file is not what the head says.</exception>
    public ReadOnlyMemory<byte> Read(TileCoordinate place) => place.IsEntries ? Bundle(place) : Tile(place);

    private ReadOnlyMemory<byte> Tile(TileCoordinate place)
    {
        if (!place.IsFull) return _edge[place.Level];
        if (_last.TryGetValue(place.Level, out var known) && known.Index == place.Index) return known.Bytes;
        ReadOnlyMemory<byte> bytes = _reader.ReadTile(place),
            above = Tile(TileCoordinate.Holding(place.Level + 1, place.Index, _head.Size));
        Hash expected = Hash.View(above.Span)[(int)(place.Index % TileCoordinate.FullWidth)], found = Tree.Root(Hash.View(bytes.Span));
        if (found != expected)
            throw Damaged(place.Path, $"expected hashes whose root is {expected}, as the tile above says, found {found}");
        _last[place.Level] = (place.Index, bytes);
        return bytes;
    }

    private ReadOnlyMemory<byte> Bundle(TileCoordinate place)
    {
        ReadOnlyMemory<byte> bytes = _reader.ReadBundle(place);
        ReadOnlySpan<Hash> leaves = Hash.View(Tile(place with { Level = 0 }).Span);
        Span<Range> entries = stackalloc Range[TileCoordinate.FullWidth];
        if (!EntryBundle.TrySplit(bytes.Span, place.Width, entries)) throw Damaged(place.Path, $"expected exactly {place.Width} entries");
        for (int i = 0; i < place.Width; i++)
        {
            if (Tree.Leaf(bytes.Span[entries[i]]) != leaves[i])
            {
                throw Damaged(place.Path,
                    $"expected entry {(place.Index * TileCoordinate.FullWidth) + i} to have the leaf hash its tile holds, found another");
            }
        }
        return bytes;
    }

    private LedgerCorruptException Damaged(string path, string rule) => new(Path.Combine(_reader.LedgerDirectory, path), 0, rule);
}
