using Indelible.Format.Merkle;

namespace Indelible.Format.Verification;

/// <summary>Hashes many leaves or nodes at once.</summary>
internal static class LaneHasher
{
    /// <summary>Leaf hashes of the entries of a bundle. RFC 6962 §2.1.</summary>
    public static void Leaves(ReadOnlySpan<byte> bundle, ReadOnlySpan<Range> entries, Span<Hash> leaves)
    {
        for (int i = 0; i < entries.Length; i++) leaves[i] = Tree.Leaf(bundle[entries[i]]);
    }

    /// <summary>Root over exactly 256 leaf hashes.</summary>
    public static Hash Root256(ReadOnlySpan<Hash> leaves)
    {
        Span<Hash> nodes = stackalloc Hash[TileCoordinate.FullWidth / 2];
        scoped ReadOnlySpan<Hash> below = leaves;
        for (int count = nodes.Length; count > 0; count /= 2)
        {
            for (int i = 0; i < count; i++) nodes[i] = Tree.Node(below[2 * i], below[(2 * i) + 1]);
            below = nodes[..count];
        }
        return nodes[0];
    }
}
