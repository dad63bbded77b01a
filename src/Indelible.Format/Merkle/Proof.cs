using System.Numerics;

namespace Indelible.Format.Merkle;

/// <summary>Inclusion and consistency proofs of RFC 6962 §2.1.1 and §2.1.2: built from node hashes,
/// checked against trusted roots.</summary>
/// <remarks>Expected lengths are computed from index and sizes before anything is hashed, never read from the proof.</remarks>
public static class Proof
{
    /// <summary>The most hashes a proof of a tree within <see cref="Tree.SizeMax"/> can have.</summary>
    public const int LengthMax = 63;

    /// <summary>The path that proves leaf <paramref name="leafIndex"/> to be in the tree: the leaf's sibling first.</summary>
    public static Hash[] BuildInclusion(long leafIndex, long treeSize, NodeReader read)
    {
        RequireIndex(leafIndex, treeSize);
        var path = new List<Hash>();
        Climb(path, leafIndex, 0, treeSize, read);
        return [.. path];
    }

    /// <summary>The path that proves the tree of <paramref name="olderSize"/> leaves to be a prefix of the one of
    /// <paramref name="newerSize"/>.
    /// Empty if the sizes are equal or the older is zero.</summary>
    public static Hash[] BuildConsistency(long olderSize, long newerSize, NodeReader read)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(olderSize);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(olderSize, newerSize);
        if (olderSize == 0 || olderSize == newerSize) return [];
        var path = new List<Hash>();
        int height = BitOperations.TrailingZeroCount(olderSize);
        if (!BitOperations.IsPow2(olderSize)) path.Add(read(height, (olderSize >> height) - 1));
        Climb(path, olderSize - 1, height, newerSize, read);
        return [.. path];
    }

    /// <summary>Checks that the leaf is number <paramref name="leafIndex"/> of the tree of this size and root.</summary>
    public static ProofFault CheckInclusion(in Hash leafHash, long leafIndex, long treeSize, ReadOnlySpan<Hash> path, in Hash root)
    {
        if (treeSize is < 0 or > Tree.SizeMax) return ProofFault.SizeOutOfRange;
        if (leafIndex < 0 || leafIndex >= treeSize) return ProofFault.IndexOutOfRange;
        (int inner, int border) = Lengths(leafIndex, treeSize);
        if (path.Length != inner + border) return ProofFault.WrongLength;
        Hash hash = Border(Inner(leafHash, path[..inner], leafIndex), path[inner..]);
        return hash == root ? ProofFault.None : ProofFault.RootMismatch;
    }

    /// <summary>Checks that the older tree is a prefix of the newer one.</summary>
    /// <remarks>From size 0 the path must be empty and the older root that of the empty tree: every tree extends it.</remarks>
    public static ProofFault CheckConsistency(long olderSize, long newerSize, ReadOnlySpan<Hash> path, in Hash olderRoot, in Hash newerRoot)
    {
        if (olderSize is < 0 or > Tree.SizeMax || newerSize is < 0 or > Tree.SizeMax) return ProofFault.SizeOutOfRange;
        if (olderSize > newerSize) return ProofFault.SizesReversed;
        if (olderSize == 0 || olderSize == newerSize) return CheckTrivial(olderSize, newerSize, path, olderRoot, newerRoot);

        int height = BitOperations.TrailingZeroCount(olderSize);
        int seeds = BitOperations.IsPow2(olderSize) ? 0 : 1;
        (int inner, int border) = Lengths(olderSize - 1, newerSize);
        inner -= height;
        if (path.Length != seeds + inner + border) return ProofFault.WrongLength;

        Hash seed = seeds == 0 ? olderRoot : path[0];
        ReadOnlySpan<Hash> innerPath = path.Slice(seeds, inner), borderPath = path[(seeds + inner)..];
        long position = (olderSize - 1) >> height;
        if (Border(InnerLeft(seed, innerPath, position), borderPath) != olderRoot) return ProofFault.OlderRootMismatch;
        return Border(Inner(seed, innerPath, position), borderPath) == newerRoot ? ProofFault.None : ProofFault.RootMismatch;
    }

    /// <summary>The root of the first <paramref name="olderSize"/> leaves that a path says, if it leads to the newer root;
    /// null if it leads elsewhere, and for sizes that are powers of two, whose root the path does not hold.</summary>
    public static Hash? OlderRootOf(long olderSize, long newerSize, ReadOnlySpan<Hash> path, in Hash newerRoot)
    {
        if (olderSize < 1 || newerSize > Tree.SizeMax || olderSize >= newerSize || BitOperations.IsPow2(olderSize)) return null;
        int height = BitOperations.TrailingZeroCount(olderSize);
        (int inner, int border) = Lengths(olderSize - 1, newerSize);
        inner -= height;
        if (path.Length != 1 + inner + border) return null;
        Hash root = Border(InnerLeft(path[0], path.Slice(1, inner), (olderSize - 1) >> height), path[(1 + inner)..]);
        return CheckConsistency(olderSize, newerSize, path, root, newerRoot) == ProofFault.None ? root : null;
    }

    private static ProofFault CheckTrivial(long olderSize, long newerSize, ReadOnlySpan<Hash> path, in Hash olderRoot, in Hash newerRoot)
    {
        if (path.Length != 0) return ProofFault.WrongLength;
        if (olderSize == 0 && olderRoot != Tree.EmptyRoot) return ProofFault.OlderRootMismatch;
        return olderSize == newerSize && olderRoot != newerRoot ? ProofFault.RootMismatch : ProofFault.None;
    }

    /// <summary>Adds the siblings on the way up from the subtree of this height that holds the leaf.</summary>
    private static void Climb(List<Hash> path, long leafIndex, int height, long treeSize, NodeReader read)
    {
        for (; height < LengthMax && 1L << height < treeSize; height++)
        {
            long index = leafIndex >> height;
            if ((index & 1) == 1)
            {
                path.Add(read(height, index - 1));
                continue;
            }
            long begin = (index + 1) << height;
            if (begin < treeSize) path.Add(Tree.RangeRoot(begin, Math.Min(begin + (1L << height), treeSize), read));
        }
    }

    /// <summary>Hashes below the point where the leaf's way and the right edge meet, and above it.</summary>
    private static (int Inner, int Border) Lengths(long leafIndex, long treeSize)
    {
        int inner = 64 - BitOperations.LeadingZeroCount((ulong)(leafIndex ^ (treeSize - 1)));
        return (inner, BitOperations.PopCount((ulong)leafIndex >> inner));
    }

    private static Hash Inner(in Hash seed, ReadOnlySpan<Hash> path, long position)
    {
        Hash hash = seed;
        for (int i = 0; i < path.Length; i++)
            hash = (position >> i & 1) == 0 ? Tree.Node(hash, path[i]) : Tree.Node(path[i], hash);
        return hash;
    }

    /// <summary>As <see cref="Inner"/>, without what was to the right: the older tree did not have it.</summary>
    private static Hash InnerLeft(in Hash seed, ReadOnlySpan<Hash> path, long position)
    {
        Hash hash = seed;
        for (int i = 0; i < path.Length; i++)
            if ((position >> i & 1) == 1) hash = Tree.Node(path[i], hash);
        return hash;
    }

    private static Hash Border(in Hash seed, ReadOnlySpan<Hash> path)
    {
        Hash hash = seed;
        foreach (ref readonly Hash left in path) hash = Tree.Node(left, hash);
        return hash;
    }

    private static void RequireIndex(long leafIndex, long treeSize)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(treeSize, Tree.SizeMax);
        ArgumentOutOfRangeException.ThrowIfNegative(leafIndex);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(leafIndex, treeSize);
    }
}

/// <summary>What is wrong with a proof.</summary>
public enum ProofFault
{
    /// <summary>Nothing: it proves what it should.</summary>
    None,
    /// <summary>A tree size is negative or above <see cref="Tree.SizeMax"/>.</summary>
    SizeOutOfRange,
    /// <summary>The leaf index is negative or not below the tree size.</summary>
    IndexOutOfRange,
    /// <summary>The older tree is larger than the newer one.</summary>
    SizesReversed,
    /// <summary>It has more or fewer hashes than index and sizes demand.</summary>
    WrongLength,
    /// <summary>It does not lead to the (newer) root.</summary>
    RootMismatch,
    /// <summary>It does not lead to the older root.</summary>
    OlderRootMismatch,
}
