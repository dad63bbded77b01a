using System.Globalization;
using System.Text.Json;
using Indelible.Format.Merkle;
using Indelible.Format.Tests.Merkle;

namespace Indelible.Format.Tests.Vectors;

public sealed class ProofVectors
{
    private const string Inclusion = "inclusion.json", Consistency = "consistency.json";
    private static readonly (int Size, int Leaf)[] Leaves =
        [(1, 0), (2, 1), (3, 2), (5, 4), (6, 3), (7, 0), (8, 7), (13, 12), (33, 32), (64, 21)];
    private static readonly (int Older, int Newer)[] Sizes =
        [(1, 1), (1, 2), (2, 3), (3, 5), (4, 8), (6, 8), (7, 8), (8, 13), (21, 33), (32, 64), (63, 64)];

    [Fact]
    public void Inclusion_vectors_are_what_the_generator_writes() => VectorFile.Check(
        Inclusion,
        "Inclusion proofs over the leaves 0, 1, 2 … (32-bit little-endian), RFC 6962 §2.1.1. holds: "
            + "whether the path proves the leaf at the index.", json =>
        {
            foreach ((int size, int leaf) in Leaves)
            {
                foreach ((string name, InclusionCase changed) in InclusionCases(size, leaf))
                    Write(json, $"leaf {leaf} of {size}: {name}", changed);
            }
        });

    [Fact]
    public void Consistency_vectors_are_what_the_generator_writes() => VectorFile.Check(
        Consistency,
        "Consistency proofs over the same leaves, RFC 6962 §2.1.2. holds: "
            + "whether the path proves the older tree to be a prefix of the newer.", json =>
        {
            foreach ((int older, int newer) in Sizes)
            {
                foreach ((string name, ConsistencyCase changed) in ConsistencyCases(older, newer))
                    Write(json, $"{older} to {newer}: {name}", changed);
            }
        });

    [Fact]
    public void Every_inclusion_vector_is_judged_as_it_says()
    {
        IReadOnlyList<JsonElement> cases = VectorFile.Cases(Inclusion);
        Assert.True(cases.Count > 100);
        foreach (JsonElement json in cases)
        {
            ProofFault fault = Proof.CheckInclusion(
                ReadHash(json, "leafHash"), ReadSize(json, "index"), ReadSize(json, "size"), ReadPath(json), ReadHash(json, "root"));
            Assert.True(json.GetProperty("holds").GetBoolean() == (fault == ProofFault.None), json.GetProperty("name").GetString());
        }
    }

    [Fact]
    public void Every_consistency_vector_is_judged_as_it_says()
    {
        IReadOnlyList<JsonElement> cases = VectorFile.Cases(Consistency);
        Assert.True(cases.Count > 80);
        foreach (JsonElement json in cases)
        {
            ProofFault fault = Proof.CheckConsistency(
                ReadSize(json, "olderSize"), ReadSize(json, "newerSize"), ReadPath(json), ReadHash(json, "olderRoot"),
                ReadHash(json, "newerRoot"));
            Assert.True(json.GetProperty("holds").GetBoolean() == (fault == ProofFault.None), json.GetProperty("name").GetString());
        }
    }

    private static IEnumerable<(string, InclusionCase)> InclusionCases(int size, int leaf)
    {
        var good = new InclusionCase(SmallTrees.Leaves[leaf], leaf, size, [.. SmallTrees.Path(leaf, 0, size)], SmallTrees.Root(size), true);
        InclusionCase bad = good with { Holds = false };
        yield return ("as it is", good);
        yield return ("index + 1", bad with { Index = leaf + 1 });
        yield return ("index - 1", bad with { Index = leaf - 1 });
        yield return ("index = size", bad with { Index = size });
        yield return ("size 0", bad with { Size = 0 });
        yield return ("size doubled and one more", bad with { Size = (2L * size) + 1 });
        yield return ("size beyond 2^62", bad with { Size = Tree.SizeMax + 1 });
        yield return ("leaf hash with a bit flipped", bad with { LeafHash = SmallTrees.Flip(good.LeafHash, 77) });
        yield return ("root with a bit flipped", bad with { Root = SmallTrees.Flip(good.Root, 200) });
        yield return ("root as leaf of itself",
            bad with { LeafHash = good.Root, Index = size == 1 && leaf == 0 ? 1 : leaf, Path = [.. good.Path, good.Root] });
        foreach ((string name, Hash[] path) in Paths(good.Path)) yield return (name, bad with { Path = path });
    }

