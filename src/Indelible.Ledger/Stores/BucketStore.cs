using System.Security.Cryptography;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger.Stores;

/// <summary>A copy in S3-compatible storage, or the ledger itself.
/// In a locked one nothing that was stored can be removed or replaced before its lock ends, by whoever holds the
/// credentials; what is written besides is another version, which readers pass over and this class reports.</summary>
/// <remarks>Nothing relies on conditional requests: many servers ignore them where versions are kept.
/// The truth is the version that matches the signed tree. docs/decisions/0014-truth-in-a-bucket.md.</remarks>
public sealed class BucketStore : ILedgerStore
{
    private const int RequestsMax = 16;
    private const int StrangeMax = 1000;
    private const int ExtendedMax = 256;
    private const int HeadsMax = 4;
    private static readonly TimeSpan LookPeriod = TimeSpan.FromDays(1);

    private readonly Bucket _bucket;
    private readonly BucketListing _listing;
    private readonly BucketClaims _claims;
    private readonly TimeProvider _time;
    private readonly SortedSet<string> _strange = new(StringComparer.Ordinal);
    private readonly Dictionary<string, byte[]> _replaced = new(StringComparer.Ordinal);
    private bool _isVersioned;
    /// <summary>What passes, what stays: whether an object of it was seen to be locked as long as it should be.</summary>
    private bool _isPassingLockSeen, _isLockSeen;
    private readonly Queue<string> _heads = [];
    private long? _shown, _shownBefore;
    private HeadSize? _sizeOf;
    private HandoverSeen _handedOver = static (_, _) => Task.CompletedTask;

    /// <param name="options">Which bucket, and how.</param>
    /// <param name="time">The clock that locks are reckoned by.</param>
    public BucketStore(BucketOptions options, TimeProvider time)
    {
        _bucket = new Bucket(options);
        _listing = new BucketListing(_bucket);
        _claims = new BucketClaims(_bucket);
        _time = time;
    }

    /// <inheritdoc/>
    public string Place => _bucket.Options.Place;

    /// <summary>True if the storage was found to refuse what is there already; null before it was asked. Nothing depends on it.</summary>
    public bool? HonoursOnlyNew { get; private set; }

    /// <summary>Requests made so far: those that write, read an object, list, and others.</summary>
    public (long Puts, long Gets, long Lists, long Others) Requests => _bucket.Requests;

    /// <summary>Whether what is stored from now on, tails apart, gets the storage's own legal hold, where objects are locked:
    /// then nobody removes it before that is lifted, also after its lock has ended.</summary>
    public bool IsHeld { get; set; }

    /// <inheritdoc/>
    public IReadOnlyCollection<string> Strange
    {
        get { lock (_strange) return [.. _strange]; }
    }

    /// <inheritdoc/>
    public TimeSpan? LockPeriod => _bucket.Options.Retention / 2;

    /// <inheritdoc/>
    public TimeSpan? TendPeriod => _bucket.Options.RetentionOf(isPassing: true) / 4 < LookPeriod
        ? _bucket.Options.RetentionOf(isPassing: true) / 4
        : LookPeriod;

    /// <inheritdoc/>
    public async Task OpenAsync(ReadOnlyMemory<byte> hint, CancellationToken cancellationToken)
    {
        BucketProbe probe = new(_bucket, _time);
        if (_bucket.Options.Retention is not null) HonoursOnlyNew = await probe.RunAsync(cancellationToken);
        _isVersioned = _bucket.Options.Retention is not null || await _bucket.IsVersionedAsync(cancellationToken);
        if (_bucket.Options.IsPrimary) await probe.RequireOrderAsync(_isVersioned, cancellationToken);
    }

    /// <inheritdoc/>
    public async Task<ReadOnlyMemory<byte>?> ReadHeadAsync(HeadSize sizeOf, HandoverSeen handedOver, CancellationToken cancellationToken)
    {
        _handedOver = handedOver;
        if (_bucket.Options.IsPrimary) await TellHandoversAsync(cancellationToken);
        ReadOnlyMemory<byte>? head = await BucketHeads.NewestAsync(_bucket, sizeOf, Found, cancellationToken);
        _sizeOf = sizeOf;
        _shown = _shownBefore = head is { } bytes ? sizeOf(bytes) : null;
        bool isOurs = head is null || _shown is not null;
        while (_bucket.Options.IsPrimary && isOurs
            && await _claims.FindAsync(_shown, sizeOf, _handedOver, cancellationToken) is { } claimed)
        {
            await ShowAsync(sizeOf(claimed)!.Value, claimed, cancellationToken);     // its writer died in between
            head = claimed;
        }
        return head;
    }

