using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Server.Replication;

namespace Indelible.Server.Succeeding;

/// <summary>Legal holds on ledgers of a chain, as the ledger that goes on says: while one is in force the ledger may not be disposed of.
/// A rotation takes them over.</summary>
public static class LegalHolds
{
    /// <summary>Code of the entry that lays a hold on a ledger; fact <c>ledger</c>: its origin.</summary>
    public const string HeldCode = "held";
    /// <summary>Code of the entry that lifts it.</summary>
    public const string ReleasedCode = "hold-released";
    /// <summary>Code of the entry that says that a closed ledger was disposed of.</summary>
    public const string DisposedCode = "disposed";

    /// <summary>The holds in force, by the origin of the ledger held: each is the entry that laid it.
    /// Only published entries count.</summary>
    public static IReadOnlyDictionary<string, IndexedEntry> InForce(LedgerView view) => InForce(view.Newest(source: null, EntryKind.Admin));

    /// <summary>The same, by admin entries given newest first.</summary>
    internal static IReadOnlyDictionary<string, IndexedEntry> InForce(IEnumerable<IndexedEntry> entries)
    {
        Dictionary<string, IndexedEntry> newest = new(StringComparer.Ordinal);
        foreach (IndexedEntry found in entries)
        {
            if (found.Entry.Header is { Code: HeldCode or ReleasedCode, Facts: { } facts }
                && facts.TryGetValue("ledger", out string? origin)) newest.TryAdd(origin, found);
        }
        return newest.Where(one => one.Value.Entry.Header.Code == HeldCode).ToDictionary();
    }

    /// <summary>A hold for people: on what, by whom and since when.</summary>
    public static string Words(IndexedEntry held)
    {
        IReadOnlyDictionary<string, string> facts = held.Entry.Header.Facts!;
        return $"on {facts.GetValueOrDefault("ledger")}, laid by {facts.GetValueOrDefault("by")} at {held.Entry.Header.SealedAt}, "
            + $"entry {held.Index}";
    }

