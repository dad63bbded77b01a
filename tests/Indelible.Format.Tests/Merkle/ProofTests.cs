using Indelible.Format.Merkle;

namespace Indelible.Format.Tests.Merkle;

public sealed class ProofTests
{
    private static readonly Hash[] Roots = [.. Enumerable.Range(0, SmallTrees.SizeMax + 2).Select(SmallTrees.Root)];

    [Fact]
    public void Inclusion_paths_are_those_of_the_recursive_definition_and_hold()
    {
        foreach ((int size, int leaf) in LeavesOfTrees())
        {
            Hash[] path = Proof.BuildInclusion(leaf, size, SmallTrees.Read);
            Assert.Equal(SmallTrees.Path(leaf, 0, size), path);
            Assert.Equal(ProofFault.None, Check(leaf, leaf, size, path));
        }
    }

    [Fact]
    public void An_inclusion_proof_holds_for_its_own_leaf_index_size_and_root_and_no_other()
    {
        foreach ((int size, int leaf) in LeavesOfTrees())
        {
            Hash[] path = Proof.BuildInclusion(leaf, size, SmallTrees.Read);
            for (int other = -1; other <= size; other++)
                Assert.Equal(other == leaf, Check(leaf, other, size, path) == ProofFault.None);
            if (size > 1) Assert.NotEqual(ProofFault.None, Check((leaf + 1) % size, leaf, size, path));
            foreach (int wrong in (int[])[size - 1, size + 1, size * 2])
            {
                Assert.NotEqual(ProofFault.None,
                    Proof.CheckInclusion(SmallTrees.Leaves[leaf], leaf, wrong, path, wrong < Roots.Length ? Roots[wrong] : Roots[size]));
            }
            Assert.Equal(ProofFault.RootMismatch, Proof.CheckInclusion(SmallTrees.Leaves[leaf], leaf, size, path, Roots[size + 1]));
        }
    }

    [Fact]
    public void An_inclusion_proof_with_any_bit_flipped_or_of_any_other_length_is_refused()
    {
        foreach ((int size, int leaf) in LeavesOfTrees())
        {
            Hash[] path = Proof.BuildInclusion(leaf, size, SmallTrees.Read);
            foreach (Hash[] flipped in Flipped(path)) Assert.Equal(ProofFault.RootMismatch, Check(leaf, leaf, size, flipped));
            foreach (Hash[] resized in Resized(path)) Assert.Equal(ProofFault.WrongLength, Check(leaf, leaf, size, resized));
            foreach (Hash[] swapped in Swapped(path)) Assert.Equal(ProofFault.RootMismatch, Check(leaf, leaf, size, swapped));
        }
    }

    [Fact]
    public void Consistency_paths_are_those_of_the_recursive_definition_and_hold()
    {
        foreach ((int older, int newer) in SizePairs())
        {
            Hash[] path = Proof.BuildConsistency(older, newer, SmallTrees.Read);
            if (older > 0) Assert.Equal(SmallTrees.Consistency(older, 0, newer, true), path);
            Assert.Equal(ProofFault.None, Check(older, newer, path));
        }
    }

    [Fact]
    public void A_consistency_proof_holds_for_its_own_sizes_and_roots_and_no_others()
    {
        foreach ((int older, int newer) in SizePairs())
        {
            Hash[] path = Proof.BuildConsistency(older, newer, SmallTrees.Read);
            foreach (int wrong in (int[])[older - 1, older + 1])
            {
                Assert.True(wrong == newer || older == 0
                    || Proof.CheckConsistency(wrong, newer, path, Roots[older], Roots[newer]) != ProofFault.None);
            }
            foreach (int wrong in (int[])[newer - 1, newer + 1, newer * 2])
                Assert.True(older == 0 || wrong == older || wrong == newer || WrongSizeIsNoticed(older, newer, wrong, path));
            if (older == newer) continue;
            Assert.Equal(ProofFault.SizesReversed, Proof.CheckConsistency(newer, older, path, Roots[newer], Roots[older]));
            Assert.NotEqual(ProofFault.None, Proof.CheckConsistency(older, newer, path, Roots[older + 1], Roots[newer]));
            if (older > 0)
                Assert.Equal(ProofFault.RootMismatch, Proof.CheckConsistency(older, newer, path, Roots[older], Roots[newer + 1]));
        }
    }

    [Fact]
    public void A_consistency_proof_with_any_bit_flipped_or_of_any_other_length_is_refused()
    {
        foreach ((int older, int newer) in SizePairs())
        {
            Hash[] path = Proof.BuildConsistency(older, newer, SmallTrees.Read);
            foreach (Hash[] flipped in Flipped(path)) Assert.NotEqual(ProofFault.None, Check(older, newer, flipped));
            foreach (Hash[] resized in Resized(path)) Assert.Equal(ProofFault.WrongLength, Check(older, newer, resized));
            foreach (Hash[] swapped in Swapped(path)) Assert.NotEqual(ProofFault.None, Check(older, newer, swapped));
        }
    }

