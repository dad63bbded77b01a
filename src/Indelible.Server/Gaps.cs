using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Stretches of a source's log that were not seen, as sealed. Only published entries count.</summary>
internal static class Gaps
{
    /// <summary>Guard entries looked at for the newest gap: status is quick.</summary>
    private const int GuardsSeen = 1000;

    /// <summary>Those after which not every protected table is whole again, newest first:
    /// until then the ledger cannot say what its tables hold.</summary>
    public static IReadOnlyList<EntryHeader> Open(LedgerView view, string source, Protection protection) =>
        [.. Owed(view, source, protection).Select(open => open.Gap)];

    /// <summary>The same, each with the ids of the tables it is open for. A gap that names no table is one of all.</summary>
    public static IEnumerable<(EntryHeader Gap, IReadOnlyList<uint> Tables)> Owed(LedgerView view, string source, Protection protection)
    {
        HashSet<uint> unsettled = [.. protection.Tables.Select(table => table.Id)];
        foreach (EntryHeader header in view.NewestFirst(source, EntryKind.Guard))
        {
            if (unsettled.Count == 0) yield break;    // older gaps are closed
            if (header.Code == GuardCode.BaselineComplete && header.Relation is { } relation) unsettled.Remove(relation.Id);
            if (header.Code != GuardCode.Gap) continue;
            uint[] tables = [.. unsettled.Where(id => header.Relation is null || header.Relation.Id == id)];
            if (tables.Length > 0) yield return (header, tables);
        }
    }

    /// <summary>The newest gap among the newest guard entries, in words; null if there is none.</summary>
    public static string? Newest(LedgerView view, string source) =>
        view.NewestFirst(source, EntryKind.Guard).Take(GuardsSeen).FirstOrDefault(header => header.Code == GuardCode.Gap)
            is { Facts: { } facts } gap
            ? $"{facts.GetValueOrDefault("reason")} {facts.GetValueOrDefault("from")} – {facts.GetValueOrDefault("to")}, "
                + $"sealed {gap.SealedAt}"
            : null;
}
