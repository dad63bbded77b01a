using System.Security.Cryptography;
using Amazon.S3.Model;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Stores;

/// <summary>Reads a ledger out of a bucket. What others wrote or removed there changes nothing that is read,
/// as long as what was stored is there:
/// the newest head is the highest that the ledger's key signed, and of several versions the one that matches it is read.</summary>
/// <remarks>One caller at a time finds; what was found may be opened beside that.</remarks>
/// <param name="options">Which bucket.</param>
/// <param name="key">The ledger's verifier key; null: heads of anybody are believed, and the highest one is read.</param>
internal sealed class BucketReader(BucketOptions options, VerifierKey? key) : IDisposable
{
    private readonly Bucket _bucket = new(options);
    private readonly Dictionary<string, byte[]> _whole = new(StringComparer.Ordinal);
    private readonly SortedSet<string> _strange = new(StringComparer.Ordinal);
    private BucketListing? _listing;
    private MatchingVersions? _matching;
    private CancellationToken _stop;
    private KeyHistory? _keys = key is null ? null : KeyHistory.Of(key);

    /// <summary>What was met that is not the ledger's: other versions, delete markers, heads that are none.</summary>
    public IReadOnlyCollection<string> Strange => _strange;

    /// <summary>Finds a file of the ledger, and gives what opens it; null if there is none.</summary>
    public async Task<Func<Task<Stream?>>?> FindAsync(string path, CancellationToken cancellationToken)
    {
        _stop = cancellationToken;
        if (path == LedgerFiles.Checkpoint) return await HeadAsync(cancellationToken) is { } head ? Known(head) : null;
        if (path is LedgerFiles.Cosigned or LedgerFiles.Hint) return () => StreamAsync(path, null, cancellationToken);
        List<ObjectVersion> versions = await VersionsAsync(path, cancellationToken);
        if (versions.Count == 0) return null;
        if (versions.Count > 1 && _matching is not null && TileCoordinate.TryParse(path, out TileCoordinate place))
            return _matching.Choose(place) is { } bytes ? Known(bytes) : null;
        string version = versions.Count > 1 && path.StartsWith("blobs/", StringComparison.Ordinal)
            ? await BlobVersionAsync(path, versions, cancellationToken)
            : versions[0].Id;
        return () => StreamAsync(path, version, cancellationToken);
    }

    private static Func<Task<Stream?>> Known(ReadOnlyMemory<byte> bytes) =>
        () => Task.FromResult<Stream?>(new MemoryStream(bytes.ToArray(), writable: false));

    /// <summary>Reads under a head that is known from elsewhere; what is listed of the bucket from now on is as new.</summary>
    public void Under(Checkpoint head)
    {
        _listing = new BucketListing(_bucket);
        _whole.Clear();
        _matching = new MatchingVersions(head, Contents);
    }

    public void Dispose() => _bucket.Dispose();

    /// <summary>The head, looked for anew; and what is listed of the bucket from now on is as new.</summary>
    private async Task<ReadOnlyMemory<byte>?> HeadAsync(CancellationToken cancellationToken)
    {
        _listing = new BucketListing(_bucket);
        _whole.Clear();
        if (key is not null) _keys = await HistoryAsync(key, cancellationToken);
        ReadOnlyMemory<byte>? head = await BucketHeads.NewestAsync(_bucket, SizeOf, what => _strange.Add(what), cancellationToken);
        _matching = head is { } bytes && Checkpoint.Parse(bytes.Span, out _, out Checkpoint? checkpoint).IsNone
            ? new MatchingVersions(checkpoint!, Contents)
            : null;
        return head;
    }

    private long? SizeOf(ReadOnlyMemory<byte> bytes) =>
        Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? head).IsNone
            && (_keys is null || (head!.Origin == _keys.Newest.Name && _keys.Check(note!, head).IsNone)) ? head!.Size : null;

    /// <summary>The key with those that the handovers stored here link it with; who changes the hint hides the newer heads,
    /// and makes none.</summary>
    private async Task<KeyHistory> HistoryAsync(VerifierKey known, CancellationToken cancellationToken)
    {
        List<ReadOnlyMemory<byte>> files = [];
        if (await ReadAsync(() => StreamAsync(LedgerFiles.Hint, null, cancellationToken)) is not { } hint) return KeyHistory.Of(known);
        foreach (string path in HandoverFiles.PathsIn(hint))
        {
            foreach (ObjectVersion version in await VersionsAsync(path, cancellationToken))
                if (await ReadAsync(() => StreamAsync(path, version.Id, cancellationToken)) is { } bytes) files.Add(bytes);
        }
        return KeyHistory.Of(known, files);
    }

    private static async Task<byte[]?> ReadAsync(Func<Task<Stream?>> open)
    {
        await using Stream? content = await open();
        if (content is null) return null;
        using MemoryStream bytes = new();
        await content.CopyToAsync(bytes);
        return bytes.ToArray();
    }

    /// <summary>Versions that differ, the oldest first.</summary>
    private async Task<List<ObjectVersion>> VersionsAsync(string path, CancellationToken cancellationToken)
    {
        _listing ??= new BucketListing(_bucket);
        IReadOnlyList<ObjectVersion> all = await _listing.VersionsAsync(path, cancellationToken);
        List<ObjectVersion> differing = [];
        foreach (ObjectVersion version in all.Where(version => !version.IsMarker && !differing.Exists(version.LooksLike)))
            differing.Add(version);
        int markers = all.Count(version => version.IsMarker);
        if (differing.Count > 1 || markers > 0)
        {
            _strange.Add(
                $"{path}: {differing.Count} versions that differ, {markers} delete markers: somebody else wrote or removed it; "
                    + "the one that matches the signed tree is read");
        }
        return differing;
    }

    /// <summary>What the versions of a tile or bundle hold; only asked where there are several.</summary>
    private IReadOnlyList<ReadOnlyMemory<byte>> Contents(TileCoordinate place)
    {
        // A verifier asks for one file after the other, and so does the search through versions: nothing else waits for this thread.
        return ContentsAsync(place).GetAwaiter().GetResult();
    }

    private async Task<IReadOnlyList<ReadOnlyMemory<byte>>> ContentsAsync(TileCoordinate place)
    {
        List<ReadOnlyMemory<byte>> contents = [];
        foreach (ObjectVersion version in await VersionsAsync(place.Path, _stop))
        {
            string name = version.Path + version.Id;
            if (!_whole.TryGetValue(name, out byte[]? bytes))
            {
                bytes = await _bucket.ReadAsync(version.Path, version.Id, LedgerFetch.FileLengthMax, _stop);
                if (_whole.Count > 64) _whole.Clear();
                if (bytes is not null) _whole[name] = bytes;
            }
            if (bytes is not null) contents.Add(bytes);
        }
        return contents;
    }

    private async Task<string> BlobVersionAsync(string path, List<ObjectVersion> versions, CancellationToken cancellationToken)
    {
        foreach (ObjectVersion version in versions)
        {
            await using Stream? content = await StreamAsync(path, version.Id, cancellationToken);
            if (content is not null
                && Convert.ToHexStringLower(await SHA256.HashDataAsync(content, cancellationToken)) == Path.GetFileName(path))
                    return version.Id;
        }
        return versions[0].Id;
    }

    private async Task<Stream?> StreamAsync(string path, string? version, CancellationToken cancellationToken)
    {
        GetObjectResponse? answer = await _bucket.OpenAsync(path, version, cancellationToken);
        return answer?.ResponseStream;    // disposing it ends the answer
    }
}
