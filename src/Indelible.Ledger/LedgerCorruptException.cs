namespace Indelible.Ledger;

/// <summary>The ledger contradicts itself: sealing stops, nothing is repaired silently.</summary>
/// <param name="path">The file that breaks the rule.</param>
/// <param name="offset">Where in the file, in bytes; zero for the file as a whole.</param>
/// <param name="rule">The rule that is broken: expected and found.</param>
public sealed class LedgerCorruptException(string path, long offset, string rule)
    : Exception($"the ledger contradicts itself: {path} at byte {offset}: {rule}. Nothing was changed. "
        + "Run `indelible verify`, keep this directory as evidence, and restore from a mirror or a backup")
{
    /// <summary>The file that breaks the rule.</summary>
    public string FilePath { get; } = path;

    /// <summary>Where in the file, in bytes; zero for the file as a whole.</summary>
    public long Offset { get; } = offset;

    /// <summary>The rule that is broken: expected and found.</summary>
    public string Rule { get; } = rule;
}
