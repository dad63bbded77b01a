namespace Indelible.Capture;

/// <summary>Quoting of names and literals for SQL text that cannot take parameters.</summary>
public static class PgIdentifier
{
    /// <summary>A name in double quotes, always quoted; throws <see cref="ArgumentException"/> for an empty name or one
    /// with a zero character.</summary>
    public static string Quote(string name)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name.Contains('\0', StringComparison.Ordinal)) throw new ArgumentException("a name cannot hold a zero character", nameof(name));
        return $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
    }

    /// <summary>Schema and name, both quoted, joined by a dot.</summary>
    public static string Quote(string schema, string name) => $"{Quote(schema)}.{Quote(name)}";

    /// <summary>A string literal that reads the same whatever standard_conforming_strings says.</summary>
    public static string Literal(string value)
    {
        if (value.Contains('\0', StringComparison.Ordinal))
            throw new ArgumentException("a text cannot hold a zero character", nameof(value));
        string quoted = $"'{value.Replace("'", "''", StringComparison.Ordinal)}'";
        return quoted.Contains('\\', StringComparison.Ordinal)
            ? $" E{quoted.Replace("\\", "\\\\", StringComparison.Ordinal)}"
            : quoted;
    }
}