    /// <summary>Lays a hold on a ledger of the chain, or lifts it. Sealed with who and why; durable when it returns.</summary>
    /// <returns>The entry; null if it was so already, of a closed ledger in buckets:
    /// where it could not be laid or lifted, it may be now.</returns>
    /// <exception cref="IndelibleException">Usage: no such ledger, held already, or not held.</exception>
    public static async Task<long?> SealAsync(
        LedgerHost host, string origin, bool isHeld, string by, string reason, CancellationToken cancellationToken)
    {
        await host.PublishAsync(cancellationToken);
        if (origin != host.Writer.Origin && host.Config.Predecessors.TrueForAll(one => one.Origin != origin))
        {
            string known = string.Join(", ", host.Config.Predecessors.Select(one => one.Origin).Append(host.Writer.Origin));
            throw new IndelibleException(
                ExitCode.Usage, $"expected this ledger or a closed one before it ({known}), found '{origin}'");
        }
        bool was = InForce(host.View).ContainsKey(origin);
        if (was == isHeld && BucketsOf(host.Config, origin).Count > 0) return null;
        if (was == isHeld)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"the ledger {origin} is {(was ? "held already" : "not held")}: nothing was sealed");
        }
        EntryBatch entries = new();
        Dictionary<string, string> facts = new() { ["ledger"] = origin, ["by"] = by };
        host.NewMaker("").AddAdmin(entries, isHeld ? HeldCode : ReleasedCode, facts, reason);
        long index = (await host.SealAsync(entries, cancellationToken)).FirstIndex;
        if (origin == host.Writer.Origin) host.IsHeld = isHeld;       // whoever writes its copies lays it on them
        return index;
    }

    /// <summary>Lays the storage's own legal hold on everything that locked buckets hold of a closed ledger, or lifts it.</summary>
    /// <returns>Each bucket, and why it could not be done there; null if it was done.</returns>
    public static async Task<IReadOnlyList<(string Place, string? Problem)>> LayAsync(
        IndelibleConfig config, string origin, bool isHeld, TimeProvider time, CancellationToken cancellationToken)
    {
        List<(string, string?)> done = [];
        foreach ((string name, TargetConfig bucket) in BucketsOf(config, origin))
        {
            string? problem = null;
            try
            {
                await using BucketStore store = new(TargetStores.OptionsOf(name, bucket), time);
                await store.HoldAsync(isHeld, size: null, cancellationToken);
            }
            catch (IndelibleException e)
            {
                problem = e.Message;
            }
            done.Add((TargetStores.PlaceOf(bucket), problem));
        }
        return done;
    }

    /// <summary>The locked buckets that a closed ledger is in.</summary>
    private static List<(string Name, TargetConfig Bucket)> BucketsOf(IndelibleConfig config, string origin)
    {
        List<(string, TargetConfig)> buckets = [];
        foreach (PredecessorConfig closed in config.Predecessors.Where(one => one.Origin == origin))
        {
            if (closed.Store is { RetentionDays: > 0 } store) buckets.Add((StoreConfig.Name, store.AsTarget()));
            buckets.AddRange((closed.Targets ?? []).Select(target => (target.Key, target.Value)));
        }
        return buckets;
    }

    /// <summary>States in a successor the holds that are in force, each as it was laid.</summary>
    internal static void Restate(LedgerView closed, EntryMaker maker, EntryBatch entries)
    {
        foreach ((string _, IndexedEntry held) in InForce(closed).OrderBy(one => one.Key, StringComparer.Ordinal))
        {
            string? reason = held.Entry.Fields.Count > 0 ? CatalogMemory.TextOf(closed, held.Entry, held.Entry.Fields[0]) : null;
            maker.AddAdmin(entries, HeldCode, held.Entry.Header.Facts, reason);
        }
    }

    /// <summary>Disposes of a closed ledger: that it was, by whom and why is sealed first, then its directory and
    /// its index are removed.</summary>
    /// <returns>The entry.</returns>
    /// <exception cref="IndelibleException">Usage: no such closed ledger, or it is held. Finding: what is there is another ledger.
    /// Environment: it is not at hand, or another process has it. Nothing was sealed then.</exception>
    public static async Task<long> DisposeAsync(
        LedgerHost host, ClosedLedgers closed, string origin, string by, string reason, CancellationToken cancellationToken)
    {
        await host.PublishAsync(cancellationToken);
        LedgerView view = closed.Of(origin);
        if (InForce(host.View).TryGetValue(origin, out IndexedEntry held))
        {
            string? who = held.Entry.Header.Facts!.GetValueOrDefault("by");
            throw new IndelibleException(ExitCode.Usage,
                $"the ledger {origin} is under a legal hold, laid by {who} in entry {held.Index}: "
                    + "it cannot be disposed of. Nothing was removed");
        }
        if (view.Paths.Store is { } store)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"the ledger {origin} lives in {store.Name}: expected one in a directory. Nothing was removed. By hand, "
                    + "once its locks have ended and nothing extends them (no `indelible run` of that ledger is left):\n"
                    + ByHand(store.Options(), view.Paths));
        }
        LedgerWriter.RequireFree(view.Paths);     // first: what is sealed as disposed of must be removable
        Format.Notes.Checkpoint head = view.Reader.ReadCheckpoint();
        EntryBatch entries = new();
        Dictionary<string, string> facts = new()
        {
            ["ledger"] = origin, ["size"] = head.Size.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["root"] = head.Root.ToString(), ["by"] = by,
        };
        host.NewMaker("").AddAdmin(entries, DisposedCode, facts, reason);
        long index = (await host.SealAsync(entries, cancellationToken)).FirstIndex;
        string indexDirectory = view.Paths.Index;
        view.Dispose();
        foreach (string directory in (string[])[view.Paths.Ledger, indexDirectory])
        {
            if (Directory.Exists(directory)) Directory.Delete(directory, recursive: true);
        }
        return index;
    }

    /// <summary>Commands that remove every version of what a bucket holds of a ledger, then what is here of it.
    /// The storage refuses whatever is still locked or held.</summary>
    private static string ByHand(BucketOptions at, LedgerPaths paths)
    {
        string bucket = $"--bucket '{at.Bucket}'{(at.Endpoint is { } endpoint ? $" --endpoint-url '{endpoint}'" : "")}";
        return $"""
              aws s3api list-object-versions {bucket} --prefix '{at.Prefix}' \
                --query '[Versions,DeleteMarkers][].[Key,VersionId]' --output text |
                while read -r key version; do aws s3api delete-object {bucket} --key "$key" --version-id "$version"; done
              rm -r '{paths.Ledger}' '{paths.Index}'
            """;
    }
}
