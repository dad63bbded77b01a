using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>An auditor's whole verification of a ledger: re-derives everything from raw bytes and believes nothing but the keys it was given.</summary>
/// <remarks>Streams: memory is bounded whatever the ledger's size. Lengths and places are computed from the checkpoint's size, never read from the
/// files under test.</remarks>
public sealed class LedgerVerifier
{
    private readonly LedgerFiles _files;
    private readonly OpenFile? _openBlob;

    /// <param name="fetch">Reads the ledger's files.</param>
    /// <param name="openBlob">Reads its blobs; null if they are not to be checked.</param>
    public LedgerVerifier(Fetch fetch, OpenFile? openBlob)
    {
        _files = new LedgerFiles(fetch);
        _openBlob = openBlob;
    }

    /// <summary>Whom to believe; null for no one: then the best verdict is <see cref="Verdict.SelfConsistent"/>.</summary>
    public Policy? Policy { get; init; }

    /// <summary>A signed checkpoint of this ledger that the caller saw earlier; empty for none.</summary>
    public ReadOnlyMemory<byte> OlderCheckpoint { get; init; }

    /// <summary>Told the entries checked so far and the tree size, after each bundle; null if nobody wants it.</summary>
    public Action<long, long>? Progress { get; init; }

    /// <summary>Told each finding as soon as it is found, before what it is part of is verified to the end; null if nobody wants it.</summary>
    public Action<Finding>? Found { get; init; }

    /// <summary>What <see cref="VerificationReport.NotChecked"/> says of time stamps, which need certificates and a clock.</summary>
    public const string AnchorsNotChecked = "anchors (RFC 3161 time stamps)";

    /// <summary>Told the header of each entry that decodes, with its index; null if nobody wants it.</summary>
    public Action<long, EntryHeader>? Seen { get; init; }

    /// <summary>Verifies the ledger as it is now. May be called once at a time.</summary>
    public VerificationReport Verify(CancellationToken cancellationToken)
    {
        var findings = new Findings(Found);
        CheckpointCheck head = CheckpointCheck.Read(_files, Policy, findings);
        if (head.Checkpoint is not { } checkpoint)
            return new VerificationReport { Verdict = Verdict.Failed, Findings = findings.Faults, NotChecked = ["everything else: there is no checkpoint to check it against"] };

        BlobCheck? blobs = _openBlob is null ? null : new BlobCheck(_openBlob, findings);
        var entries = new EntryCheck(checkpoint.Origin, blobs, findings, Seen);
        var tree = new TreeCheck(checkpoint.Size, _files, findings, head.Milestones(_files, Policy, OlderCheckpoint, findings));
        long count = CheckEntries(checkpoint.Size, entries, tree, findings, cancellationToken);
        bool isComplete = count == checkpoint.Size;
        if (isComplete)
        {
            entries.Finish();
            tree.Finish(checkpoint.Root);
        }
        return new VerificationReport
        {
            Verdict = findings.Faults.Count > 0 || !isComplete ? Verdict.Failed : Policy is null ? Verdict.SelfConsistent : Verdict.Verified,
            Origin = checkpoint.Origin,
            TreeSize = checkpoint.Size,
            Root = checkpoint.Root,
            SignedBy = head.SignedBy,
            Findings = findings.Faults,
            Notices = findings.Notices,
            NotChecked = [.. NotChecked(count, checkpoint.Size)],
            Entries = count,
            Tiles = tree.Tiles,
            Blobs = blobs?.Blobs ?? 0,
            Kinds = entries.Kinds,
            Sources = entries.Sources,
        };
    }

    /// <summary>Goes through the bundles in order; ends early where one is unreadable or findings are too many. Returns the entries checked.</summary>
    private long CheckEntries(long treeSize, EntryCheck entries, TreeCheck tree, Findings findings, CancellationToken cancellationToken)
    {
        var ranges = new Range[TileCoordinate.FullWidth];
        var leaves = new Hash[TileCoordinate.FullWidth];
        long count = 0;
        while (count < treeSize && !findings.IsFull)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var coordinate = TileCoordinate.Holding(TileCoordinate.EntriesLevel, count, treeSize);
            ReadOnlyMemory<byte>? bundle = _files.Read(coordinate, out TileCoordinate found);
            if (bundle is null)
            {
                findings.Fault(Rules.Missing, coordinate.Path, $"expected entries {count} to {count + coordinate.Width - 1}, found no file");
                return count;
            }
            string path = found.Path;
            if (!EntryBundle.TrySplit(bundle.Value.Span, found.Width, ranges, out int whole))
            {
                LaneHasher.Leaves(bundle.Value.Span, ranges.AsSpan(0, whole), leaves);
                tree.Misshapen(coordinate, found, bundle.Value.Length, leaves.AsSpan(0, whole));
                return count;
            }
            LaneHasher.Leaves(bundle.Value.Span, ranges.AsSpan(0, coordinate.Width), leaves);
            for (int i = 0; i < coordinate.Width; i++) entries.Check(bundle.Value[ranges[i]], path, count + i);
            tree.Add(leaves.AsSpan(0, coordinate.Width));
            count += coordinate.Width;
            Progress?.Invoke(count, treeSize);
        }
        return count;
    }

    private IEnumerable<string> NotChecked(long count, long treeSize)
    {
        if (count < treeSize) yield return $"entries {count} to {treeSize - 1}, what is above them in the tree, and the root: they could not be read, or there were too many findings before";
        if (Policy is null) yield return "who made this ledger: no verifier key was given (--key or --policy)";
        else if (!Policy.AsksForCosignatures) yield return "whether others see the same history: no witness was asked for (--policy)";
        yield return OlderCheckpoint.IsEmpty
            ? "freshness and rewriting since you last looked: no older checkpoint was given (--older)"
            : "freshness: an older genuine state of the ledger is found out only by someone who saw a newer one";
        if (_openBlob is null) yield return "blobs: they were not asked for";
        yield return "sealed values: whether they decrypt, and whether each before equals the last after, needs the keyring";
        yield return AnchorsNotChecked;
        yield return "handover checkpoints, ledger.json, and files that this checkpoint does not need, such as partial tiles of earlier ones";
        yield return "whether the ledger agrees with the live database: that is crosscheck";
    }
}