    private static IEnumerable<(string, ConsistencyCase)> ConsistencyCases(int older, int newer)
    {
        var good = new ConsistencyCase(
            older, newer, [.. SmallTrees.Consistency(older, 0, newer, true)], SmallTrees.Root(older), SmallTrees.Root(newer), true);
        ConsistencyCase bad = good with { Holds = false };
        yield return ("as it is", good);
        yield return ("sizes beyond 2^62", bad with { NewerSize = Tree.SizeMax + 1 });
        yield return ("older size of 0", bad with { OlderSize = 0 });
        yield return ("older root with a bit flipped", bad with { OlderRoot = SmallTrees.Flip(good.OlderRoot, 0) });
        yield return ("newer root with a bit flipped", bad with { NewerRoot = SmallTrees.Flip(good.NewerRoot, 255) });
        if (older != newer)
        {
            yield return ("sizes swapped", bad with { OlderSize = newer, NewerSize = older });
            yield return ("roots swapped", bad with { OlderRoot = good.NewerRoot, NewerRoot = good.OlderRoot });
        }
        foreach ((string name, Hash[] path) in Paths(good.Path)) yield return (name, bad with { Path = path });
    }

    private static IEnumerable<(string, Hash[])> Paths(Hash[] path)
    {
        yield return ("one hash more at the end", [.. path, SmallTrees.Root(1)]);
        yield return ("one hash more at the start", [SmallTrees.Root(1), .. path]);
        if (path.Length == 0) yield break;
        yield return ("no path", []);
        yield return ("last hash missing", path[..^1]);
        yield return ("first hash missing", path[1..]);
        yield return ("doubled", [.. path, .. path]);
        if (path.Length > 1) yield return ("reversed", [.. path.Reverse()]);
        for (int i = 0; i < path.Length; i++)
        {
            Hash[] flipped = [.. path];
            flipped[i] = SmallTrees.Flip(path[i], (i * 37) % 256);
            yield return (string.Create(CultureInfo.InvariantCulture, $"hash {i} with a bit flipped"), flipped);
        }
    }

    private static void Write(Utf8JsonWriter json, string name, InclusionCase made)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteBoolean("holds", made.Holds);
        json.WriteNumber("index", made.Index);
        json.WriteNumber("size", made.Size);
        json.WriteString("leafHash", made.LeafHash.ToString());
        json.WriteString("root", made.Root.ToString());
        WritePath(json, made.Path);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, string name, ConsistencyCase made)
    {
        json.WriteStartObject();
        json.WriteString("name", name);
        json.WriteBoolean("holds", made.Holds);
        json.WriteNumber("olderSize", made.OlderSize);
        json.WriteNumber("newerSize", made.NewerSize);
        json.WriteString("olderRoot", made.OlderRoot.ToString());
        json.WriteString("newerRoot", made.NewerRoot.ToString());
        WritePath(json, made.Path);
        json.WriteEndObject();
    }

    private static void WritePath(Utf8JsonWriter json, Hash[] path)
    {
        json.WriteStartArray("path");
        foreach (Hash hash in path) json.WriteStringValue(hash.ToString());
        json.WriteEndArray();
    }

    private static Hash ReadHash(JsonElement json, string name) => Hash.Read(json.GetProperty(name).GetBytesFromBase64());

    private static long ReadSize(JsonElement json, string name) => json.GetProperty(name).GetInt64();

    private static Hash[] ReadPath(JsonElement json) =>
        [.. json.GetProperty("path").EnumerateArray().Select(hash => Hash.Read(hash.GetBytesFromBase64()))];

    private sealed record InclusionCase(Hash LeafHash, long Index, long Size, Hash[] Path, Hash Root, bool Holds);

    private sealed record ConsistencyCase(long OlderSize, long NewerSize, Hash[] Path, Hash OlderRoot, Hash NewerRoot, bool Holds);
}
