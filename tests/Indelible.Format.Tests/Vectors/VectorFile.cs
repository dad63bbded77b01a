using System.Text.Encodings.Web;
using System.Text.Json;

namespace Indelible.Format.Tests.Vectors;

/// <summary>One file of <c>vectors/</c>: made by a deterministic generator, kept in the repository for other implementations,
/// most cases to be refused.</summary>
/// <remarks>A generator's test calls <see cref="Check"/>: the file must be what the generator writes, byte for byte.
/// With the environment variable INDELIBLE_WRITE_VECTORS=1 it is written instead.
/// A second test reads the file back and judges its cases.</remarks>
internal static class VectorFile
{
    private const string WriteVariable = "INDELIBLE_WRITE_VECTORS";
    // Notes hold em dashes; keep them readable.
    private static readonly JsonWriterOptions Options =
        new() { Indented = true, NewLine = "\n", Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Compares <c>vectors/&lt;name&gt;</c> with what the generator writes, or writes it.</summary>
    /// <param name="name">Such as <c>inclusion.json</c>.</param>
    /// <param name="what">One sentence: what the cases are and how to judge them.</param>
    /// <param name="writeCases">Writes one object per case.</param>
    public static void Check(string name, string what, Action<Utf8JsonWriter> writeCases)
    {
        byte[] generated = Generate(what, writeCases);
        string path = PathOf(name);
        if (Environment.GetEnvironmentVariable(WriteVariable) == "1")
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllBytes(path, generated);
            return;
        }
        Assert.True(File.Exists(path), $"expected vectors/{name}; run the tests with {WriteVariable}=1 to write it");
        Assert.True(generated.AsSpan().SequenceEqual(File.ReadAllBytes(path)),
            $"vectors/{name} is not what its generator writes: a format change? ({WriteVariable}=1 writes it)");
    }

    /// <summary>The cases of a file.</summary>
    public static IReadOnlyList<JsonElement> Cases(string name) =>
        [.. SharedVectors.Read(PathOf(name)).GetProperty("cases").EnumerateArray()];

    private static byte[] Generate(string what, Action<Utf8JsonWriter> writeCases)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Options))
        {
            json.WriteStartObject();
            json.WriteString("what", what);
            json.WriteStartArray("cases");
            writeCases(json);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        stream.WriteByte((byte)'\n');
        return stream.ToArray();
    }

    private static string PathOf(string name) => Path.Combine(Repository.Root, "vectors", name);
}
