using System.Numerics;

namespace Indelible.Format.Merkle;

/// <summary>The right edge of a growing tree: enough to append leaves and to know the root at every size. One loop owns it.</summary>
/// <remarks>Holds one hash per bit of the size: the compact range from leaf 0 (RFC 6962 §2.1 split at the largest power of two).</remarks>
public sealed class TreeRange
{
    private const int HeightMax = 62;
    private readonly Hash[] _frontier = new Hash[HeightMax + 1];
    private readonly TileHashSink? _onTileHash;

    /// <summary>An empty range.</summary>
    /// <param name="onTileHash">Told every hash that belongs in a tile, in order of completion; null if nobody wants it.</param>
    public TreeRange(TileHashSink? onTileHash = null) => _onTileHash = onTileHash;

    /// <summary>A range as it was saved; throws <see cref="ArgumentException"/> unless there is one hash per bit of the size.</summary>
    /// <param name="treeSize">Leaves so far.</param>
    /// <param name="frontier">As <see cref="Frontier"/> gave them.</param>
    /// <param name="onTileHash">As in the other constructor; not told what completed before.</param>
    public TreeRange(long treeSize, ReadOnlySpan<Hash> frontier, TileHashSink? onTileHash = null)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(treeSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, Tree.SizeMax);
        int expected = BitOperations.PopCount((ulong)treeSize);
        if (frontier.Length != expected)
        {
            throw new ArgumentException(
                $"expected {expected} frontier hashes for tree size {treeSize}, found {frontier.Length}", nameof(frontier));
        }
        _onTileHash = onTileHash;
        Size = treeSize;
        int next = 0;
        for (int height = HeightMax; height >= 0; height--)
            if ((treeSize >> height & 1) == 1) _frontier[height] = frontier[next++];
    }

    /// <summary>Leaves appended so far.</summary>
    public long Size { get; private set; }

    /// <summary>Root of the tree of <see cref="Size"/> leaves.</summary>
    public Hash Root => Size == 0 ? Tree.EmptyRoot : Tree.RangeRoot(0, Size, (height, _) => _frontier[height]);

    /// <summary>Hashes of the complete subtrees the tree consists of, largest first; one per bit of <see cref="Size"/>.</summary>
    public Hash[] Frontier()
    {
        var hashes = new List<Hash>();
        for (int height = HeightMax; height >= 0; height--)
            if ((Size >> height & 1) == 1) hashes.Add(_frontier[height]);
        return [.. hashes];
    }

    /// <summary>Appends a leaf by its hash.</summary>
    public void Append(in Hash leafHash) => Append(leafHash, 0);

    /// <summary>Appends a complete subtree of 2^<paramref name="height"/> leaves by its root; the size must be a multiple of that many.
    /// Its own inner tile hashes are not reported.</summary>
    public void Append(in Hash subtreeRoot, int height)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Size, Tree.SizeMax - (1L << height));
        if ((Size & ((1L << height) - 1)) != 0)
            throw new ArgumentException($"a subtree of height {height} cannot start at leaf {Size}", nameof(height));
        Hash hash = subtreeRoot;
        long index = Size >> height;
        Size += 1L << height;
        Report(height, index, hash);
        for (; (index & 1) == 1; index >>= 1)
        {
            hash = Tree.Node(_frontier[height], hash);
            Report(++height, index >> 1, hash);
        }
        _frontier[height] = hash;
    }

    private void Report(int height, long index, in Hash hash)
    {
        if (_onTileHash is not null && height % TileCoordinate.Height == 0) _onTileHash(height / TileCoordinate.Height, index, hash);
    }
}

/// <summary>Receives a hash that belongs in a tile: hash number <paramref name="index"/> of tile level <paramref name="tileLevel"/>;
/// it is in tile <paramref name="index"/> / 256, at place <paramref name="index"/> mod 256.</summary>
public delegate void TileHashSink(int tileLevel, long index, in Hash hash);
