namespace Indelible.Capture;

/// <summary>The steps that protect one table and undo it, each in one transaction.</summary>
internal static class TableSteps
{
    /// <summary>Our trigger. Late in the alphabet: statement triggers fire by name, and what they say about the operator
    /// must be known to ours.</summary>
    public const string Trigger = "zz_indelible";

    /// <summary>What is missing on a table and its partitions; null if nothing is.</summary>
    public static PlanStep? Protect(Target target, string publication, string role, bool published, bool schemaUsage, bool select)
    {
        RelationName root = target.Table.Name;
        bool byDefault = target.Protected.DefaultIdentity;
        List<MemberFacts> changed = [.. target.Members.Where(m => !IsIdentified(m, byDefault) || m.TriggerEnabled != 'A')];
        var statements = new List<string>();
        foreach (MemberFacts member in changed) statements.AddRange(Member(member, byDefault));
        if (!published) statements.Add($"ALTER PUBLICATION {PgIdentifier.Quote(publication)} ADD TABLE {Only(target.Table)}{root.Quoted}");
        if (!schemaUsage) statements.Add($"GRANT USAGE ON SCHEMA {PgIdentifier.Quote(root.Schema)} TO {PgIdentifier.Quote(role)}");
        if (!select) statements.Add($"GRANT SELECT ON {root.Quoted} TO {PgIdentifier.Quote(role)}");
        if (statements.Count == 0) return null;
        statements.AddRange(target.Members.Select(member => Record(member, root, granted: !select && member.Name.Oid == root.Oid)));
        return new PlanStep($"table {root}", [.. statements.Select(PlanStatement.Of)], PlanStepKind.Table);
    }

    private static string Only(TableFacts table) => table.Kind == 'r' ? "ONLY " : "";

    /// <summary>Whether the log identifies rows as chosen: FULL, or by their key (an index that stands in for it will do).</summary>
    private static bool IsIdentified(MemberFacts member, bool byDefault) => byDefault
        ? member.Identity is 'd' or 'i'
        : member.Identity == 'f';

    private static IEnumerable<string> Member(MemberFacts member, bool byDefault)
    {
        string name = member.Name.Quoted;
        if (member.TriggerEnabled == '?') yield return $"DROP TRIGGER {Trigger} ON {name}";
        if (member.TriggerEnabled is null or '?')
        {
            yield return $"CREATE TRIGGER {Trigger} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {name} "
                + "FOR EACH STATEMENT EXECUTE FUNCTION indelible.attribute()";
        }
        if (member.TriggerEnabled != 'A') yield return $"ALTER TABLE ONLY {name} ENABLE ALWAYS TRIGGER {Trigger}";
        if (!IsIdentified(member, byDefault)) yield return $"ALTER TABLE ONLY {name} REPLICA IDENTITY {(byDefault ? "DEFAULT" : "FULL")}";
    }

    /// <summary>Remembers what was there before; a relation known already keeps what is remembered.
    /// By name: one that was made anew since it was planned for is what the statements before it changed.</summary>
    private static string Record(MemberFacts member, RelationName root, bool granted)
    {
        string index = member.IdentityIndex is null ? "NULL" : PgIdentifier.Literal(PgIdentifier.Quote(member.IdentityIndex));
        return "INSERT INTO indelible.relation AS r (oid, root, identity_before, index_before, select_granted) VALUES "
            + $"({PgIdentifier.Literal(member.Name.Quoted)}::regclass, {PgIdentifier.Literal(root.Quoted)}::regclass, '{member.Identity}', "
            + $"{index}, {(granted ? "true" : "false")}) "
            + "ON CONFLICT (oid) DO UPDATE SET root = EXCLUDED.root, select_granted = r.select_granted OR EXCLUDED.select_granted";
    }
}
