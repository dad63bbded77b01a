using System.Globalization;
using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>DDL that gives values another text without a row to show it: <c>ALTER COLUMN … TYPE … USING</c>, a renamed enum value,
/// a type that holds the same bytes and prints them otherwise.</summary>
/// <remarks>What the ledger holds is then out of date and nobody has done wrong: a baseline states the table anew.
/// That one is owed is read from the ledger itself, so it is not forgotten if the process dies in between.</remarks>
internal static class Rewrites
{
    /// <summary>True if the batch reports such a statement.</summary>
    public static bool In(CapturedBatch batch)
    {
        foreach (CapturedChange change in batch.Changes)
        {
            if (change is CapturedChange.Ddl ddl && Is(ddl.Tag, ddl.Facts)) return true;
        }
        return false;
    }

    /// <summary>Ids of the protected tables rewritten since their last baseline. Only published entries count.</summary>
    public static HashSet<uint> Pending(LedgerView view, string source, Protection protection)
    {
        HashSet<uint> pending = [], settled = [];
        foreach (EntryHeader header in view.NewestFirst(source, EntryKind.Guard))
        {
            Note(header, protection, pending, settled);
            if (settled.Count == protection.Tables.Count) break;
        }
        return pending;
    }

    /// <summary>Entries come newest first: a baseline settles what is older.</summary>
    private static void Note(EntryHeader header, Protection protection, HashSet<uint> pending, HashSet<uint> settled)
    {
        if (header.Code == GuardCode.BaselineComplete && header.Relation is { } relation) settled.Add(relation.Id);
        if (header.Code != GuardCode.Ddl || header.Facts is not { } facts || !Is(facts.GetValueOrDefault("tag"), facts)) return;
        if (TableOf(facts, protection.Tables) is { } table && !settled.Contains(table.Id)) pending.Add(table.Id);
    }

    /// <summary>True for a statement with this tag and these facts.</summary>
    public static bool Is(string? tag, IReadOnlyDictionary<string, string> facts) =>
        tag == "ALTER TYPE" || facts.GetValueOrDefault("event") == "table_rewrite" || facts.ContainsKey("retyped");

    /// <summary>The protected table a statement with these facts was about; null if none.</summary>
    public static ProtectedTable? TableOf(IReadOnlyDictionary<string, string> facts, IReadOnlyList<ProtectedTable> tables) =>
        uint.TryParse(facts.GetValueOrDefault("root"), NumberStyles.None, CultureInfo.InvariantCulture, out uint oid)
            ? tables.FirstOrDefault(table => table.Oid == oid)
            : null;
}
