using Indelible.Capture;

namespace Indelible.Server;

/// <summary>A table of which the log may not have shown everything for a while.</summary>
/// <param name="Table">The table.</param>
/// <param name="Reason">Why, in a word of docs/format.md#codes.</param>
/// <param name="What">Why, in words.</param>
internal sealed record Lapse(ProtectedTable Table, string Reason, string What);

/// <summary>What one look at the catalog tells of lapses: at most one for each table, with the first reason and all words.</summary>
/// <param name="tables">The tables that are there.</param>
internal sealed class Lapses(IReadOnlyList<ProtectedTable> tables)
{
    private readonly Dictionary<uint, Lapse> _byTable = [];

    /// <summary>All of them.</summary>
    public IEnumerable<Lapse> All => _byTable.Values;

    /// <summary>A check that came out otherwise than at the last look.</summary>
    public void Add(SourceCheck check)
    {
        string reason = check.Name.EndsWith("identity", StringComparison.Ordinal) ? Downgrades.Reason : "publication-changed";
        foreach (ProtectedTable table in check.Hides) Add(table, reason, $"{check.Name}: {check.Found}");
    }

    /// <summary>A fact of the catalog that is another than at the last look.</summary>
    public void Add(CatalogTrace.Difference difference)
    {
        if (difference.Hides.Length == 0) return;
        foreach (ProtectedTable table in tables.Where(table => difference.Root == 0 || table.Oid == difference.Root))
        {
            Add(table, difference.Hides, $"{difference.What}: {difference.Before}, now {difference.After}");
        }
    }

    /// <summary>Anything else.</summary>
    public void Add(ProtectedTable table, string reason, string what)
    {
        if (!tables.Contains(table)) return;
        _byTable[table.Id] = _byTable.TryGetValue(table.Id, out Lapse? known)
            ? known with { What = $"{known.What}; {what}" }
            : new Lapse(table, reason, what);
    }
}
