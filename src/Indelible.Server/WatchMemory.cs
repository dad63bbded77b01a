using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>What the ledger says of a source's catalog: what is not as it should be, and who may do what. So nothing is sealed again because a process started again.</summary>
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
        HashSet<string> seen = [];
        bool hasRights = false;
        foreach (EntryHeader header in view.NewestFirst(source, EntryKind.Guard))
        {
            if (header.Facts is not { } facts) continue;
            if (header.Code == GuardCode.Rights && !hasRights)
            {
                hasRights = true;
                if (!facts.ContainsKey(LeftOut)) memory.Rights = facts;
            }
            if (header.Code != GuardCode.IdentityChanged || !facts.TryGetValue("what", out string? what) || !seen.Add(what)) continue;
            if (facts.GetValueOrDefault("expected") != facts.GetValueOrDefault("found")) memory.Faults[what] = facts["found"];
        }
        return memory;
    }
}
