using System.Reflection;

namespace Indelible.Capture;

/// <summary>SQL statements embedded next to their callers.</summary>
internal static class EmbeddedSql
{
    /// <summary>The text of a statement by its path below the project, dots for slashes: <c>Relations.shapes.sql</c>.</summary>
    public static string Read(string name)
    {
        Assembly assembly = typeof(EmbeddedSql).Assembly;
        using Stream stream = assembly.GetManifestResourceStream($"Indelible.Capture.{name}")
            ?? throw new ArgumentException($"no embedded statement '{name}'", nameof(name));
        using StreamReader reader = new(stream);
        return reader.ReadToEnd();
    }
}
