namespace Indelible.Format.Merkle;

/// <summary>Reads node hashes of a tree of a given size out of its tiles.
/// Does not check them: whoever trusts a result checks a root.</summary>
/// <remarks>Keeps the tiles it has read; for one proof that is at most a few dozen. Not for concurrent use.</remarks>
public sealed class TileNodes
{
    private readonly Dictionary<(int Level, long Index), ReadOnlyMemory<byte>> _tiles = [];
    private readonly Func<TileCoordinate, ReadOnlyMemory<byte>> _read;
    private readonly long _treeSize;

    /// <summary>Nodes of the tree of <paramref name="treeSize"/> leaves.</summary>
    /// <param name="treeSize">Decides how wide the last tile of each level is.</param>
    /// <param name="read">Gives a tile's bytes, exactly 32 per hash of its width; throws what it likes if there is none.</param>
    public TileNodes(long treeSize, Func<TileCoordinate, ReadOnlyMemory<byte>> read)
    {
        _treeSize = treeSize;
        _read = read;
    }

    /// <summary>Hash of a complete subtree; fits <see cref="NodeReader"/>.</summary>
    public Hash Read(int height, long index)
    {
        int level = height / TileCoordinate.Height, inner = height % TileCoordinate.Height;
        long first = index << inner;
        ReadOnlySpan<Hash> hashes = Hash.View(Tile(level, first).Span);
        return Tree.Root(hashes.Slice((int)(first % TileCoordinate.FullWidth), 1 << inner));
    }

    private ReadOnlyMemory<byte> Tile(int level, long position)
    {
        var coordinate = TileCoordinate.Holding(level, position, _treeSize);
        if (_tiles.TryGetValue((level, coordinate.Index), out ReadOnlyMemory<byte> tile)) return tile;
        tile = _read(coordinate);
        if (tile.Length != coordinate.Width * Hash.Size)
            throw new InvalidDataException($"{coordinate}: expected {coordinate.Width * Hash.Size} bytes, found {tile.Length}");
        return _tiles[(level, coordinate.Index)] = tile;
    }
}
