namespace Indelible.Ledger;

/// <summary>Where a ledger and what belongs to it live. All are absolute directories.</summary>
/// <param name="Ledger">The published tlog-tiles directory; may be served as it is.</param>
/// <param name="Journal">Batches sealed and not yet published; never served.</param>
/// <param name="Index">The derived index; may be deleted at any time.</param>
/// <param name="Keyring">Secret keys and the guard; has a backup of its own.</param>
public sealed record LedgerPaths(string Ledger, string Journal, string Index, string Keyring)
{
    /// <summary>The usual layout: <c>journal</c>, <c>index</c> and <c>keyring</c> beside the ledger directory.</summary>
    public static LedgerPaths For(string ledgerDirectory)
    {
        string ledger = Path.TrimEndingDirectorySeparator(Path.GetFullPath(ledgerDirectory));
        string parent = Path.GetDirectoryName(ledger) ?? throw new ArgumentException("expected a directory below the root", nameof(ledgerDirectory));
        return new LedgerPaths(ledger, Path.Combine(parent, "journal"), Path.Combine(parent, "index"), Path.Combine(parent, "keyring"));
    }
}
