using System.Globalization;
using Indelible.Capture.Attribution;

namespace Indelible.Capture.Relations;

/// <summary>Notices DDL that gives a protected column another type.
/// Even where the table is not rewritten for it, its values may print as another text:
/// <c>timestamp</c> and <c>timestamptz</c> hold the same bytes. Owned by the capture loop.</summary>
internal sealed class ColumnTypes(Protection protection)
{
    private readonly Dictionary<(uint Table, short Column), string> _types = protection.Tables
        .SelectMany(table => table.Columns, (table, column) => (Key: (table.Oid, column.Number), column.Type))
        .ToDictionary(column => column.Key, column => Plain(column.Type));

    /// <summary>Numbers of the protected columns to which a statement gave another type, as text; empty if there are none.</summary>
    public string Changed(DdlFacts ddl)
    {
        if (ddl.Oid != ddl.Root) return "";
        List<string> changed = [];
        foreach (DdlColumn column in ddl.Columns)
        {
            (uint, short) key = (ddl.Root, column.Number);
            string type = Plain(column.Type);
            if (!_types.TryGetValue(key, out string? before) || before == type) continue;
            _types[key] = type;
            changed.Add(column.Number.ToString(CultureInfo.InvariantCulture));
        }
        return string.Join(", ", changed);
    }

    /// <summary>The type as far as it decides how a value prints: without its schema, which may be left out,
    /// and without lengths and precisions; varchar as the text it is.</summary>
    private static string Plain(string type)
    {
        int schema = type.LastIndexOf('.');
        string plain = schema < 0 ? type : type[(schema + 1)..];
        if (plain.IndexOf('(', StringComparison.Ordinal) is > 0 and int open && plain.IndexOf(')', open) is > 0 and int close)
            plain = plain.Remove(open, close + 1 - open);
        return plain.Replace("character varying", "text", StringComparison.Ordinal);
    }
}
