using System.Collections.Concurrent;

namespace Indelible.Capture;

/// <summary>The SQL files of this room, embedded. Each statement exists once.</summary>
internal static class EmbeddedSql
{
    private const string Separator = "\n-- ;;\n";

    private static readonly ConcurrentDictionary<string, string> Texts = new(StringComparer.Ordinal);

    /// <summary>The text of <c>Sql/&lt;name&gt;.sql</c>.</summary>
    public static string Read(string name) => Texts.GetOrAdd(name, static name =>
    {
        string resource = $"Indelible.Capture.Sql.{name}.sql";
        using Stream stream = typeof(EmbeddedSql).Assembly.GetManifestResourceStream(resource)
            ?? throw new ArgumentException($"no embedded file {resource}", nameof(name));
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    });

    /// <summary>The parts of a file, split at lines that read <c>-- ;;</c>.</summary>
    public static string[] Parts(string name) => Read(name).Split(Separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
