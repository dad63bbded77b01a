using System.Buffers.Binary;
using System.Security.Cryptography;
using Indelible.Format.Merkle;
using Indelible.Format.Sealing;
using Indelible.Format.Verification;

namespace Indelible.Format.Tests.Verification;

/// <summary>Many hashes at once are those of RFC 6962, whether the processor can do 16 beside each other or not.</summary>
public sealed class LaneHasherTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Leaves_of_a_bundle_are_the_hashes_of_its_entries_whatever_their_lengths(bool usesLanes)
    {
        var hasher = Hasher(usesLanes);
        var random = new Random(20261129);
        foreach (int count in (int[])[1, 2, 7, 8, 15, 16, 17, 100, 255, 256])
            foreach (int lengthMax in (int[])[1, 64, 500, 3_000])
                CheckLeaves(hasher, [.. Enumerable.Range(0, count).Select(_ => random.Next(lengthMax))]);
        CheckLeaves(hasher, [.. Enumerable.Range(0, 256).Select(i => i)]);
        CheckLeaves(hasher, [.. Enumerable.Range(0, 256).Select(i => i % 100 == 3 ? ushort.MaxValue : 40 * (i % 7))]);
        CheckLeaves(hasher, [.. Enumerable.Repeat(ushort.MaxValue, 20)]);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_root_of_256_leaves_is_that_of_the_tree(bool usesLanes)
    {
        var hasher = Hasher(usesLanes);
        for (int round = 0; round < 20; round++)
        {
            Hash[] leaves = [.. Hash.View(RandomNumberGenerator.GetBytes(256 * Hash.Size))];
            Assert.Equal(RootOf(leaves), hasher.Root256(leaves));
        }
    }

    private static LaneHasher Hasher(bool usesLanes)
    {
        if (usesLanes) Assert.SkipUnless(Sha2Lanes.IsSupported, "this processor has no AVX-512");
        return new LaneHasher(usesLanes);
    }

    private static void CheckLeaves(LaneHasher hasher, int[] lengths)
    {
        byte[] bundle = new byte[lengths.Sum(length => 2 + length)];
        RandomNumberGenerator.Fill(bundle);
        int at = 0;
        foreach (int length in lengths)
        {
            BinaryPrimitives.WriteUInt16BigEndian(bundle.AsSpan(at), (ushort)length);
            at += 2 + length;
        }
        var entries = new Range[lengths.Length];
        Assert.True(EntryBundle.TrySplit(bundle, lengths.Length, entries));
        var leaves = new Hash[lengths.Length];
        hasher.Leaves(bundle, entries, leaves);
        Assert.Equal(entries.Select(entry => Hash.Read(SHA256.HashData([0, .. bundle[entry]]))), leaves);
    }

    private static Hash RootOf(ReadOnlySpan<Hash> leaves) =>
        leaves.Length == 1
            ? leaves[0]
            : Hash.Read(
                SHA256.HashData([1, .. RootOf(leaves[..(leaves.Length / 2)]).Bytes, .. RootOf(leaves[(leaves.Length / 2)..]).Bytes]));
}