    [Fact]
    public void Every_tree_extends_the_empty_one_but_only_the_real_empty_one()
    {
        Assert.Equal(ProofFault.None, Proof.CheckConsistency(0, 7, [], Tree.EmptyRoot, Roots[7]));
        Assert.Equal(ProofFault.None, Proof.CheckConsistency(0, 0, [], Tree.EmptyRoot, Tree.EmptyRoot));
        Assert.Equal(ProofFault.OlderRootMismatch, Proof.CheckConsistency(0, 7, [], Roots[1], Roots[7]));
        Assert.Equal(ProofFault.WrongLength, Proof.CheckConsistency(0, 7, [Roots[1]], Tree.EmptyRoot, Roots[7]));
    }

    [Fact]
    public void Sizes_and_indexes_out_of_range_are_refused_before_anything_is_hashed()
    {
        Hash hash = Roots[1];
        Assert.Equal(ProofFault.SizeOutOfRange, Proof.CheckInclusion(hash, 0, Tree.SizeMax + 1, [], hash));
        Assert.Equal(ProofFault.SizeOutOfRange, Proof.CheckInclusion(hash, 0, -1, [], hash));
        Assert.Equal(ProofFault.IndexOutOfRange, Proof.CheckInclusion(hash, 0, 0, [], hash));
        Assert.Equal(ProofFault.IndexOutOfRange, Proof.CheckInclusion(hash, -1, 1, [], hash));
        Assert.Equal(ProofFault.SizeOutOfRange, Proof.CheckConsistency(1, long.MaxValue, [], hash, hash));
        Assert.Equal(ProofFault.SizeOutOfRange, Proof.CheckConsistency(-1, 1, [], hash, hash));
        Assert.Equal(ProofFault.WrongLength, Proof.CheckInclusion(hash, Tree.SizeMax - 1, Tree.SizeMax, [], hash));
        Assert.Equal(ProofFault.RootMismatch, Proof.CheckInclusion(hash, Tree.SizeMax - 1, Tree.SizeMax, new Hash[62], hash));
    }

    [Fact]
    public void Proofs_of_large_trees_built_from_tiles_hold()
    {
        const int size = 70_000;
        Dictionary<TileCoordinate, byte[]> tiles = TreeRangeTests.Tiles(size);
        var nodes = new TileNodes(size, tile => tiles[tile]);
        Hash root = Tree.Root(size, nodes.Read);
        Assert.Equal(SmallTrees.Root(size), root);
        foreach (int leaf in (int[])[0, 1, 255, 256, 257, 65_535, 65_536, 69_887, 69_888, 69_999])
        {
            Assert.Equal(ProofFault.None,
                Proof.CheckInclusion(SmallTrees.Leaves[leaf], leaf, size, Proof.BuildInclusion(leaf, size, nodes.Read), root));
        }
        foreach (int older in (int[])[1, 2, 255, 256, 65_535, 65_536, 65_537, 69_999, 70_000])
        {
            Hash[] path = Proof.BuildConsistency(older, size, nodes.Read);
            Assert.Equal(ProofFault.None, Proof.CheckConsistency(older, size, path, SmallTrees.Root(older), root));
        }
    }

    /// <summary>A proof may fit another size by shape, but never together with that size's root;
    /// with the old root it would claim the same tree.</summary>
    private static bool WrongSizeIsNoticed(int older, int newer, int wrong, Hash[] path)
    {
        Hash wrongRoot = wrong < Roots.Length ? Roots[wrong] : SmallTrees.Root(wrong);
        return Proof.CheckConsistency(older, wrong, path, Roots[older], wrongRoot) != ProofFault.None && newer != wrong;
    }

    private static IEnumerable<(int Size, int Leaf)> LeavesOfTrees() =>
        from size in Enumerable.Range(1, SmallTrees.SizeMax) from leaf in Enumerable.Range(0, size) select (size, leaf);

    private static IEnumerable<(int Older, int Newer)> SizePairs() =>
        from newer in Enumerable.Range(0, SmallTrees.SizeMax + 1) from older in Enumerable.Range(0, newer + 1) select (older, newer);

    /// <summary>The path with one bit of one hash flipped: every bit of every hash would be 256 times as much and prove the same,
    /// so one bit of each byte.</summary>
    private static IEnumerable<Hash[]> Flipped(Hash[] path)
    {
        for (int i = 0; i < path.Length; i++)
        {
            for (int octet = 0; octet < Hash.Size; octet++)
            {
                Hash[] flipped = [.. path];
                flipped[i] = SmallTrees.Flip(path[i], (octet * 8) + ((octet + i) % 8));
                yield return flipped;
            }
        }
    }

    private static IEnumerable<Hash[]> Resized(Hash[] path)
    {
        for (int length = 0; length < path.Length; length++) yield return path[..length];
        for (int start = 1; start < path.Length; start++) yield return path[start..];
        yield return [.. path, Roots[1]];
        yield return [Roots[1], .. path];
        yield return [.. path, .. path, Roots[1]];
    }

    private static IEnumerable<Hash[]> Swapped(Hash[] path)
    {
        for (int i = 1; i < path.Length; i++)
        {
            Hash[] swapped = [.. path];
            (swapped[i - 1], swapped[i]) = (path[i], path[i - 1]);
            yield return swapped;
        }
    }

    private static ProofFault Check(int leaf, int index, int size, Hash[] path) =>
        Proof.CheckInclusion(SmallTrees.Leaves[leaf], index, size, path, Roots[size]);

    private static ProofFault Check(int older, int newer, Hash[] path) =>
        Proof.CheckConsistency(older, newer, path, Roots[older], Roots[newer]);
}
