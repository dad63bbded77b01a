using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>A column a person asked to protect: <c>table.column</c> or <c>schema.table.column</c>, parts in double quotes if need be,
/// then perhaps <c>=sealed</c>, <c>=digest</c> or <c>=plain</c>.</summary>
/// <param name="Schema">Schema; null to look along the search path.</param>
/// <param name="Table">Table.</param>
/// <param name="Column">Column.</param>
/// <param name="Policy">How its values are kept.</param>
public sealed record ColumnRequest(string? Schema, string Table, string Column, ColumnPolicy Policy)
{
    /// <summary>Reads the text form; throws <see cref="IndelibleException"/> (usage) on anything else.</summary>
    public static ColumnRequest Parse(string text)
    {
        (List<string> parts, string rest) = SplitName(text);
        if (parts.Count is not (2 or 3) || parts.Exists(string.IsNullOrEmpty)) throw Wrong(text);
        ColumnPolicy policy = rest switch
        {
            "" or "=sealed" => ColumnPolicy.Sealed,
            "=digest" => ColumnPolicy.Digest,
            "=plain" => ColumnPolicy.Plain,
            _ => throw Wrong(text),
        };
        return new ColumnRequest(parts.Count == 3 ? parts[0] : null, parts[^2], parts[^1], policy);
    }

    /// <summary>Reads <c>table</c> or <c>schema.table</c>, quoted like a column's; throws <see cref="IndelibleException"/> (usage) on
    /// anything else.</summary>
    public static (string? Schema, string Table) ParseTable(string text)
    {
        (List<string> parts, string rest) = SplitName(text);
        if (parts.Count is 1 or 2 && rest.Length == 0 && !parts.Exists(string.IsNullOrEmpty))
            return (parts.Count == 2 ? parts[0] : null, parts[^1]);
        throw new IndelibleException(
            ExitCode.Usage, $"expected table or schema.table (\"quoted\" parts if a name holds a dot), found '{text}'");
    }

    /// <summary>Splits a dotted name at dots outside double quotes; what follows an equals sign outside quotes is the rest.</summary>
    private static (List<string> Parts, string Tail) SplitName(string text)
    {
        var parts = new List<string>();
        var part = new StringBuilder();
        bool quoted = false;
        for (int i = 0; i < text.Length; i++)
        {
            char c = text[i];
            bool doubled = quoted && c == '"' && i + 1 < text.Length && text[i + 1] == '"';
            if (doubled) part.Append(text[++i]);
            else if (c == '"') quoted = !quoted;
            else if (c == '.' && !quoted) parts.Add(Take(part));
            else if (c == '=' && !quoted) return ([.. parts, Take(part)], text[i..]);
            else part.Append(c);
        }
        if (quoted) throw new IndelibleException(ExitCode.Usage, $"expected a closing double quote, found none in '{text}'");
        return ([.. parts, Take(part)], "");
    }

    private static string Take(StringBuilder part)
    {
        string taken = part.ToString();
        part.Clear();
        return taken;
    }

    private static IndelibleException Wrong(string text) => new(
        ExitCode.Usage,
        $"expected TABLE.COLUMN or SCHEMA.TABLE.COLUMN, optionally followed by =sealed, =digest or =plain, found '{text}'; "
            + "put a name that holds a dot in double quotes");
}
