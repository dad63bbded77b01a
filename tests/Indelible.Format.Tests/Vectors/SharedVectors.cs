using System.Text.Json;

namespace Indelible.Format.Tests.Vectors;

/// <summary>Other people's vectors, read in place: <c>../shared/vectors</c> seen from the repository's root.
/// A test is skipped where they are absent.</summary>
internal static class SharedVectors
{
    public static string Folder(string name)
    {
        string path = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "vectors", name));
        // A clone may lie deeper than the repository itself.
        if (!Directory.Exists(path)) path = Path.GetFullPath(Path.Combine(Repository.Root, "..", "..", "shared", "vectors", name));
        if (!Directory.Exists(path)) Assert.Skip($"shared/vectors/{name} is not beside the repository");
        return path;
    }

    public static JsonElement Read(string path) => JsonDocument.Parse(File.ReadAllBytes(path)).RootElement;

    public static JsonElement Derived(string name) => Read(Path.Combine(Folder("derived"), name));

    public static IReadOnlyList<string> Files(string folder)
    {
        string[] files = Directory.GetFiles(Folder(folder), "*.json", SearchOption.AllDirectories);
        Array.Sort(files, StringComparer.Ordinal);
        return files;
    }
}
