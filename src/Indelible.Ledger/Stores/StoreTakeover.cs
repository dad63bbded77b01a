using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Microsoft.Extensions.Logging;

namespace Indelible.Ledger.Stores;

/// <summary>Begins on a machine that has the keyring and nothing else: fetches from the bucket what its writer needs,
/// the right edge of the tree.</summary>
internal static class StoreTakeover
{
    /// <summary>Durable when it returns. What is fetched is held against the signed head when the ledger is opened.</summary>
    /// <exception cref="IndelibleException">The bucket holds no head of this ledger, or did not answer.</exception>
    public static async Task RunAsync(
        LedgerPaths paths, StorePlace place, LedgerKeys keys, TimeProvider time, ILogger log, CancellationToken cancellationToken)
    {
        if (DurableFile.TryReadAll(paths.PublishedHeadPath, SignedNote.LengthMax) is { } published)
        {
            DurableFile.Replace(paths.StagedHeadPath, published);     // it lived in the directory until now, and moves
            LedgerLog.StoreBegun(log, place.Name);
            return;
        }
        VerifierKey key = keys.Signer.VerifierKey;
        List<ReadOnlyMemory<byte>> handovers = [];
        KeyHistory history = KeyHistory.Of(key);
        BucketOptions options = place.Options();
        await using BucketStore store = new(options, time);
        await store.OpenAsync(LedgerFiles.HintContent(key), cancellationToken);
        ReadOnlyMemory<byte> bytes = await store.ReadHeadAsync(note => SizeOf(note, history), (handover, _) =>
            {
                handovers.Add(handover.Note.ToBytes());
                history = KeyHistory.Of(key, handovers);
                return Task.CompletedTask;
            }, cancellationToken)
            ?? throw new IndelibleException(ExitCode.Usage,
                $"expected a ledger, found neither one in {paths.Ledger} nor a head in {place.Name}: "
                    + "name another bucket or prefix, or make a ledger with `indelible init`");
        if (SizeOf(bytes, history) is null || !Checkpoint.Parse(bytes.Span, out _, out Checkpoint? head).IsNone)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected a head of {key.Name} signed by {key} in {place.Name}, found none: "
                    + "is this the right keyring, and the right bucket and prefix?");
        }
        await FetchAsync(paths, options, history, head!, cancellationToken);
        DurableFile.Replace(Path.Combine(paths.Ledger, LedgerFiles.Hint), LedgerFiles.HintContent(key));
        DurableFile.Replace(paths.PublishedHeadPath, bytes.Span);
        DurableFile.Replace(paths.StagedHeadPath, bytes.Span);       // last: from now on there is a ledger here
        LedgerLog.TakenOver(log, place.Name, head!.Size);
    }

    private static async Task FetchAsync(
        LedgerPaths paths, BucketOptions options, KeyHistory keys, Checkpoint head, CancellationToken cancellationToken)
    {
        using ImmutableFiles files = new(paths.Ledger, "fetch");
        using BucketReader reader = new(options, keys.Known);
        reader.Under(head);
        List<string> wanted = [.. TileCoordinate.Partials(head.Size).Select(place => place.Path)];
        using (Bucket bucket = new(options))
        {
            await foreach (ObjectVersion version in bucket.VersionsAsync("anchors/", null, deep: true, cancellationToken))
                if (!version.IsMarker) wanted.Add(version.Path);
        }
        // One that was claimed may not be stored yet.
        foreach (Handover handover in keys.Handovers) files.Stage(Handover.PathOf(handover.Checkpoint.Size), handover.Note.ToBytes());
        foreach (string path in wanted.Distinct(StringComparer.Ordinal))
        {
            Func<Task<Stream?>>? open = await reader.FindAsync(path, cancellationToken);
            await using Stream? content = open is null ? null : await open();
            // a partial tile that is gone is cut out of the full one, which is read in the bucket
            if (content is null) continue;
            files.Stage(path, await LedgerFetch.ReadAllAsync(content, LedgerFetch.FileLengthMax, cancellationToken));
            if (files.IsLarge) files.Commit();
        }
        files.Commit();
    }

    private static long? SizeOf(ReadOnlyMemory<byte> bytes, KeyHistory keys) =>
        Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? head).IsNone && head!.Origin == keys.Known.Name
            && keys.Check(note!, head).IsNone ? head.Size : null;
}
