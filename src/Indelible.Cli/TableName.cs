using Indelible.Capture;

namespace Indelible.Cli;

/// <summary>A table as people name it.</summary>
/// <param name="Schema">Null if not given.</param>
/// <param name="Name">The table.</param>
internal sealed record TableName(string? Schema, string Name)
{
    /// <summary>Reads <c>[schema.]table</c>; double quotes around parts that hold a dot.</summary>
    public static TableName Parse(string text)
    {
        (string? schema, string table) = ColumnRequest.ParseTable(text);
        return new TableName(schema, table);
    }

    /// <inheritdoc/>
    public override string ToString() => Schema is null ? Name : $"{Schema}.{Name}";
}
