using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Stretches of a source's log that were not seen, as sealed. Only published entries count.</summary>
internal static class Gaps
{
    /// <summary>Guard entries looked at for the newest gap: status is quick.</summary>
    private const int GuardsSeen = 1000;

    /// <summary>Those that no baseline has followed yet, newest first: until every protected table is sealed anew, the ledger cannot say what its tables hold.</summary>
    public static IReadOnlyList<EntryHeader> Open(LedgerView view, string source, Protection protection)
    {
        List<EntryHeader> open = [];
        HashSet<uint> unsettled = [.. protection.Tables.Select(table => table.Id)];
        foreach (EntryHeader header in view.NewestFirst(source, EntryKind.Guard))
        {
            if (unsettled.Count == 0) break;    // older gaps are closed
            if (header.Code == GuardCode.BaselineComplete && header.Relation is { } relation) unsettled.Remove(relation.Id);
            else if (header.Code == GuardCode.Gap) open.Add(header);
        }
        return open;
    }

    /// <summary>The newest gap among the newest guard entries, in words; null if there is none.</summary>
    public static string? Newest(LedgerView view, string source) =>
        view.NewestFirst(source, EntryKind.Guard).Take(GuardsSeen).FirstOrDefault(header => header.Code == GuardCode.Gap) is { Facts: { } facts } gap
            ? $"{facts.GetValueOrDefault("reason")} {facts.GetValueOrDefault("from")} – {facts.GetValueOrDefault("to")}, sealed {gap.SealedAt}"
            : null;
}
