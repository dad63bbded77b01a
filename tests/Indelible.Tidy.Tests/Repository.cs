using System.Runtime.CompilerServices;
using System.Xml.Linq;

namespace Indelible.Tidy.Tests;

/// <summary>The repository as files: what the tidy tests read.</summary>
internal static class Repository
{
    public static readonly string Root = FindRoot();

    public static IEnumerable<string> Files(string folder, string pattern) =>
        Directory.EnumerateFiles(Path.Combine(Root, folder), pattern, SearchOption.AllDirectories)
            .Where(path => !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal);

    public static string Relative(string path) => Path.GetRelativePath(Root, path);

    public static IReadOnlyList<string> References(string project, string kind) =>
        [.. XDocument.Load(project).Descendants(kind).Select(item => (string)item.Attribute("Include")!)];

    public static string ProjectFile(string name) => Path.Combine(Root, "src", name, name + ".csproj");

    private static string FindRoot([CallerFilePath] string self = "")
    {
        DirectoryInfo? folder = new FileInfo(self).Directory;
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Indelible.slnx"))) folder = folder.Parent;
        return folder?.FullName ?? throw new InvalidOperationException($"expected Indelible.slnx above {self}");
    }
}
