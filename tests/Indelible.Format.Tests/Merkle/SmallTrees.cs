using System.Security.Cryptography;
using Indelible.Format.Merkle;

namespace Indelible.Format.Tests.Merkle;

/// <summary>Trees over leaves 0, 1, 2 …, hashed by the recursive definition of RFC 6962 §2.1 and nothing else:
/// what the real code is compared with.</summary>
internal static class SmallTrees
{
    public const int SizeMax = 64;

    public static Hash[] Leaves { get; } = [.. Enumerable.Range(0, 70_000).Select(i => Leaf(BitConverter.GetBytes(i)))];

    public static Hash Root(int size) => Range(0, size);

    public static Hash Range(int begin, int end)
    {
        int count = end - begin;
        if (count == 0) return Hash.Read(SHA256.HashData([]));
        if (count == 1) return Leaves[begin];
        int split = 1;
        while (split * 2 < count) split *= 2;
        return Node(Range(begin, begin + split), Range(begin + split, end));
    }

    public static Hash Read(int height, long index) => Range((int)(index << height), (int)((index + 1) << height));

    /// <summary>PATH(m, D[n]) of RFC 6962 §2.1.1, for m in [begin, end).</summary>
    public static List<Hash> Path(int leaf, int begin, int end)
    {
        if (end - begin == 1) return [];
        int split = 1;
        while (split * 2 < end - begin) split *= 2;
        int middle = begin + split;
        return leaf < middle
            ? [.. Path(leaf, begin, middle), Range(middle, end)]
            : [.. Path(leaf, middle, end), Range(begin, middle)];
    }

    /// <summary>SUBPROOF(m, D[n], b) of RFC 6962 §2.1.2, for D[begin:end] and m counted from begin.</summary>
    public static List<Hash> Consistency(int older, int begin, int end, bool isWhole)
    {
        int count = end - begin;
        if (older == count) return isWhole ? [] : [Range(begin, end)];
        int split = 1;
        while (split * 2 < count) split *= 2;
        int middle = begin + split;
        return older <= split
            ? [.. Consistency(older, begin, middle, isWhole), Range(middle, end)]
            : [.. Consistency(older - split, middle, end, false), Range(begin, middle)];
    }

    public static Hash Flip(Hash hash, int bit)
    {
        byte[] bytes = hash.Bytes.ToArray();
        bytes[bit / 8] ^= (byte)(1 << (bit % 8));
        return Hash.Read(bytes);
    }

    private static Hash Leaf(byte[] entry) => Hash.Read(SHA256.HashData([0, .. entry]));

    private static Hash Node(Hash left, Hash right) => Hash.Read(SHA256.HashData([1, .. left.Bytes, .. right.Bytes]));
}
