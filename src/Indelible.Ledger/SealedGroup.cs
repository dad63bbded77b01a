using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>Entries sealed together, on their way to being published, with every hash that belongs in a tile.</summary>
internal sealed class SealedGroup
{
    /// <summary>Index of the first entry.</summary>
    public required long FirstIndex { get; init; }
    /// <summary>The tree after the group.</summary>
    public required GuardedHead Head { get; init; }
    /// <summary>The entries, in order.</summary>
    public required IReadOnlyList<EntryBatch> Batches { get; init; }
    /// <summary>Tile hashes in order of completion: level, hash.</summary>
    public required IReadOnlyList<(int Level, Hash Hash)> TileHashes { get; init; }
    /// <summary>Framed bytes of all entries.</summary>
    public required long Length { get; init; }
}

/// <summary>The tree that is being sealed: appends entries and collects the hashes their tiles will need. One loop owns it.</summary>
internal sealed class SealingTree
{
    private List<(int Level, Hash Hash)> _tileHashes = [];

    public SealingTree(long size, ReadOnlySpan<Hash> frontier) => Range = new TreeRange(size, frontier, Collect);

    /// <summary>The right edge.</summary>
    public TreeRange Range { get; }

    /// <summary>Appends all entries of the batches.</summary>
    public SealedGroup Append(IReadOnlyList<EntryBatch> batches)
    {
        long first = Range.Size, length = 0;
        int count = batches.Sum(batch => batch.Count);
        _tileHashes = new List<(int, Hash)>(count + (count / (TileCoordinate.FullWidth - 1)) + 1);
        foreach (EntryBatch batch in batches)
        {
            for (int i = 0; i < batch.Count; i++) Range.Append(Tree.Leaf(batch[i].Span));
            length += batch.FramedLength;
        }
        return new SealedGroup
        {
            FirstIndex = first, Head = new GuardedHead(Range.Size, Range.Root),
            Batches = batches, TileHashes = _tileHashes, Length = length,
        };
    }

    private void Collect(int tileLevel, long index, in Hash hash) => _tileHashes.Add((tileLevel, hash));
}
