using Indelible.Capture;
using Indelible.Format;

namespace Indelible.Server;

/// <summary>Finds a protected table by the name a person typed.</summary>
public static class ProtectedTables
{
    /// <summary>The source's name and the table.</summary>
    /// <param name="config">The configuration: what is protected now.</param>
    /// <param name="source">Only in this source; null for any.</param>
    /// <param name="schema">Only in this schema; null for any.</param>
    /// <param name="name">The table.</param>
    /// <exception cref="IndelibleException">There is none, or several.</exception>
    public static (string Source, ProtectedTable Table) Find(IndelibleConfig config, string? source, string? schema, string name)
    {
        (string Source, ProtectedTable Table)[] found =
        [
            .. from one in config.Sources
               where source is null || one.Key == source
               from table in one.Value.Protection.Tables
               where table.Name == name && (schema is null || table.Schema == schema)
               select (one.Key, table),
        ];
        string wanted = schema is null ? name : $"{schema}.{name}";
        return found.Length switch
        {
            1 => found[0],
            0 => throw new IndelibleException(
                ExitCode.Usage, $"expected a protected table, found none called {wanted}; protected are: {Known(config)}"),
            _ => throw new IndelibleException(ExitCode.Usage,
                $"expected one table, found {string.Join(" and ", found.Select(f => $"{f.Table.Schema}.{f.Table.Name} in {f.Source}"))}\n"
                + "  add the schema, or --source"),
        };
    }

    private static string Known(IndelibleConfig config)
    {
        string[] names =
        [
            .. config.Sources
                .SelectMany(source => source.Value.Protection.Tables.Select(table => $"{table.Schema}.{table.Name}"))
                .Distinct(),
        ];
        return names.Length == 0 ? "none" : string.Join(", ", names);
    }
}
