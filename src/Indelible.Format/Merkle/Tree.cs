using System.Buffers;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using Indelible.Format.Sealing;

namespace Indelible.Format.Merkle;

/// <summary>The hash tree of RFC 6962 §2.1 with SHA-256: how leaves, nodes and roots are hashed.</summary>
public static class Tree
{
    /// <summary>The largest tree, in leaves: sizes beyond it are refused everywhere.</summary>
    public const long SizeMax = 1L << 62;

    internal const byte LeafPrefix = 0x00;
    internal const byte NodePrefix = 0x01;
    private const int LeafOnStackMax = 1024;
    private const int NodeLength = 1 + Hash.Size + Hash.Size;

    /// <summary>Length of a parent's message with its padding, in bytes.</summary>
    internal const int NodePadded = 2 * Sha2.BlockLength;

    /// <summary>Root of the tree without leaves: SHA-256 of nothing. RFC 6962 §2.1.</summary>
    public static readonly Hash EmptyRoot = Hash.Read(SHA256.HashData(ReadOnlySpan<byte>.Empty));

    /// <summary>Hash of a leaf: SHA-256(0x00 ‖ entry). RFC 6962 §2.1.</summary>
    [SkipLocalsInit]
    public static Hash Leaf(ReadOnlySpan<byte> entry)
    {
        int padded = Sha2.PaddedLength(1 + entry.Length);
        byte[]? rented = padded > LeafOnStackMax ? ArrayPool<byte>.Shared.Rent(padded) : null;
        Span<byte> input = (rented ?? stackalloc byte[LeafOnStackMax])[..padded];
        LayOutLeaf(entry, input);
        Hash hash = Sha256(input);
        if (rented is not null) ArrayPool<byte>.Shared.Return(rented);
        return hash;
    }

    /// <summary>Hash of a parent: SHA-256(0x01 ‖ left ‖ right). RFC 6962 §2.1.</summary>
    [SkipLocalsInit]
    public static Hash Node(in Hash left, in Hash right)
    {
        Span<byte> input = stackalloc byte[NodePadded];
        LayOutNode(left, right, input);
        return Sha256(input);
    }

    /// <summary>The message whose SHA-256 a leaf's hash is, with its padding.</summary>
    internal static void LayOutLeaf(ReadOnlySpan<byte> entry, Span<byte> padded)
    {
        padded[0] = LeafPrefix;
        entry.CopyTo(padded[1..]);
        Sha2.Pad(padded, 1 + entry.Length, (ulong)(1 + entry.Length));
    }

    /// <summary>The message whose SHA-256 a parent's hash is, with its padding: <see cref="NodePadded"/> bytes.</summary>
    internal static void LayOutNode(in Hash left, in Hash right, Span<byte> padded)
    {
        padded[0] = NodePrefix;
        left.CopyTo(padded[1..]);
        right.CopyTo(padded[(1 + Hash.Size)..]);
        Sha2.Pad(padded, NodeLength, NodeLength);
    }

    /// <summary>Root over leaf hashes, in order. RFC 6962 §2.1.</summary>
    public static Hash Root(ReadOnlySpan<Hash> leafHashes)
    {
        if (leafHashes.Length < 2) return leafHashes.IsEmpty ? EmptyRoot : leafHashes[0];
        int left = 1 << BitOperations.Log2((uint)(leafHashes.Length - 1));      // the largest power of two below
        return Node(Root(leafHashes[..left]), Root(leafHashes[left..]));
    }

    /// <summary>Root of the tree of <paramref name="treeSize"/> leaves, from the hashes of its complete subtrees.</summary>
    public static Hash Root(long treeSize, NodeReader read) =>
        treeSize == 0 ? EmptyRoot : RangeRoot(0, treeSize, read);

    /// <summary>Root over the leaves from <paramref name="begin"/> to before <paramref name="end"/>;
    /// <paramref name="begin"/> must be a multiple of a power of two that is at least the number of leaves.</summary>
    internal static Hash RangeRoot(long begin, long end, NodeReader read)
    {
        long count = end - begin;
        int height = BitOperations.TrailingZeroCount(count);
        long next = end - (1L << height);
        Hash root = read(height, next >> height);
        for (count = next - begin; count > 0; count = next - begin)
        {
            height = BitOperations.TrailingZeroCount(count);
            next -= 1L << height;
            root = Node(read(height, next >> height), root);
        }
        return root;
    }

    private static Hash Sha256(ReadOnlySpan<byte> padded)
    {
        Unsafe.SkipInit(out Hash hash);
        Sha2.Sha256Each(padded, [padded.Length], MemoryMarshal.AsBytes(new Span<Hash>(ref hash)));
        return hash;
    }
}

/// <summary>Gives the hash of the complete subtree of 2^<paramref name="height"/> leaves that starts at leaf <paramref name="index"/> ·
/// 2^<paramref name="height"/>.</summary>
/// <param name="height">0 for leaves.</param>
/// <param name="index">0-based among the subtrees of that height.</param>
public delegate Hash NodeReader(int height, long index);
