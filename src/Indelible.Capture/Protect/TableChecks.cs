using Indelible.Format;

namespace Indelible.Capture;

/// <summary>What makes a table or column unfit for protection, and what to do about it.</summary>
internal static class TableChecks
{
    private const int StoredGeneratedSince = 180000;

    /// <summary>Throws <see cref="IndelibleException"/> (usage) at the first fault of the table.</summary>
    public static void Check(TableFacts table, IReadOnlyList<MemberFacts> members, SessionFacts session)
    {
        Refuse(table.Kind is 'v' or 'm', table, "is a view; its changes are not in the log. Protect the tables it reads");
        Refuse(table.Kind == 'f', table, "is a foreign table; its changes are not in this server's log. Protect it where it lives");
        Refuse(table.Persistence == 'u', table,
            $"is unlogged; its changes are not in the log. Run: ALTER TABLE {table.Name.Quoted} SET LOGGED;");
        Refuse(table.Persistence == 't', table, "is temporary; its changes are not in the log");
        Refuse(table.IsPartition, table, $"is a partition of {table.Root}. Protect that; its partitions are protected with it");
        Refuse(table.Key.Count == 0, table,
            $"has no primary key, so its rows have no name. Run: ALTER TABLE {table.Name.Quoted} ADD PRIMARY KEY (…);");
        Refuse(table.HasDeferrableKey, table,
            "has a DEFERRABLE primary key: inside a transaction two rows may hold one key, "
                + "and the log then does not say which of them changed. Drop that constraint and run: "
                + $"ALTER TABLE {table.Name.Quoted} ADD PRIMARY KEY ({string.Join(", ", table.Key.Select(PgIdentifier.Quote))});");
        Refuse(!table.IsOwned, table,
            $"belongs to {table.Owner}, and {session.Role} may not act as its owner. Connect as {table.Owner} or a superuser");
        foreach (MemberFacts member in members)
        {
            Refuse(member.Kind == 'f', table,
                $"has the foreign partition {member.Name}; changes there are not in this server's log. Detach it first");
            Refuse(member.Persistence != 'p', table,
                $"has the unlogged partition {member.Name}. Run: ALTER TABLE {member.Name.Quoted} SET LOGGED;");
        }
    }

    /// <summary>The column a person named; throws <see cref="IndelibleException"/> (usage) if there is none or it
    /// cannot be protected.</summary>
    public static ColumnFacts Column(TableFacts table, string name, SessionFacts session)
    {
        ColumnFacts? column = table.Columns.FirstOrDefault(c => c.Name == name)
            ?? table.Columns.FirstOrDefault(c => c.Name == name.ToLowerInvariant());
        if (column is null)
        {
            string? near = Nearest.Of(name, table.Columns.Select(c => c.Name));
            string hint = near is null ? $"it has {string.Join(", ", table.Columns.Select(c => c.Name))}" : $"did you mean {near}?";
            throw new IndelibleException(ExitCode.Usage, $"{table.Name} has no column {name}; {hint}");
        }
        bool stored = column.Generated == "s" && session.VersionNumber < StoredGeneratedSince;
        Refuse(stored, table,
            $"has {column.Name} as a stored generated column, which PostgreSQL before 18 leaves out of the log. "
                + "Protect the columns it is computed from");
        Refuse(column.Generated == "v", table,
            $"has {column.Name} as a virtual generated column, which is never stored. Protect the columns it is computed from");
        return column;
    }

    private static void Refuse(bool unfit, TableFacts table, string why)
    {
        if (unfit) throw new IndelibleException(ExitCode.Usage, $"{table.Name} {why}");
    }
}
