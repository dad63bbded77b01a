using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>What the ledger says of a source's catalog: what is not as it should be, and who may do what.
/// So nothing is sealed again because a process started again.</summary>
internal sealed class WatchMemory
{
    private const string LeftOut = "facts-left-out";

    /// <summary>By what it is about: what was found in place of what should be.</summary>
    public Dictionary<string, string> Faults { get; } = new(StringComparer.Ordinal);
    /// <summary>Rights as they were sealed last; null if they never were, or not all of them.</summary>
    public IReadOnlyDictionary<string, string>? Rights { get; set; }

    /// <summary>Reads it. Only published entries count.</summary>
    public static WatchMemory Read(LedgerView view, string source)
    {
        WatchMemory memory = new();
        foreach (Entry entry in Remembered(view, source))
        {
            IReadOnlyDictionary<string, string> facts = entry.Header.Facts!;
            if (entry.Header.Code == GuardCode.IdentityChanged) memory.Faults[facts["what"]] = facts["found"];
            else if (!facts.ContainsKey(LeftOut)) memory.Rights = facts;
        }
        return memory;
    }

    /// <summary>The entries that say it: the newest rights, and the newest of each thing that is not as it should be.</summary>
    internal static IReadOnlyList<Entry> Remembered(LedgerView view, string source)
    {
        List<Entry> entries = [];
        HashSet<string> seen = [];
        bool hasRights = false;
        foreach (Entry entry in view.NewestEntries(source, EntryKind.Guard))
        {
            if (entry.Header.Facts is not { } facts) continue;
            if (entry.Header.Code == GuardCode.Rights && !hasRights)
            {
                hasRights = true;
                entries.Add(entry);
            }
            if (entry.Header.Code != GuardCode.IdentityChanged || !facts.TryGetValue("what", out string? what) || !seen.Add(what)) continue;
            if (facts.GetValueOrDefault("expected") != facts.GetValueOrDefault("found") && facts.ContainsKey("found")) entries.Add(entry);
        }
        return entries;
    }
}
