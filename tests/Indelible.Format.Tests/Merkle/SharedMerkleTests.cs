using System.Text.Json;
using Indelible.Format.Merkle;
using Indelible.Format.Tests.Vectors;

namespace Indelible.Format.Tests.Merkle;

public sealed class SharedMerkleTests
{
    [Fact]
    public void Tree_hashes_are_those_of_the_reference_tests()
    {
        JsonElement vectors = SharedVectors.Derived("rfc6962-tree.json");
        Hash[] leaves =
            [.. vectors.GetProperty("leafInputsHex").EnumerateArray().Select(leaf => Tree.Leaf(Convert.FromHexString(leaf.GetString()!)))];
        string[] roots = [.. vectors.GetProperty("rootHashesHex").EnumerateArray().Select(root => root.GetString()!)];
        for (int size = 0; size <= leaves.Length; size++)
            Assert.Equal(roots[size], Convert.ToHexStringLower(Tree.Root(leaves.AsSpan(0, size)).Bytes));
    }

    [Fact]
    public void Inclusion_cases_of_transparency_dev_are_judged_alike()
    {
        IReadOnlyList<string> files = SharedVectors.Files("transparency-dev-merkle/testdata/inclusion");
        Assert.True(files.Count >= 90);
        foreach (string file in files)
        {
            JsonElement vector = SharedVectors.Read(file);
            bool holds = TryHash(vector, "leafHash", out Hash leaf) && TryHash(vector, "root", out Hash root)
                && TryPath(vector, out Hash[] path)
                && TrySize(vector, "leafIdx", out long index) && TrySize(vector, "treeSize", out long size)
                && Proof.CheckInclusion(leaf, index, size, path, root) == ProofFault.None;
            Assert.True(holds != vector.GetProperty("wantErr").GetBoolean(), file);
        }
    }

    [Fact]
    public void Consistency_cases_of_transparency_dev_are_judged_alike()
    {
        IReadOnlyList<string> files = SharedVectors.Files("transparency-dev-merkle/testdata/consistency");
        Assert.True(files.Count >= 90);
        foreach (string file in files)
        {
            JsonElement vector = SharedVectors.Read(file);
            bool areHashes = TryHash(vector, "root1", out Hash older) & TryHash(vector, "root2", out Hash newer);
            // One case holds "don't care" where hashes belong; ours cannot be anything but 32 bytes.
            if (!areHashes && !vector.GetProperty("wantErr").GetBoolean()) continue;
            bool holds = areHashes && TryPath(vector, out Hash[] path)
                && TrySize(vector, "size1", out long olderSize) && TrySize(vector, "size2", out long newerSize)
                && Proof.CheckConsistency(olderSize, newerSize, path, older, newer) == ProofFault.None;
            Assert.True(holds != vector.GetProperty("wantErr").GetBoolean(), file);
        }
    }

    private static bool TryHash(JsonElement vector, string name, out Hash hash)
    {
        byte[] bytes = vector.GetProperty(name).ValueKind == JsonValueKind.Null ? [] : vector.GetProperty(name).GetBytesFromBase64();
        hash = bytes.Length == Hash.Size ? Hash.Read(bytes) : default;
        return bytes.Length == Hash.Size;
    }

    private static bool TryPath(JsonElement vector, out Hash[] path)
    {
        path = [];
        if (vector.GetProperty("proof").ValueKind == JsonValueKind.Null) return true;
        byte[][] hashes = [.. vector.GetProperty("proof").EnumerateArray().Select(hash => hash.GetBytesFromBase64())];
        if (Array.Exists(hashes, hash => hash.Length != Hash.Size)) return false;
        path = [.. hashes.Select(hash => Hash.Read(hash))];
        return true;
    }

    private static bool TrySize(JsonElement vector, string name, out long size) => vector.GetProperty(name).TryGetInt64(out size);
}