    /// <inheritdoc/>
    public async Task<bool> HasAsync(string path, CancellationToken cancellationToken) =>
        (await _listing.VersionsAsync(path, cancellationToken)).Any(version => !version.IsMarker);

    /// <inheritdoc/>
    public async Task PutAsync(IReadOnlyList<StoreFile> files, CancellationToken cancellationToken)
    {
        List<StoreFile> missing = [];
        foreach (StoreFile file in files)
        {
            IReadOnlyList<ObjectVersion> there = await _listing.VersionsAsync(file.Path, cancellationToken);
            if (there.Count == 0 || await FindAsync(file, there, cancellationToken) is not { } ours) missing.Add(file);
            else await KeepLockedAsync(ours, file.IsPassing, cancellationToken);
        }
        await Parallel.ForEachAsync(
            missing, new ParallelOptions { MaxDegreeOfParallelism = RequestsMax, CancellationToken = cancellationToken },
            async (file, stop) => await StoreAsync(file, stop));
    }

    /// <inheritdoc/>
    public async Task PutLargeAsync(string path, Stream content, long length, CancellationToken cancellationToken)
    {
        if (length <= Bucket.PartLength)
        {
            byte[] whole = new byte[length];
            await content.ReadExactlyAsync(whole, cancellationToken);
            await PutAsync([new StoreFile(path, whole, IsPassing: false)], cancellationToken);
            return;
        }
        // Its name is the hash of its content, so a reader knows the right version by itself; lengths are compared only to save the upload.
        ObjectVersion? there = (await _listing.VersionsAsync(path, cancellationToken)).FirstOrDefault(version => version.Length == length);
        if (there is not null && await HashAsync(there, cancellationToken) == Path.GetFileName(path))
            await KeepLockedAsync(there, isPassing: false, cancellationToken);
        else _listing.Add(await _bucket.PutLargeAsync(path, content, length, Until(isPassing: false), cancellationToken, IsHeld));
    }

    /// <inheritdoc/>
    public async Task ReplaceAsync(string path, ReadOnlyMemory<byte> content, CancellationToken cancellationToken)
    {
        if (_replaced.TryGetValue(path, out byte[]? known) && content.Span.SequenceEqual(known)) return;
        await _bucket.PutAsync(path, content, null, onlyNew: false, cancellationToken);
        _replaced[path] = content.ToArray();
    }

    /// <inheritdoc/>
    public async Task PutHeadAsync(
        long size, ReadOnlyMemory<byte> checkpoint, Action<ReadOnlyMemory<byte>> rival, CancellationToken cancellationToken)
    {
        if (_bucket.Options.IsPrimary) await ClaimAsync(checkpoint, rival, cancellationToken);
        // One head further back than the last: what was stored beside it at the same moment is met now.
        await foreach ((ObjectVersion version, byte[] content) in BucketHeads.BeyondAsync(_bucket, _shownBefore, cancellationToken))
        {
            if (_heads.Contains(version.Id) || checkpoint.Span.SequenceEqual(content)) continue;
            rival(content);
            Found($"{version.Path}: version {version.Id} is not ours");
        }
        await ShowAsync(size, checkpoint, cancellationToken);
    }

    /// <inheritdoc/>
    /// <remarks>They are locked for a while yet; <see cref="TendAsync"/> removes them then.</remarks>
    public Task DropPartialsAsync(IReadOnlyList<TileCoordinate> places, CancellationToken cancellationToken) => Task.CompletedTask;

    /// <inheritdoc/>
    public async Task TendAsync(long size, bool extendLocks, CancellationToken cancellationToken)
    {
        HashSet<string> tail = [.. TileCoordinate.Partials(size).Select(place => place.Path)];
        List<ObjectVersion> versions = [], due = [];
        long bundles = 0, leafTiles = 0;
        await foreach (ObjectVersion version in _bucket.VersionsAsync("", null, deep: true, cancellationToken))
        {
            if (versions.Count > 0 && versions[0].Path != version.Path)
            {
                await TendOneAsync(versions, tail, extendLocks, due, cancellationToken);
                versions.Clear();
            }
            if (due.Count >= ExtendedMax) await ExtendAsync(due, cancellationToken);
            if (versions.Count == 0 && TileCoordinate.TryParse(version.Path, out TileCoordinate place) && place.IsFull
                && (place.Index + 1) * TileCoordinate.FullWidth <= size)
            {
                if (place.IsEntries) bundles++;
                else if (place.Level == 0) leafTiles++;
            }
            versions.Add(version);
        }
        if (versions.Count > 0) await TendOneAsync(versions, tail, extendLocks, due, cancellationToken);
        await ExtendAsync(due, cancellationToken);
        long expected = size / TileCoordinate.FullWidth;
        if (bundles < expected || leafTiles < expected)
        {
            Found($"tile/: expected {expected} full bundles and leaf tiles under the head, found {bundles} and {leafTiles}: "
                + "the storage's own administrator can remove what is locked");
        }
    }

