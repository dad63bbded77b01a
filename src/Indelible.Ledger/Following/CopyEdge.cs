using Indelible.Format.Merkle;

namespace Indelible.Ledger.Following;

/// <summary>The unfinished tiles at the right edge of a copy, from whole bundles on, and the files that come of adding bundles.
/// One follower owns it.</summary>
internal sealed class CopyEdge
{
    private readonly List<List<Hash>> _open = [];      // by level, from 1
    private readonly Queue<(TileCoordinate Place, byte[] Content)> _full = [];
    private CheckedBundle? _last;

    private CopyEdge(long size, ReadOnlySpan<Hash> frontier) => Range = new TreeRange(size, frontier, Collect);

    /// <summary>The tree so far: whole bundles.</summary>
    public TreeRange Range { get; }

    /// <summary>The edge of a stored tree at its last whole bundle.</summary>
    public static CopyEdge Load(LedgerReader copy, long storedSize)
    {
        long size = storedSize - (storedSize % TileCoordinate.FullWidth);
        var edge = new CopyEdge(size, Frontier(size, new TileNodes(storedSize, copy.ReadTile).Read));
        for (int level = 1; TileCoordinate.CountAt(level, size) > 0; level++)
        {
            long count = TileCoordinate.CountAt(level, size);
            var open = new List<Hash>();
            if (count % TileCoordinate.FullWidth > 0)
                open.AddRange(Hash.View(copy.ReadTile(TileCoordinate.Holding(level, count - 1, size)).Span));
            edge._open.Add(open);
        }
        return edge;
    }

    /// <summary>Takes the next bundle; gives the files that are complete with it.</summary>
    public IEnumerable<(TileCoordinate Place, ReadOnlyMemory<byte> Content)> Append(CheckedBundle bundle)
    {
        bool isFull = bundle.Leaves.Length == TileCoordinate.FullWidth;
        if (!isFull)
        {
            _last = bundle;
            yield break;
        }
        yield return (new TileCoordinate(TileCoordinate.EntriesLevel, bundle.Index, TileCoordinate.FullWidth), bundle.Bytes);
        yield return (new TileCoordinate(0, bundle.Index, TileCoordinate.FullWidth), BytesOf(bundle.Leaves));
        Range.Append(Tree.Root(bundle.Leaves), TileCoordinate.Height);
        while (_full.TryDequeue(out (TileCoordinate Place, byte[] Content) tile)) yield return tile;
    }

    /// <summary>The partial files of the tree as it is.</summary>
    public IEnumerable<(TileCoordinate Place, ReadOnlyMemory<byte> Content)> Partials()
    {
        if (_last is { } last)
        {
            yield return (new TileCoordinate(TileCoordinate.EntriesLevel, last.Index, last.Leaves.Length), last.Bytes);
            yield return (new TileCoordinate(0, last.Index, last.Leaves.Length), BytesOf(last.Leaves));
        }
        for (int level = 1; level <= _open.Count; level++)
        {
            List<Hash> open = _open[level - 1];
            long index = TileCoordinate.CountAt(level, Range.Size) / TileCoordinate.FullWidth;
            if (open.Count > 0) yield return (new TileCoordinate(level, index, open.Count), BytesOf([.. open]));
        }
    }

    private void Collect(int level, long index, in Hash hash)
    {
        if (level == 0) return;
        if (level > _open.Count) _open.Add([]);
        List<Hash> open = _open[level - 1];
        open.Add(hash);
        if (open.Count < TileCoordinate.FullWidth) return;
        _full.Enqueue((new TileCoordinate(level, index / TileCoordinate.FullWidth, TileCoordinate.FullWidth), BytesOf([.. open])));
        open.Clear();
    }

    private static Hash[] Frontier(long size, NodeReader read)
    {
        var hashes = new List<Hash>();
        for (int height = 62; height >= 0; height--)
            if ((size >> height & 1) == 1) hashes.Add(read(height, (size >> height) - 1));
        return [.. hashes];
    }

    private static byte[] BytesOf(ReadOnlySpan<Hash> hashes) => System.Runtime.InteropServices.MemoryMarshal.AsBytes(hashes).ToArray();
}
