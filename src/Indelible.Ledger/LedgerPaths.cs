using Indelible.Ledger.Stores;

namespace Indelible.Ledger;

/// <summary>Where a ledger and what belongs to it live. All are absolute directories.</summary>
/// <param name="Ledger">The published tlog-tiles directory; may be served as it is.
/// Of a ledger in a bucket: what is on its way there, and its newest part.</param>
/// <param name="Journal">Batches sealed and not yet published; never served.</param>
/// <param name="Index">The derived index; may be deleted at any time.</param>
/// <param name="Keyring">Secret keys and the guard; has a backup of its own.</param>
public sealed record LedgerPaths(string Ledger, string Journal, string Index, string Keyring)
{
    /// <summary>The bucket that is the ledger; null: the directory is.</summary>
    public StorePlace? Store { get; init; }

    /// <summary>The newest head made here. In a directory it is published; with a bucket it is only staged:
    /// published is what the bucket was seen to hold.</summary>
    public string HeadPath => Store is null ? PublishedHeadPath : StagedHeadPath;

    /// <summary>The published head.</summary>
    public string PublishedHeadPath => Path.Combine(Ledger, LedgerFiles.Checkpoint);

    /// <summary>Where the newest head of a ledger in a bucket is; no other ledger has such a file.</summary>
    public string StagedHeadPath => Path.Combine(Journal, "staged");

    /// <summary>The usual layout: <c>journal</c>, <c>index</c> and <c>keyring</c> beside the ledger directory.</summary>
    public static LedgerPaths For(string ledgerDirectory)
    {
        string ledger = Path.TrimEndingDirectorySeparator(Path.GetFullPath(ledgerDirectory));
        string parent = Path.GetDirectoryName(ledger)
            ?? throw new ArgumentException("expected a directory below the root", nameof(ledgerDirectory));
        return new LedgerPaths(ledger, Path.Combine(parent, "journal"), Path.Combine(parent, "index"), Path.Combine(parent, "keyring"));
    }
}

/// <summary>Where a ledger is that lives in a bucket.</summary>
/// <param name="Name">For people: <c>s3://bucket/prefix</c>.</param>
/// <param name="Options">How it is reached; asked for anew each time, for secrets change.</param>
public sealed record StorePlace(string Name, Func<BucketOptions> Options);
