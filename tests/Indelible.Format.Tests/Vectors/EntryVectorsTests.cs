using System.Text.Json;
using Indelible.Format.Entries;
using Indelible.Format.Tests.Entries;

namespace Indelible.Format.Tests.Vectors;

/// <summary>vectors/entries.json: bytes that are entries, and many more that are not, each with the rule it breaks.
/// For other implementations.</summary>
public sealed class EntryVectorsTests
{
    private static readonly JsonSerializerOptions Indented =
        new() { WriteIndented = true, NewLine = "\n", Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>With INDELIBLE_WRITE_VECTORS=1 the file is written anew; otherwise it must be what the generator gives.</summary>
    [Fact]
    public void The_entry_vectors_are_what_the_generator_gives()
    {
        string path = Path.Combine(Repository.Root, "vectors", "entries.json");
        string generated = JsonSerializer.Serialize(Vectors().ToArray(), Indented) + "\n";
        if (Environment.GetEnvironmentVariable("INDELIBLE_WRITE_VECTORS") == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, generated);
        }
        Assert.Equal(File.ReadAllText(path), generated);
    }

    [Fact]
    public void Every_vector_is_judged_as_it_says()
    {
        foreach (Vector vector in JsonSerializer.Deserialize<Vector[]>(
            File.ReadAllText(Path.Combine(Repository.Root, "vectors", "entries.json")))!)
        {
            EntryFault fault = EntryCodec.Decode(Convert.FromHexString(vector.Hex), out _);
            Assert.Equal((vector.Name, vector.Rule, vector.Offset), (vector.Name, fault.Rule, fault.Offset));
            // A flipped bit may give another entry; everything else that is not called genuine must be refused.
            bool mayBeEntry = vector.Name.StartsWith("genuine", StringComparison.Ordinal)
                || vector.Name.EndsWith("flipped", StringComparison.Ordinal);
            Assert.True(mayBeEntry || fault != EntryFault.None, vector.Name);
        }
    }

    private sealed record Vector(string Name, string Hex, string Rule, int Offset);

    private static IEnumerable<Vector> Vectors()
    {
        int number = 0;
        foreach (byte[] bytes in Some.Entries()) yield return Judge($"genuine {number++}", bytes);
        byte[] entry = Some.Change(Operation.Update);
        yield return Judge("one byte more", [.. entry, 0]);
        yield return Judge("one byte less", entry[..^1]);
        yield return Judge("empty", []);
        yield return Judge("header only", entry[..(entry.Length / 2)]);
        yield return Judge("three items", [0x83, .. entry[1..]]);
        yield return Judge("indefinite array", [0x9F, .. entry[1..], 0xFF]);
        yield return Judge("array length not shortest", [0x98, 2, .. entry[1..]]);
        yield return Judge("tagged", [0xC1, .. entry]);
        yield return Judge("version 2", Changed(entry, 3, 2));
        yield return Judge("version not shortest", [.. entry[..3], 0x18, 1, .. entry[4..]]);
        yield return Judge("keys swapped", Changed(Changed(entry, 2, 1), 4, 0));
        yield return Judge("key twice", Changed(entry, 4, 0));
        int origin = Find(entry, "clinic.example/audit"u8);
        yield return Judge("origin not UTF-8", Changed(entry, origin, 0xFF));
        yield return Judge("origin as bytes", Changed(entry, origin - 1, 0x54));
        int kind = origin + 21;
        foreach (NonCanonical.Form form in NonCanonical.Of(entry).DistinctBy(form => (form.Name, form.Major)))
            yield return Judge($"major type {form.Major}: {form.Name}", form.Entry);
        for (byte value = 1; value < 10; value++) yield return Judge($"change called kind {value}", Changed(entry, kind, value));
        for (int i = 0; i < entry.Length; i += 7)
            yield return Judge($"bit {i % 8} of byte {i} flipped", Changed(entry, i, (byte)(entry[i] ^ (1 << (i % 8)))));
    }

    private static Vector Judge(string name, byte[] bytes)
    {
        EntryFault fault = EntryCodec.Decode(bytes, out _);
        return new Vector(name, Convert.ToHexStringLower(bytes), fault.Rule, fault.Offset);
    }

    private static byte[] Changed(byte[] bytes, int index, byte value)
    {
        byte[] changed = [.. bytes];
        changed[index] = value;
        return changed;
    }

    private static int Find(byte[] bytes, ReadOnlySpan<byte> part) => bytes.AsSpan().IndexOf(part);
}
