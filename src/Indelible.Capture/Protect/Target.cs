using Indelible.Format.Entries;

namespace Indelible.Capture;

/// <summary>A table to be protected, as the catalog has it and as it was asked for. Owned by one planner.</summary>
internal sealed class Target(TableFacts table, IReadOnlyList<MemberFacts> members)
{
    public TableFacts Table { get; } = table;
    /// <summary>The root first, then its partitions at every level.</summary>
    public IReadOnlyList<MemberFacts> Members { get; } = members;
    /// <summary>Columns asked for now.</summary>
    public List<(ColumnFacts Facts, ColumnPolicy Policy)> Columns { get; } = [];
    public string? Subject { get; set; }
    /// <summary>Identity asked for now; null if nothing was said.</summary>
    public bool? DefaultIdentity { get; set; }
    /// <summary>What the table will be in the protection.</summary>
    public ProtectedTable Protected { get; set; } = new();
}

/// <summary>Brings what was protected and what is asked together.</summary>
/// <remarks>Entries call a table and its columns what they were called when <c>protect</c> last ran,
/// whatever they are renamed to meanwhile.
/// Running it again takes over new names, and a new baseline states the values under them.</remarks>
internal static class ProtectionMerge
{
    /// <summary>The protected table; columns keep their order, new ones follow by number.</summary>
    public static ProtectedTable Table(ProtectedTable? known, Target target, uint id, out bool needsBaseline)
    {
        RelationName name = target.Table.Name;
        needsBaseline = known is null || known.Name != name.Name || known.Schema != name.Schema;
        var columns = new Dictionary<short, ProtectedColumn>();
        foreach (ProtectedColumn column in known?.Columns ?? [])
        {
            ProtectedColumn now = Renamed(column, target.Table.Columns.FirstOrDefault(c => c.Number == column.Number));
            needsBaseline |= now.Name != column.Name;
            columns[column.Number] = now;
        }
        foreach ((ColumnFacts facts, ColumnPolicy policy) in target.Columns)
        {
            needsBaseline |= !columns.TryGetValue(facts.Number, out ProtectedColumn? before) || before.Policy != policy;
            columns[facts.Number] = new ProtectedColumn { Number = facts.Number, Name = facts.Name, Type = facts.Type, Policy = policy };
        }
        return new ProtectedTable
        {
            Id = id,
            Oid = name.Oid,
            Schema = name.Schema,
            Name = name.Name,
            Key = known?.Key ?? [.. target.Table.Key],
            Subject = target.Subject ?? known?.Subject,
            Columns = [.. columns.Values.OrderBy(c => c.Number)],
            Partitioned = target.Table.Kind == 'p',
            DefaultIdentity = target.DefaultIdentity ?? known?.DefaultIdentity ?? false,
        };
    }

    private static ProtectedColumn Renamed(ProtectedColumn column, ColumnFacts? now) => now is null
        ? column
        : new ProtectedColumn { Number = column.Number, Name = now.Name, Type = now.Type, Policy = column.Policy };
}

/// <summary>What an earlier protect left in indelible.source.</summary>
internal sealed record InstalledFacts(
    string Name, string Publication, string Slot, string Role, bool RoleCreated, byte[] InnerPad, string Version)
{
    /// <summary>Reads a row of installed.sql.</summary>
    public static InstalledFacts Read(Npgsql.NpgsqlDataReader r) => new(
        r.GetString(0), r.GetString(1), r.GetString(2), r.GetString(3), r.GetBoolean(4), r.GetFieldValue<byte[]>(5), r.GetString(6));
}

/// <summary>A publication.</summary>
internal sealed record PublicationFacts(
    bool IsOwned, bool AllTables, string Operations, bool ViaRoot,
    HashSet<uint> Relations, HashSet<uint> Filtered, HashSet<uint> Listed, bool PublishesGenerated)
{
    /// <summary>All that can be published, as the query spells it.</summary>
    public const string AllOperations = "insert, update, delete, truncate";

    /// <summary>True if it publishes every operation.</summary>
    public bool PublishesAll => Operations == AllOperations;

    /// <summary>Reads a row of publication.sql.</summary>
    public static PublicationFacts Read(Npgsql.NpgsqlDataReader r) => new(
        r.GetBoolean(0), r.GetBoolean(1), r.GetString(2), r.GetBoolean(3),
        [.. r.GetFieldValue<uint[]>(4)], [.. r.GetFieldValue<uint[]>(5)], [.. r.GetFieldValue<uint[]>(6)], r.GetBoolean(7));
}

/// <summary>A role's attributes.</summary>
internal sealed record RoleFacts(
    bool IsSuperuser, bool CanLogin, bool CanReplicate, bool BypassesRowSecurity, bool ReadsStatistics, bool CanConnect)
{
    /// <summary>Reads a row of role.sql.</summary>
    public static RoleFacts Read(Npgsql.NpgsqlDataReader r) => new(
        r.GetBoolean(0), r.GetBoolean(1), r.GetBoolean(2), r.GetBoolean(3), r.GetBoolean(4), r.GetBoolean(5));
}
