using System.Buffers;
using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>The unfinished tiles and bundle at the right edge of the published tree, and the files that come of adding to it.
/// Publishing owns it.</summary>
internal sealed class RightEdge
{
    private readonly List<Level> _levels = [];
    private readonly ArrayBufferWriter<byte> _bundle = new();
    private int _bundleCount;

    /// <summary>Size of the tree.</summary>
    public long Size { get; private set; }

    /// <summary>Loads the edge of a published tree and checks that its parts agree; the caller checks the root.</summary>
    public static RightEdge Load(LedgerReader reader, long size)
    {
        var edge = new RightEdge { Size = size };
        for (int level = 0; TileCoordinate.CountAt(level, size) > 0; level++)
        {
            long count = TileCoordinate.CountAt(level, size);
            int width = (int)(count % TileCoordinate.FullWidth);
            var loaded = new Level { TileIndex = count / TileCoordinate.FullWidth, Count = width };
            if (width > 0) reader.ReadTile(new TileCoordinate(level, loaded.TileIndex, width)).Span.CopyTo(loaded.Hashes);
            edge._levels.Add(loaded);
        }
        edge._bundleCount = (int)(size % TileCoordinate.FullWidth);
        if (edge._bundleCount > 0) edge.LoadBundle(reader);
        return edge;
    }

    /// <summary>Hashes of the complete subtrees, largest first.</summary>
    public Hash[] Frontier()
    {
        var hashes = new List<Hash>();
        for (int level = _levels.Count - 1; level >= 0; level--)
        {
            ReadOnlySpan<Hash> tile = Hash.View(_levels[level].Filled.Span);
            for (int height = TileCoordinate.Height - 1; height >= 0; height--)
            {
                int width = 1 << height;
                if ((tile.Length & width) == 0) continue;
                int start = tile.Length & ~((width << 1) - 1);
                hashes.Add(Tree.Root(tile.Slice(start, width)));
            }
        }
        return [.. hashes];
    }

    /// <summary>Adds a group; gives every tile and bundle that becomes full. The content is valid until the next is asked for.</summary>
    public IEnumerable<(TileCoordinate Place, ReadOnlyMemory<byte> Content)> Append(SealedGroup group)
    {
        foreach (EntryBatch batch in group.Batches)
        {
            for (int i = 0; i < batch.Count; i++)
            {
                _bundle.Write(batch.FramedAt(i).Span);
                Size++;
                if (++_bundleCount < TileCoordinate.FullWidth) continue;
                yield return (new TileCoordinate(
                    TileCoordinate.EntriesLevel, (Size / TileCoordinate.FullWidth) - 1, TileCoordinate.FullWidth), _bundle.WrittenMemory);
                _bundle.ResetWrittenCount();
                _bundleCount = 0;
            }
        }
        foreach ((int level, Hash hash) in group.TileHashes)
        {
            if (level == _levels.Count) _levels.Add(new Level());
            Level tile = _levels[level];
            tile.Add(hash);
            if (tile.Count < TileCoordinate.FullWidth) continue;
            yield return (new TileCoordinate(level, tile.TileIndex, TileCoordinate.FullWidth), tile.Filled);
            tile.Advance();
        }
    }

    /// <summary>The partial tiles and the partial bundle of the tree as it is. The content is valid until something is added.</summary>
    public IEnumerable<(TileCoordinate Place, ReadOnlyMemory<byte> Content)> Partials()
    {
        foreach (TileCoordinate place in TileCoordinate.Partials(Size))
            yield return (place, place.IsEntries ? _bundle.WrittenMemory : _levels[place.Level].Filled);
    }

    private void LoadBundle(LedgerReader reader)
    {
        long first = Size - _bundleCount;
        ReadOnlySpan<Hash> leaves = Hash.View(_levels[0].Filled.Span);
        for (int i = 0; i < _bundleCount; i++)
        {
            ReadOnlyMemory<byte> framed = reader.ReadFramed(first + i, Size, out string path);
            if (Tree.Leaf(framed.Span[2..]) != leaves[i])
            {
                throw new LedgerCorruptException(
                    path, 0, $"expected entry {first + i} to have the leaf hash its tile holds, found another");
            }
            _bundle.Write(framed.Span);
        }
    }

    private sealed class Level
    {
        public long TileIndex { get; set; }
        public int Count { get; set; }
        public byte[] Hashes { get; } = new byte[TileCoordinate.FullWidth * Hash.Size];
        public ReadOnlyMemory<byte> Filled => Hashes.AsMemory(0, Count * Hash.Size);

        public void Add(in Hash hash) => hash.CopyTo(Hashes.AsSpan(Count++ * Hash.Size));

        public void Advance()
        {
            TileIndex++;
            Count = 0;
        }
    }
}
