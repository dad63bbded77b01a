using System.Security.Cryptography;
using Indelible.Format.Sealing;

namespace Indelible.Format.Tests.Sealing;

/// <summary>Sixteen messages at once hash to what .NET says of each.</summary>
public sealed class Sha2LanesTests
{
    [Fact]
    public void Every_length_up_to_300_hashes_alike_in_every_lane()
    {
        RequireLanes();
        byte[] source = RandomNumberGenerator.GetBytes(1_000);
        for (int length = 0; length <= 300; length++)
        {
            Check((byte)(length % 3), source,
                [.. Enumerable.Range(0, Sha2Lanes.Count).Select(lane => (lane * 37)..((lane * 37) + length))]);
        }
    }

    [Fact]
    public void Messages_of_any_lengths_beside_each_other_do_not_disturb_one_another()
    {
        RequireLanes();
        var random = new Random(20261129);
        byte[] source = RandomNumberGenerator.GetBytes(70_000);
        for (int round = 0; round < 400; round++)
        {
            int lengthMax = ((int[])[1, 64, 130, 700, 5_000, 65_536])[round % 6];
            Check((byte)random.Next(2), source,
                [.. Enumerable.Range(0, random.Next(Sha2Lanes.Count + 1)).Select(_ => Any(random, source.Length, lengthMax))]);
        }
    }

    [Fact]
    public void The_example_of_FIPS_180_4_comes_out()
    {
        RequireLanes();
        byte[] hash = new byte[32];
        Sha2Lanes.Sha256((byte)'a', "bc"u8, [0..2], hash);
        Assert.Equal("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", Convert.ToHexStringLower(hash));
    }

    [Fact]
    public void More_than_sixteen_are_refused_and_nothing_is_written_beyond_the_hashes()
    {
        RequireLanes();
        Assert.Throws<ArgumentOutOfRangeException>(
            () => Sha2Lanes.Sha256(0, [1, 2, 3], [.. Enumerable.Repeat(0..1, 17)], new byte[17 * 32]));
        byte[] hashes = [.. Enumerable.Repeat((byte)0xAB, 96)];
        Sha2Lanes.Sha256(0, [1, 2, 3], [0..1, 1..3], hashes);
        Assert.All(hashes[64..], value => Assert.Equal(0xAB, value));
        Assert.Throws<ArgumentException>(() => Sha2Lanes.Sha256(0, [1, 2, 3], [0..1, 1..3], new byte[63]));
        Assert.Throws<ArgumentOutOfRangeException>(() => Sha2Lanes.Sha256(0, [1, 2, 3], [0..4], new byte[32]));
    }

    private static void RequireLanes() => Assert.SkipUnless(Sha2Lanes.IsSupported, "this processor has no AVX-512");

    private static Range Any(Random random, int sourceLength, int lengthMax)
    {
        int length = random.Next(lengthMax), start = random.Next(sourceLength - length + 1);
        return start..(start + length);
    }

    private static void Check(byte prefix, byte[] source, Range[] bodies)
    {
        byte[] hashes = new byte[bodies.Length * 32];
        Sha2Lanes.Sha256(prefix, source, bodies, hashes);
        for (int i = 0; i < bodies.Length; i++)
            Assert.Equal(SHA256.HashData([prefix, .. source[bodies[i]]]), hashes[(32 * i)..(32 * (i + 1))]);
    }
}
