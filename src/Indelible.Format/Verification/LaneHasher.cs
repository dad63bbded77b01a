using System.Runtime.InteropServices;
using Indelible.Format.Merkle;
using Indelible.Format.Sealing;

namespace Indelible.Format.Verification;

/// <summary>Hashes many leaves or nodes at once: their messages are laid out first, then hashed. One thread owns it.</summary>
internal sealed class LaneHasher
{
    private const int Group = 16;
    private readonly int[] _lengths = new int[TileCoordinate.FullWidth / 2];
    private readonly byte[] _nodes = new byte[TileCoordinate.FullWidth / 2 * Tree.NodePadded];
    private byte[] _leaves = new byte[1 << 14];

    /// <summary>Leaf hashes of the entries of a bundle. RFC 6962 §2.1.</summary>
    public void Leaves(ReadOnlySpan<byte> bundle, ReadOnlySpan<Range> entries, Span<Hash> leaves)
    {
        for (int first = 0; first < entries.Length; first += Group)
        {
            int count = Math.Min(Group, entries.Length - first), length = 0;
            for (int i = 0; i < count; i++)
            {
                ReadOnlySpan<byte> entry = bundle[entries[first + i]];
                _lengths[i] = Sha2.PaddedLength(1 + entry.Length);
                if (_leaves.Length < length + _lengths[i]) Array.Resize(ref _leaves, 2 * (length + _lengths[i]));
                Tree.LayOutLeaf(entry, _leaves.AsSpan(length, _lengths[i]));
                length += _lengths[i];
            }
            Sha2.Sha256Each(_leaves.AsSpan(0, length), _lengths.AsSpan(0, count), MemoryMarshal.AsBytes(leaves.Slice(first, count)));
        }
    }

    /// <summary>Root over exactly 256 leaf hashes.</summary>
    public Hash Root256(ReadOnlySpan<Hash> leaves)
    {
        Span<Hash> level = stackalloc Hash[TileCoordinate.FullWidth / 2];
        scoped ReadOnlySpan<Hash> below = leaves;
        _lengths.AsSpan().Fill(Tree.NodePadded);
        for (int count = level.Length; count > 0; count /= 2)
        {
            for (int i = 0; i < count; i++) Tree.LayOutNode(below[2 * i], below[(2 * i) + 1], _nodes.AsSpan(i * Tree.NodePadded, Tree.NodePadded));
            Sha2.Sha256Each(_nodes.AsSpan(0, count * Tree.NodePadded), _lengths.AsSpan(0, count), MemoryMarshal.AsBytes(level[..count]));
            below = level[..count];
        }
        return level[0];
    }
}