    /// <summary>Lays the storage's own legal hold on everything that is stored here, or lifts it: a request for each object.
    /// Pointers, claims and what the storage was tried with are left out.</summary>
    /// <param name="isHeld">Whether it is laid.</param>
    /// <param name="size">Entries under the head: of tails only its own is held; null: all are.</param>
    /// <param name="cancellationToken">Ends it; it may be begun again.</param>
    /// <exception cref="IndelibleException">The storage refuses, or does not answer.</exception>
    public async Task HoldAsync(bool isHeld, long? size, CancellationToken cancellationToken)
    {
        HashSet<string>? tail = size is { } entries ? [.. TileCoordinate.Partials(entries).Select(place => place.Path)] : null;
        List<ObjectVersion> due = [];
        await foreach (ObjectVersion version in _bucket.VersionsAsync("", null, deep: true, cancellationToken))
        {
            if (version.IsMarker || version.Path is LedgerFiles.Checkpoint or LedgerFiles.Cosigned or LedgerFiles.Hint
                || version.Path.StartsWith(BucketClaims.Directory, StringComparison.Ordinal)
                || version.Path.StartsWith("probe/", StringComparison.Ordinal)
                || (isHeld && IsPassing(version.Path) && tail?.Contains(version.Path) == false)) continue;
            due.Add(version);
            if (due.Count >= ExtendedMax) await HoldAsync(due, isHeld, cancellationToken);
        }
        await HoldAsync(due, isHeld, cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _bucket.Dispose();
        return ValueTask.CompletedTask;
    }

    /// <summary>Returns once this head is the one that follows.
    /// Another one that follows was claimed by this ledger's writer before it died or gave up, and is shown first;
    /// or by another process, and then <paramref name="rival"/> throws.</summary>
    private async Task ClaimAsync(ReadOnlyMemory<byte> checkpoint, Action<ReadOnlyMemory<byte>> rival, CancellationToken cancellationToken)
    {
        HeadSize sizeOf = _sizeOf ?? throw new InvalidOperationException("expected the head to have been read before one is stored");
        while (true)
        {
            byte[] next = await _claims.ClaimAsync(_shown, checkpoint, Until(isPassing: true), sizeOf, _handedOver, cancellationToken);
            if (checkpoint.Span.SequenceEqual(next)) return;
            rival(next);
            await ShowAsync(sizeOf(next)!.Value, next, cancellationToken);
            if (_shown >= sizeOf(checkpoint)) return;
        }
    }

    /// <summary>Claims, of the bucket that the ledger lives in, that another signing key comes after the head that is shown.
    /// Of that and a head that somebody else claims the first one counts;
    /// <paramref name="rival"/> is told the head if that is it, else the handover was told as any that is found.</summary>
    public async Task ClaimHandoverAsync(Handover handover, Action<ReadOnlyMemory<byte>> rival, CancellationToken cancellationToken)
    {
        HeadSize sizeOf = _sizeOf
            ?? throw new InvalidOperationException("expected the head to have been read before a handover is claimed");
        await _claims.StoreAsync(handover.Checkpoint.Size, handover.Note.ToBytes(), Until(isPassing: true), cancellationToken);
        if (await _claims.FindAsync(handover.Checkpoint.Size, sizeOf, _handedOver, cancellationToken) is { } next) rival(next);
    }

    private async Task TellHandoversAsync(CancellationToken cancellationToken)
    {
        List<Handover> found = [];
        await foreach (ObjectVersion version in _bucket.VersionsAsync(Handover.Directory + "/", null, deep: true, cancellationToken))
        {
            if (version.IsMarker || version.Length > SignedNote.LengthMax
                || await _bucket.ReadAsync(version.Path, version.Id, SignedNote.LengthMax, cancellationToken) is not { } content) continue;
            if (Handover.Parse(content, out Handover? handover).IsNone) found.Add(handover!);
        }
        foreach (Handover handover in found.OrderBy(handover => handover.Checkpoint.Size)) await _handedOver(handover, cancellationToken);
    }

    private async Task ShowAsync(long size, ReadOnlyMemory<byte> checkpoint, CancellationToken cancellationToken)
    {
        _heads.Enqueue(await StoreAsync(new StoreFile(BucketHeads.PathOf(size), checkpoint, IsPassing: false), cancellationToken));
        await _bucket.PutAsync(LedgerFiles.Checkpoint, checkpoint, null, onlyNew: false, cancellationToken);
        if (_heads.Count > HeadsMax) _heads.Dequeue();
        (_shownBefore, _shown) = (_shown, size);
    }

    /// <summary>One object: newest version first.</summary>
    private async Task TendOneAsync(
        List<ObjectVersion> versions, HashSet<string> tail, bool extendLocks, List<ObjectVersion> due, CancellationToken cancellationToken)
    {
        string path = versions[0].Path;
        if (path.StartsWith("probe/", StringComparison.Ordinal)) return;
        if (path is LedgerFiles.Checkpoint or LedgerFiles.Cosigned or LedgerFiles.Hint)
        {
            foreach (ObjectVersion old in versions.Skip(1)) await _bucket.TryDeleteAsync(path, old.Id, cancellationToken);
            return;
        }
        // of claims the first one counts, whatever else there is
        if (!path.StartsWith(BucketClaims.Directory, StringComparison.Ordinal)) RequireOne(versions);
        bool isPassing = IsPassing(path);
        if (_bucket.Options.RetentionOf(isPassing) is not { } retention) return;
        foreach (ObjectVersion version in versions.Where(version => !version.IsMarker))
        {
            if (IsHeld && tail.Contains(path)) await _bucket.HoldAsync(path, version.Id, true, cancellationToken);
            if (isPassing ? tail.Contains(path) : extendLocks) due.Add(version);
            else if (isPassing && version.At + retention < _time.GetUtcNow()
                && !await _bucket.TryDeleteAsync(path, version.Id, cancellationToken) && IsHeld)
            {
                await _bucket.HoldAsync(path, version.Id, false, cancellationToken);      // it was the tail once
                await _bucket.TryDeleteAsync(path, version.Id, cancellationToken);
            }
        }
    }

    /// <summary>The version that holds the file's bytes; null if none does. Others are reported.</summary>
    private async Task<ObjectVersion?> FindAsync(StoreFile file, IReadOnlyList<ObjectVersion> there, CancellationToken cancellationToken)
    {
        string md5 = Convert.ToHexStringLower(MD5.HashData(file.Content.Span));
        ObjectVersion? ours =
            there.FirstOrDefault(version => !version.IsMarker && version.Length == file.Content.Length && version.ETag == md5);
        foreach (ObjectVersion version in there.Where(
            version => ours is null && !version.IsMarker && version.Length == file.Content.Length))
        {
            byte[]? content = await _bucket.ReadAsync(version.Path, version.Id, file.Content.Length, cancellationToken);
            if (file.Content.Span.SequenceEqual(content)) ours = version;    // what the storage says of the content need not be its MD5
        }
        if (ours is null && !_isVersioned)
        {
            throw new CopyDamagedException(
                $"{Place}: {file.Path}: expected {file.Content.Length} bytes that follow from the ledger, found others; "
                    + "the bucket keeps no versions, so nothing was written. Keep it as evidence, and begin a copy elsewhere");
        }
        if (ours is null) Found($"{file.Path}: {Words(there)}, and none is ours");
        else RequireOne(there);
        return ours;
    }

    /// <summary>Stores a file of which no version is there. What somebody else stores meanwhile is another version,
    /// found when it is looked over.</summary>
    private async Task<string> StoreAsync(StoreFile file, CancellationToken cancellationToken)
    {
        DateTimeOffset? until = Until(file.IsPassing);
        bool isHeld = IsHeld && until is not null && !file.IsPassing;
        string? id =
            await _bucket.PutAsync(file.Path, file.Content, until, onlyNew: _listing.IsEmptyAt(file.Path), cancellationToken, isHeld);
        if (id is null)
        {
            byte[]? there = await _bucket.ReadAsync(file.Path, null, file.Content.Length, cancellationToken);
            if (!_isVersioned && !file.Content.Span.SequenceEqual(there))
            {
                throw new CopyDamagedException(
                    $"{Place}: {file.Path}: another process stored something else there just now; nothing was overwritten. "
                        + "A copy has one writer");
            }
            id = _isVersioned ? await _bucket.PutAsync(file.Path, file.Content, until, onlyNew: false, cancellationToken, isHeld) : "null";
        }
        if (until is not null) await CheckLockAsync(file, id!, until.Value, cancellationToken);
        string md5 = Convert.ToHexStringLower(MD5.HashData(file.Content.Span));
        lock (_listing)
            _listing.Add(new ObjectVersion(file.Path, id!, md5, file.Content.Length, _time.GetUtcNow(), IsMarker: false));
        return id!;
    }

    /// <summary>Once for what passes and once for what stays: the first real object is locked for as long as it should be.</summary>
    private async Task CheckLockAsync(StoreFile file, string version, DateTimeOffset until, CancellationToken cancellationToken)
    {
        if (file.IsPassing ? _isPassingLockSeen : _isLockSeen) return;
        DateTimeOffset? found = await _bucket.LockedUntilAsync(file.Path, version, cancellationToken);
        if (found is null || found < until - TimeSpan.FromSeconds(2))
        {
            string lockFound = found is { } sooner ? $"{sooner:u}" : "no lock";
            throw new IndelibleException(ExitCode.Usage,
                $"{Place}: {file.Path}: expected it to be locked until {until:u}, as retentionDays says, "
                    + $"found {lockFound}: does a policy of the bucket limit retention?");
        }
        if (file.IsPassing) _isPassingLockSeen = true;
        else _isLockSeen = true;
    }

    private async Task HoldAsync(List<ObjectVersion> due, bool isHeld, CancellationToken cancellationToken)
    {
        await Parallel.ForEachAsync(
            due, new ParallelOptions { MaxDegreeOfParallelism = RequestsMax, CancellationToken = cancellationToken },
            async (version, stop) => await _bucket.HoldAsync(version.Path, version.Id, isHeld, stop));
        due.Clear();
    }

    private async Task KeepLockedAsync(ObjectVersion version, bool isPassing, CancellationToken cancellationToken)
    {
        if (_bucket.Options.RetentionOf(isPassing) is not { } retention) return;
        DateTimeOffset? until = await _bucket.LockedUntilAsync(version.Path, version.Id, cancellationToken);
        if (until is null || until < _time.GetUtcNow() + (retention / 2)) await ExtendAsync(version, isPassing, cancellationToken);
    }

    private async Task ExtendAsync(List<ObjectVersion> due, CancellationToken cancellationToken)
    {
        await Parallel.ForEachAsync(
            due, new ParallelOptions { MaxDegreeOfParallelism = RequestsMax, CancellationToken = cancellationToken },
            async (version, stop) => await ExtendAsync(version, IsPassing(version.Path), stop));
        due.Clear();
    }

    private async Task ExtendAsync(ObjectVersion version, bool isPassing, CancellationToken cancellationToken)
    {
        if (Until(isPassing) is not { } until || await _bucket.TryLockAsync(version.Path, version.Id, until, cancellationToken)) return;
        // Locked for longer already, as after retentionDays was made smaller: that is as good.
        DateTimeOffset? found = await _bucket.LockedUntilAsync(version.Path, version.Id, cancellationToken);
        if (found is null || found < until - TimeSpan.FromSeconds(2))
        {
            string lockFound = found is { } sooner ? $"locked until {sooner:u}" : "not locked";
            throw new IndelibleException(ExitCode.Usage,
                $"{Place}: {version.Path}: expected its lock to be extended until {until:u}, found it refused, and {lockFound}. "
                    + "Do the credentials have s3:PutObjectRetention?");
        }
    }

    private DateTimeOffset? Until(bool isPassing) =>
        _bucket.Options.RetentionOf(isPassing) is { } retention ? _time.GetUtcNow() + retention : null;

    private async Task<string> HashAsync(ObjectVersion version, CancellationToken cancellationToken)
    {
        using Amazon.S3.Model.GetObjectResponse? answer = await _bucket.OpenAsync(version.Path, version.Id, cancellationToken);
        return answer is null ? "" : Convert.ToHexStringLower(await SHA256.HashDataAsync(answer.ResponseStream, cancellationToken));
    }

    /// <summary>Versions that hold the same are one: a writer that died stores again.</summary>
    private void RequireOne(IReadOnlyList<ObjectVersion> versions)
    {
        if (versions.Any(version => version.IsMarker || !version.LooksLike(versions[0])))
            Found($"{versions[0].Path}: {Words(versions)}: somebody else wrote or removed it");
    }

    private static string Words(IReadOnlyList<ObjectVersion> versions) =>
        $"{versions.Count(version => !version.IsMarker)} versions, {versions.Count(version => version.IsMarker)} delete markers "
            + $"({string.Join(", ", versions.Take(4).Select(version => $"{version.Id} of {version.At:u}"))})";

    private static bool IsPassing(string path) => path.Contains(".p/", StringComparison.Ordinal)
        || path.StartsWith(BucketClaims.Directory, StringComparison.Ordinal);

    private void Found(string what)
    {
        lock (_strange) if (_strange.Count < StrangeMax) _strange.Add(what);
    }
}
