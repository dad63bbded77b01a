using CsCheck;
using Indelible.Format.Merkle;
using Hash = Indelible.Format.Merkle.Hash;

namespace Indelible.Format.Tests.Merkle;

public sealed class TreeRangeTests
{
    [Fact]
    public void The_root_is_that_of_the_recursive_definition_at_every_size()
    {
        var range = new TreeRange();
        for (int size = 0; size <= 1100; size++)
        {
            Assert.Equal(size, range.Size);
            if (size <= 300 || size > 1000) Assert.Equal(SmallTrees.Root(size), range.Root);
            range.Append(SmallTrees.Leaves[size]);
        }
    }

    [Fact]
    public void A_saved_and_restored_range_goes_on_as_if_nothing_had_happened() =>
        Gen.Select(Gen.Int[0, 3000], Gen.Int[0, 300]).Sample((size, more) =>
        {
            TreeRange range = Filled(size);
            var restored = new TreeRange(size, range.Frontier());
            for (int i = size; i < size + more; i++)
            {
                range.Append(SmallTrees.Leaves[i]);
                restored.Append(SmallTrees.Leaves[i]);
            }
            Assert.Equal(range.Size, restored.Size);
            Assert.Equal(range.Root, restored.Root);
            Assert.Equal(range.Frontier(), restored.Frontier());
        }, iter: 100);

    [Fact]
    public void A_frontier_of_the_wrong_length_is_refused()
    {
        Hash[] frontier = Filled(7).Frontier();
        Assert.Throws<ArgumentException>(() => new TreeRange(8, frontier));
        Assert.Throws<ArgumentException>(() => new TreeRange(7, frontier.AsSpan(1)));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TreeRange(-1, []));
        Assert.Throws<ArgumentOutOfRangeException>(() => new TreeRange(Tree.SizeMax + 1, []));
    }

    [Fact]
    public void Whole_subtrees_can_be_appended_where_they_fit_and_nowhere_else()
    {
        var range = new TreeRange();
        for (int tile = 0; tile < 3; tile++) range.Append(SmallTrees.Range(tile * 256, (tile + 1) * 256), TileCoordinate.Height);
        Assert.Equal(SmallTrees.Root(768), range.Root);
        range.Append(SmallTrees.Leaves[768]);
        Assert.Equal(SmallTrees.Root(769), range.Root);
        Assert.Throws<ArgumentException>(() => range.Append(SmallTrees.Leaves[0], TileCoordinate.Height));
    }

    [Fact]
    public void The_sink_gets_every_tile_hash_once_and_in_order()
    {
        var seen = new Dictionary<int, List<Hash>>();
        var range = new TreeRange((int level, long index, in Hash hash) =>
        {
            if (!seen.TryGetValue(level, out List<Hash>? hashes)) seen[level] = hashes = [];
            Assert.Equal(hashes.Count, index);
            hashes.Add(hash);
        });
        const int size = 66_000;
        for (int i = 0; i < size; i++) range.Append(SmallTrees.Leaves[i]);
        Assert.Equal([size, size / 256, 1], seen.Values.Select(hashes => hashes.Count));
        Assert.Equal(SmallTrees.Range(256, 512), seen[1][1]);
        Assert.Equal(SmallTrees.Range(0, 65_536), seen[2][0]);
    }

    internal static Dictionary<TileCoordinate, byte[]> Tiles(int size)
    {
        var levels = new List<List<Hash>>();
        var range = new TreeRange((int level, long _, in Hash hash) =>
        {
            if (level == levels.Count) levels.Add([]);
            levels[level].Add(hash);
        });
        for (int i = 0; i < size; i++) range.Append(SmallTrees.Leaves[i]);
        var tiles = new Dictionary<TileCoordinate, byte[]>();
        for (int level = 0; level < levels.Count; level++)
            for (int i = 0; i < levels[level].Count; i += TileCoordinate.FullWidth)
            {
                tiles[TileCoordinate.Holding(level, i, size)] =
                    [.. levels[level].Skip(i).Take(TileCoordinate.FullWidth).SelectMany(hash => hash.Bytes.ToArray())];
            }
        return tiles;
    }

    private static TreeRange Filled(int size)
    {
        var range = new TreeRange();
        for (int i = 0; i < size; i++) range.Append(SmallTrees.Leaves[i]);
        return range;
    }
}
