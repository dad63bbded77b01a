using System.Runtime.ExceptionServices;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>An auditor's whole verification of a ledger: re-derives everything from raw bytes and believes nothing but
/// the keys it was given.</summary>
/// <remarks>Streams: memory is bounded whatever the ledger's size.
/// Lengths and places are computed from the checkpoint's size, never read from the files under test.</remarks>
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

    /// <summary>True to spare what <see cref="OlderCheckpoint"/> covers, for a caller who verified it when that was the head:
    /// verification begins with the bundle in which it ends, the tiles above the entries before must lead to its root,
    /// and <see cref="VerificationReport.NotChecked"/> says what was spared.
    /// If it does not fit this ledger, everything is verified.</summary>
    public bool BeginsAtOlder { get; init; }

    /// <summary>Told the entries checked so far and the tree size, after each bundle; null if nobody wants it.</summary>
    public Action<long, long>? Progress { get; init; }

    /// <summary>Told each finding as soon as it is found, before what it is part of is verified to the end;
    /// null if nobody wants it.</summary>
    public Action<Finding>? Found { get; init; }

    /// <summary>What <see cref="VerificationReport.NotChecked"/> says of time stamps, which need certificates and a clock.</summary>
    public const string AnchorsNotChecked = "anchors (RFC 3161 time stamps)";

    /// <summary>Told the header of each entry that decodes and is no change or baseline, with its index; null if nobody wants it.</summary>
    public Action<long, EntryHeader>? Seen { get; init; }

    /// <summary>Makes another reader of the same files, which others may be used beside;
    /// null to examine one bundle after the other, on the caller's thread.</summary>
    /// <remarks>What is found, and in which order, is the same either way.
    /// Memory is that of <see cref="BundlesPerThread"/> bundles for each thread.</remarks>
    public Func<Fetch>? AnotherFetch { get; init; }

    /// <summary>Bundles that are examined at once where <see cref="AnotherFetch"/> is given;
    /// one for each core unless said otherwise.</summary>
    public int Threads { get; init; } = Environment.ProcessorCount;

    /// <summary>Bundles that are examined ahead for each thread: enough that threads seldom wait for each other.</summary>
    public const int BundlesPerThread = 8;

    /// <summary>Verifies the ledger as it is now. May be called once at a time.</summary>
    public VerificationReport Verify(CancellationToken cancellationToken)
    {
        var findings = new Findings(Found);
        CheckpointCheck head = CheckpointCheck.Read(_files, Policy, findings);
        if (head.Checkpoint is not { } checkpoint)
        {
            return new VerificationReport
            {
                Verdict = Verdict.Failed,
                Findings = findings.Faults,
                NotChecked = ["everything else: there is no checkpoint to check it against"],
            };
        }

        BlobCheck? blobs = _openBlob is null ? null : new BlobCheck(_openBlob, findings);
        var known = new KnownItems(checkpoint.Origin);
        IReadOnlyList<Milestone> milestones = head.Milestones(_files, Policy, OlderCheckpoint, findings);
        long spared = BeginsAtOlder
            ? milestones.Where(milestone => milestone.IsGiven)
                .Sum(milestone => milestone.Size / TileCoordinate.FullWidth * TileCoordinate.FullWidth)
            : 0;
        var tree = new TreeCheck(checkpoint.Size, _files, findings, milestones, spared);
        var entries = new EntryCheck(checkpoint.Origin, blobs, findings, known, Seen, isContinued: tree.First > 0);
        long count = CheckEntries(checkpoint.Size, entries, tree, findings, known, cancellationToken);
        bool isComplete = count == checkpoint.Size;
        if (isComplete)
        {
            entries.Finish();
            tree.Finish(checkpoint.Root);
        }
        return new VerificationReport
        {
            Verdict = findings.Faults.Count > 0 || !isComplete ? Verdict.Failed
                : findings.Unread.Count > 0 ? Verdict.NotRead
                : Policy is null ? Verdict.SelfConsistent
                : Verdict.Verified,
            Origin = checkpoint.Origin,
            TreeSize = checkpoint.Size,
            Root = checkpoint.Root,
            SignedBy = head.SignedBy,
            LinkedKeys = [.. head.Keys
                .Where(keys => keys.Known.Name == checkpoint.Origin)
                .SelectMany(keys => keys.Handovers.Select(handover => handover.From).Append(keys.Newest))
                .Select(key => key.ToString())
                .Distinct()],
            Findings = findings.Faults,
            Notices = findings.Notices,
            Unread = findings.Unread,
            OlderSize = milestones.Where(milestone => milestone.IsGiven).Select(milestone => (long?)milestone.Size).FirstOrDefault(),
            NotChecked = [.. NotChecked(tree.First, count, checkpoint.Size)],
            Entries = count - tree.First,
            Tiles = tree.Tiles,
            Blobs = blobs?.Blobs ?? 0,
            Kinds = entries.Kinds,
            Sources = entries.Sources,
            Predecessor = entries.Predecessor,
            Successor = entries.Successor,
        };
    }

    /// <summary>Goes through the bundles in order, examining some ahead; ends early where one is unreadable or findings are too many.
    /// Returns the index after the last checked.</summary>
    private long CheckEntries(
        long treeSize, EntryCheck entries, TreeCheck tree, Findings findings, KnownItems known, CancellationToken cancellationToken)
    {
        long bundles = (treeSize + TileCoordinate.FullWidth - 1) / TileCoordinate.FullWidth;
        int checks = AnotherFetch is null ? 1 : (int)Math.Min(bundles, BundlesPerThread * Threads);
        BundleCheck[] ahead = [.. Enumerable.Range(0, checks).Select(_ => Another(known))];
        long count = tree.First;
        while (count < treeSize && !findings.IsFull)
        {
            long first = count / TileCoordinate.FullWidth;
            int examined = (int)Math.Min(ahead.Length, bundles - first);
            Examine(ahead.AsMemory(0, examined), first, treeSize, cancellationToken);
            for (int i = 0; i < examined && !findings.IsFull; i++)
            {
                if (!Take(ahead[i], count, entries, tree, findings)) return count;
                count += ahead[i].Place.Width;
                Progress?.Invoke(count, treeSize);
            }
        }
        return count;
    }

    private BundleCheck Another(KnownItems known) =>
        new(AnotherFetch is null ? _files : new LedgerFiles(AnotherFetch()), known);

    private void Examine(ReadOnlyMemory<BundleCheck> bundles, long first, long treeSize, CancellationToken cancellationToken)
    {
        void One(int i) =>
            bundles.Span[i].Examine(TileCoordinate.Holding(TileCoordinate.EntriesLevel, (first + i) * TileCoordinate.FullWidth, treeSize));
        cancellationToken.ThrowIfCancellationRequested();
        if (bundles.Length == 1)
        {
            One(0);
            return;
        }
        try
        {
            Parallel.For(
                0, bundles.Length, new ParallelOptions { MaxDegreeOfParallelism = Threads, CancellationToken = cancellationToken }, One);
        }
        catch (AggregateException failed)
        {
            // as where one is read after the other: files that cannot be read end it
            ExceptionDispatchInfo.Throw(failed.InnerExceptions[0]);
        }
    }

    /// <summary>What depends on the bundles before; false if this one is unreadable.</summary>
    private static bool Take(BundleCheck bundle, long count, EntryCheck entries, TreeCheck tree, Findings findings)
    {
        TileCoordinate place = bundle.Place;
        if (bundle.Bytes is null)
        {
            findings.Fault(Rules.Missing, place.Path, $"expected entries {count} to {count + place.Width - 1}, found no file");
            return false;
        }
        if (!bundle.IsWhole)
        {
            tree.Misshapen(place, bundle.Found, bundle.Bytes.Value.Length, bundle.Leaves);
            return false;
        }
        string path = bundle.Found.Path;
        for (int i = 0; i < place.Width; i++)
        {
            if (bundle.Ordinary(i).IsOrdinary) entries.CheckOrdinary(bundle.Ordinary(i), bundle.Entry(i).Span, path, count + i);
            else entries.Check(bundle.Entry(i), path, count + i);
        }
        tree.Add(bundle.Leaves, bundle.Root, bundle.IsAsTileSays);
        return true;
    }

    private IEnumerable<string> NotChecked(long first, long count, long treeSize)
    {
        if (first > 0)
        {
            yield return $"entries 0 to {first - 1} and their blobs: they were not examined again (--since), "
                + "nor whether sources go on after them as they should, nor a ledger before this one; "
                + "the tiles above them lead to the older checkpoint given";
        }
        if (count < treeSize)
        {
            yield return $"entries {count} to {treeSize - 1}, what is above them in the tree, and the root: "
                + "they could not be read, or there were too many findings before";
        }
        if (Policy is null) yield return "who made this ledger: no verifier key was given (--key or --policy)";
        else if (!Policy.AsksForCosignatures) yield return "whether others see the same history: no witness was asked for (--policy)";
        yield return OlderCheckpoint.IsEmpty
            ? "freshness and rewriting since you last looked: no older checkpoint was given (--older)"
            : "freshness: an older genuine state of the ledger is found out only by someone who saw a newer one";
        if (_openBlob is null) yield return "blobs: they were not asked for";
        yield return "sealed values: whether they decrypt, and whether each before equals the last after, needs the keyring";
        yield return AnchorsNotChecked;
        yield return "ledger.json, and files that this checkpoint does not need, such as partial tiles of earlier ones";
        yield return "whether the ledger agrees with the live database: that is crosscheck";
    }
}
