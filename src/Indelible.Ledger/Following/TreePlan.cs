using Indelible.Format.Merkle;

namespace Indelible.Ledger.Following;

/// <summary>What is to be fetched of a tree, with the hash each part must come out at.
/// The hashes lead to a signed root, so each part can be checked by itself,
/// in any order, before a byte of it is stored.</summary>
internal static class TreePlan
{
    private const int LevelMax = 2;

    /// <summary>Hashes of the subtrees between a size and a greater one, as large as they come and at most 65,536 entries each;
    /// checked against the root.</summary>
    /// <param name="tiles">Gives them.</param>
    /// <param name="range">The tree so far, at a multiple of 256; receives the hashes.</param>
    /// <param name="head">What they must lead to.</param>
    /// <param name="cancellationToken">Ends it early.</param>
    /// <exception cref="Format.IndelibleException">Finding: they do not lead to the root.</exception>
    public static async Task<IReadOnlyList<Subtree>> ReadAsync(
        SourceTiles tiles, TreeRange range, SignedHead head, CancellationToken cancellationToken)
    {
        var subtrees = new List<Subtree>();
        Hash[] tile = [];
        var place = default(TileCoordinate);
        while (range.Size < head.Size)
        {
            int level = LevelAt(range.Size, head.Size);
            long index = range.Size >> (level * TileCoordinate.Height);
            var wanted = TileCoordinate.Holding(level, index, head.Size);
            if (wanted != place) tile = await tiles.HashesAsync(place = wanted, cancellationToken);
            Hash hash = tile[index % TileCoordinate.FullWidth];
            subtrees.Add(new Subtree(level, index, hash));
            range.Append(hash, level * TileCoordinate.Height);
        }
        if (range.Root != head.Root)
            throw tiles.Wrong($"expected its tiles to lead to the root {head.Root} it signed for size {head.Size}, found {range.Root}");
        return subtrees;
    }

    /// <summary>The bundles below the subtrees, in order, each with the hash or the leaf hashes it must have.</summary>
    public static async IAsyncEnumerable<PlannedBundle> BundlesAsync(
        SourceTiles tiles, IReadOnlyList<Subtree> subtrees,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var leaves = new List<Hash>();
        foreach (Subtree subtree in subtrees)
        {
            if (subtree.Level == 0)
            {
                leaves.Add(subtree.Hash);
                continue;
            }
            if (subtree.Level == 1) yield return new PlannedBundle(subtree.Index, subtree.Hash, []);
            if (subtree.Level < LevelMax) continue;
            var below = new TileCoordinate(1, subtree.Index, TileCoordinate.FullWidth);
            Hash[] roots = await tiles.HashesAsync(below, cancellationToken);
            if (Tree.Root(roots) != subtree.Hash)
                throw tiles.Wrong($"{below.Path}: expected hashes that lead to the root it signed, found others");
            for (int i = 0; i < roots.Length; i++)
                yield return new PlannedBundle((subtree.Index * TileCoordinate.FullWidth) + i, roots[i], []);
        }
        if (leaves.Count > 0) yield return new PlannedBundle(subtrees[^1].Index / TileCoordinate.FullWidth, default, [.. leaves]);
    }

    private static int LevelAt(long position, long end)
    {
        for (int level = LevelMax; level > 0; level--)
        {
            long width = 1L << (level * TileCoordinate.Height);
            if (position % width == 0 && position + width <= end) return level;
        }
        return 0;
    }
}

/// <summary>A complete subtree of 256^<paramref name="Level"/> entries, the <paramref name="Index"/>-th of them.</summary>
internal readonly record struct Subtree(int Level, long Index, Hash Hash);

/// <summary>A bundle to fetch: a full one with its root, or the last one with the leaf hashes of what it must begin with.</summary>
internal readonly record struct PlannedBundle(long Index, Hash Root, Hash[] Leaves)
{
    /// <summary>Entries in it.</summary>
    public int Width => Leaves.Length == 0 ? TileCoordinate.FullWidth : Leaves.Length;

    /// <summary>Its place.</summary>
    public TileCoordinate Place => new(TileCoordinate.EntriesLevel, Index, Width);
}
