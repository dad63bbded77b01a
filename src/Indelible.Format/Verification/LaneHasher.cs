using System.Runtime.InteropServices;
using Indelible.Format.Merkle;
using Indelible.Format.Sealing;

namespace Indelible.Format.Verification;

/// <summary>Hashes many leaves or nodes at once: 16 beside each other where the processor can, else one after the other, laid out before.
/// One thread owns it.</summary>
/// <param name="usesLanes">True to hash 16 at once; <see cref="Sha2Lanes.IsSupported"/> must be true then.</param>
internal sealed class LaneHasher(bool usesLanes)
{
    private const int Group = Sha2Lanes.Count;
    private const int BlocksMax = 64;      // longer entries are ordered among themselves no further
    private static readonly Range[] Pairs =
        [.. Enumerable.Range(0, TileCoordinate.FullWidth / 2).Select(i => (2 * i * Hash.Size)..(2 * (i + 1) * Hash.Size))];

    private readonly int[] _lengths = new int[TileCoordinate.FullWidth / 2];
    private readonly byte[] _nodes = new byte[TileCoordinate.FullWidth / 2 * Tree.NodePadded];
    private readonly byte[] _order = new byte[TileCoordinate.FullWidth];
    private byte[] _leaves = new byte[1 << 14];

    /// <summary>Leaf hashes of the entries of a bundle. RFC 6962 §2.1.</summary>
    public void Leaves(ReadOnlySpan<byte> bundle, ReadOnlySpan<Range> entries, Span<Hash> leaves)
    {
        if (usesLanes) Order(entries);
        Span<Range> group = stackalloc Range[Group];
        Span<Hash> hashes = stackalloc Hash[Group];
        for (int first = 0; first < entries.Length; first += Group)
        {
            int count = Math.Min(Group, entries.Length - first);
            for (int i = 0; i < count; i++) group[i] = entries[usesLanes ? _order[first + i] : first + i];
            if (usesLanes && AreAlike(group[..count]))
                Sha2Lanes.Sha256(Tree.LeafPrefix, bundle, group[..count], MemoryMarshal.AsBytes(hashes));
            else OneByOne(bundle, group[..count], hashes);
            for (int i = 0; i < count; i++) leaves[usesLanes ? _order[first + i] : first + i] = hashes[i];
        }
    }

    /// <summary>Root over exactly 256 leaf hashes.</summary>
    public Hash Root256(ReadOnlySpan<Hash> leaves)
    {
        Span<Hash> level = stackalloc Hash[TileCoordinate.FullWidth / 2];
        scoped ReadOnlySpan<Hash> below = leaves;
        for (int count = level.Length; count > 0; count /= 2)
        {
            if (usesLanes && count >= Group / 2) NodesInLanes(below, level[..count]);
            else Nodes(below, level[..count]);
            below = level[..count];
        }
        return level[0];
    }

    /// <summary>Orders entries by the number of their blocks, so that those hashed beside each other are done at
    /// about the same time.</summary>
    private void Order(ReadOnlySpan<Range> entries)
    {
        Span<int> next = stackalloc int[BlocksMax + 2];
        next.Clear();
        foreach (Range entry in entries) next[Class(entry) + 1]++;
        for (int blocks = 1; blocks < next.Length; blocks++) next[blocks] += next[blocks - 1];
        for (int i = 0; i < entries.Length; i++) _order[next[Class(entries[i])]++] = (byte)i;
    }

    private static int Class(Range entry) => Math.Min(Blocks(entry), BlocksMax);

    private static int Blocks(Range entry) => Sha2Lanes.Blocks(entry.End.Value - entry.Start.Value);

    /// <summary>True if half of the lanes at least have something to do all the time: fewer are not worth it.</summary>
    private static bool AreAlike(ReadOnlySpan<Range> entries)
    {
        int most = 0, all = 0;
        foreach (Range entry in entries)
        {
            int blocks = Blocks(entry);
            (most, all) = (Math.Max(most, blocks), all + blocks);
        }
        return 2 * all >= Group * most;
    }

    private void OneByOne(ReadOnlySpan<byte> bundle, ReadOnlySpan<Range> entries, Span<Hash> hashes)
    {
        int length = 0;
        for (int i = 0; i < entries.Length; i++)
        {
            ReadOnlySpan<byte> entry = bundle[entries[i]];
            _lengths[i] = Sha2.PaddedLength(1 + entry.Length);
            if (_leaves.Length < length + _lengths[i]) Array.Resize(ref _leaves, 2 * (length + _lengths[i]));
            Tree.LayOutLeaf(entry, _leaves.AsSpan(length, _lengths[i]));
            length += _lengths[i];
        }
        Sha2.Sha256Each(_leaves.AsSpan(0, length), _lengths.AsSpan(0, entries.Length), MemoryMarshal.AsBytes(hashes));
    }

    /// <summary>Parents of a level; they may take its place, for no group reads where an earlier one wrote.</summary>
    private static void NodesInLanes(ReadOnlySpan<Hash> below, Span<Hash> parents)
    {
        for (int first = 0; first < parents.Length; first += Group)
        {
            int count = Math.Min(Group, parents.Length - first);
            Sha2Lanes.Sha256(Tree.NodePrefix, MemoryMarshal.AsBytes(below), Pairs.AsSpan(first, count),
                MemoryMarshal.AsBytes(parents.Slice(first, count)));
        }
    }

    private void Nodes(ReadOnlySpan<Hash> below, Span<Hash> parents)
    {
        for (int i = 0; i < parents.Length; i++)
            Tree.LayOutNode(below[2 * i], below[(2 * i) + 1], _nodes.AsSpan(i * Tree.NodePadded, Tree.NodePadded));
        _lengths.AsSpan(0, parents.Length).Fill(Tree.NodePadded);
        Sha2.Sha256Each(
            _nodes.AsSpan(0, parents.Length * Tree.NodePadded), _lengths.AsSpan(0, parents.Length), MemoryMarshal.AsBytes(parents));
    }
}
