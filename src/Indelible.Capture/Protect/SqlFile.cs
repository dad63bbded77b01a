using System.Collections.Concurrent;

namespace Indelible.Capture;

/// <summary>The files of <c>Sql/</c>, each statement once.</summary>
internal static class SqlFile
{
    private const string Separator = "\n-- ;;\n";

    private static readonly ConcurrentDictionary<string, string> Texts = new(StringComparer.Ordinal);

    /// <summary>The text of <c>Sql/&lt;name&gt;.sql</c>.</summary>
    public static string Read(string name) => Texts.GetOrAdd(name, static name => EmbeddedSql.Read($"Sql.{name}.sql"));

    /// <summary>The parts of a file, split at lines that read <c>-- ;;</c>.</summary>
    public static string[] Parts(string name) =>
        Read(name).Split(Separator, StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
