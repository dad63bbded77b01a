namespace Indelible.Ledger;

/// <summary>What opening the ledger found.</summary>
/// <param name="TreeSize">Size of the tree after recovery.</param>
/// <param name="Replayed">Entries that were sealed and not published, and now are.</param>
/// <param name="TornTail">A last journal record that was never acknowledged, and was dropped; null if there was none.</param>
/// <param name="JournalLost">The journal was gone: marks were derived from the entries, which may be older than what sources were told.
/// A source that confirmed more than its mark must be treated as having a gap.</param>
public sealed record LedgerRecovery(long TreeSize, long Replayed, TornTail? TornTail, bool JournalLost);

/// <summary>A record whose write did not complete. Nobody was told that it was sealed.</summary>
/// <param name="Path">The journal segment.</param>
/// <param name="Offset">Where the record began, in bytes.</param>
/// <param name="Length">Bytes dropped.</param>
public sealed record TornTail(string Path, long Offset, long Length);

/// <summary>Entries that just became readable under the published checkpoint.</summary>
/// <param name="From">Index of the first entry.</param>
/// <param name="To">One past the last: the published tree size.</param>
/// <param name="Batches">The entries in order, still in memory; each batch follows the one before without a hole.</param>
public sealed record PublishedEntries(long From, long To, IReadOnlyList<EntryBatch> Batches)
{
    /// <summary>Bytes of the batches in memory.</summary>
    public long Length => Batches.Sum(batch => batch.Length);

    /// <summary>True if the batches are here and every one carries its entries' terms.</summary>
    public bool HasTerms => Batches.Count > 0 && Batches.All(batch => batch.HasTerms);
}
