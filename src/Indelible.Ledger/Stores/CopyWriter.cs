using System.Security.Cryptography;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Stores;

/// <summary>Brings a copy up to what the ledger has published: full tiles and bundles once, blobs, time stamps and handovers,
/// the partial tail, and the head last. What it stores it has held against the signed root. One loop owns it.</summary>
/// <param name="ledger">The ledger directory; a writer may be publishing to it.</param>
/// <param name="readKeys">Gives the ledger's verifier key, and those before it.</param>
/// <param name="store">Where the copy is. The caller disposes it.</param>
/// <param name="progress">How far the copy was known to be before; see <see cref="CopyProgress"/>.</param>
public sealed class CopyWriter(LedgerReader ledger, Func<KeyHistory> readKeys, ILedgerStore store, CopyProgress progress)
{
    private const int ChunkFilesMax = 256;
    private const long ChunkLengthMax = 8 << 20;
    private const int BlobsRememberedMax = 10_000;
    private static readonly string[] KeptDirectories = ["handover", "anchors"];

    private readonly HashSet<string> _kept = new(StringComparer.Ordinal);
    private readonly HashSet<string> _blobs = new(StringComparer.Ordinal);
    private readonly List<StoreFile> _chunk = [];
    private long _chunkLength;
    private KeyHistory _keys = readKeys();
    private bool _hasHead;
    private byte[] _cosigned = [];

    /// <summary>Told a head right before anybody can see it there: to remember, beside the keys, that it was shown.
    /// Must throw if that fails.</summary>
    public Action<Checkpoint>? Showing { get; init; }

    /// <summary>Told the signed head that the copy ends with, when it was opened and when another is shown.</summary>
    public Action<ReadOnlyMemory<byte>>? Shown { get; init; }

    /// <summary>The signing key that the ledger is to be handed over to; null if there is none.
    /// Of the bucket that the ledger lives in.</summary>
    public Func<VerifierKey?> NextKey { get; init; } = static () => null;

    /// <summary>Takes that key: the handover to it counts, and is stored there.</summary>
    public HandoverSeen Take { get; init; } = static (_, _) => Task.CompletedTask;

    /// <summary>How far it is; durable there.</summary>
    public CopyProgress Progress { get; private set; } = progress;

    /// <summary>Opens the store and compares its head with this ledger.</summary>
    /// <exception cref="CopyContradictsException">Its head is signed with this ledger's key, and not in this ledger.</exception>
    /// <exception cref="CopyDamagedException">It holds another ledger, or less than was stored there.</exception>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        byte[] hint = LedgerFiles.HintContent(_keys);
        await store.OpenAsync(hint, cancellationToken);
        ReadOnlyMemory<byte>? head = await store.ReadHeadAsync(SizeOf, HandedOverAsync, cancellationToken);
        long size = head is { } bytes ? RequireContained(bytes) : 0;
        if (size < Progress.Size)
        {
            string there = head is null ? "none" : $"one of {size}";
            throw new CopyDamagedException(
                $"{store.Place}: expected a copy of at least {Progress.Size} entries, which were stored there, found {there}. "
                    + "If the storage was replaced on purpose, forget the old one with `indelible copies forget NAME`");
        }
        _hasHead = head is not null;
        if (head is { } found) Shown?.Invoke(found);
        if (!_hasHead || _keys.Handovers.Count > 0) await store.ReplaceAsync(LedgerFiles.Hint, hint, cancellationToken);
        long copied = Math.Max(size, await StillCopiedAsync(cancellationToken));
        Progress = new CopyProgress(size, copied);
    }

    /// <summary>Copies everything published when it is called.</summary>
    /// <param name="saved">Called when more than before is durable in the copy.</param>
    /// <param name="cancellationToken">Ends it between two files.</param>
    public async Task RoundAsync(Action<CopyProgress> saved, CancellationToken cancellationToken)
    {
        Forget();
        (SignedNote note, Checkpoint head) = ledger.ReadSignedCheckpoint();
        KeyHistory keys = readKeys();           // after the head, which may be the first of another key
        bool isHandedOver = !keys.Newest.Equals(_keys.Newest);
        _keys = keys;
        if (head.Size > Progress.Size)
        {
            RequireSigned(note, head);
            VerifiedTiles tiles = new(ledger, head);
            await CopyFullAsync(tiles, head.Size, saved, cancellationToken);
            foreach (TileCoordinate place in TileCoordinate.Partials(head.Size)) Add(place, tiles.Read(place));
            await CopyBlobsOfTailAsync(tiles, head.Size, cancellationToken);
        }
        await CopyKeptAsync(cancellationToken);
        await FlushAsync(cancellationToken);
        if (isHandedOver) await store.ReplaceAsync(LedgerFiles.Hint, LedgerFiles.HintContent(keys), cancellationToken);
        if (head.Size > Progress.Size || !_hasHead) await ShowAsync(note, head, saved, cancellationToken);
        await CopyCosignedAsync(cancellationToken);
    }

    /// <summary>Hands the ledger over to its next key at the head that its bucket shows.
    /// The handover counts, and the key is taken, when it returns.</summary>
    /// <param name="bucket">The store.</param>
    /// <param name="sign">Makes the handover.</param>
    /// <param name="cancellationToken">Ends it; it may be begun again.</param>
    /// <exception cref="CopyContradictsException">Another process shows a head that is not in this ledger,
    /// or was handed over before.</exception>
    /// <exception cref="Format.IndelibleException">Environment: the storage failed, or another head was shown first.</exception>
    public async Task HandOverAsync(BucketStore bucket, Func<Checkpoint, Handover> sign, CancellationToken cancellationToken)
    {
        Hash root = Tree.Root(Progress.Size, new TileNodes(ledger.ReadCheckpoint().Size, ledger.ReadTile).Read);
        Handover handover = sign(new Checkpoint { Origin = _keys.Newest.Name, Size = Progress.Size, Root = root });
        await bucket.ClaimHandoverAsync(handover, RequireNoRival, cancellationToken);
        if (_keys.Newest.Equals(handover.To)) return;
        throw new Format.IndelibleException(Format.ExitCode.Environment,
            $"{store.Place}: another head came before the handover at size {Progress.Size}, and the key is as it was. "
                + "Give the same command again");
    }

    /// <summary>A handover that the ledger's bucket shows. It may be this ledger's own, if the process died
    /// before it took the key.</summary>
    private async Task HandedOverAsync(Handover handover, CancellationToken cancellationToken)
    {
        if (!handover.From.Equals(_keys.Newest)) return;       // known, or of a process that lost
        if (!handover.To.Equals(NextKey()))
        {
            throw new CopyContradictsException(
                $"the ledger was handed over to another signing key: {store.Place} has a handover at size {handover.Checkpoint.Size} "
                    + $"to {handover.To}, which is not in the keyring here. "
                    + "Run it where that key is, or put back a backup of the keyring that was made after the handover");
        }
        byte[] bytes = handover.Note.ToBytes();
        RequireContained(bytes);
        await store.PutAsync([new StoreFile(Handover.PathOf(handover.Checkpoint.Size), bytes, IsPassing: false)], cancellationToken);
        await store.ReplaceAsync(LedgerFiles.Hint, LedgerFiles.HintContent(_keys.With([bytes])), cancellationToken);
        await Take(handover, cancellationToken);
        _keys = readKeys();
    }

    private async Task ShowAsync(SignedNote note, Checkpoint head, Action<CopyProgress> saved, CancellationToken cancellationToken)
    {
        Showing?.Invoke(head);
        byte[] signed = note.ToBytes();
        await store.PutHeadAsync(head.Size, signed, RequireNoRival, cancellationToken);
        Shown?.Invoke(signed);
        long before = Progress.Size;
        _hasHead = true;
        Progress = new CopyProgress(head.Size, head.Size);
        saved(Progress);
        TileCoordinate[] full = [.. TileCoordinate.Partials(before)
            .Where(place => TileCoordinate.WidthAt(place.Level, place.Index, head.Size) == TileCoordinate.FullWidth)];
        if (full.Length > 0) await store.DropPartialsAsync(full, cancellationToken);
    }

    /// <summary>Bundles and leaf tiles in order, each once; then the tiles above them, which are few.</summary>
    private async Task CopyFullAsync(VerifiedTiles tiles, long size, Action<CopyProgress> saved, CancellationToken cancellationToken)
    {
        for (long index = Progress.Copied / TileCoordinate.FullWidth; index < size / TileCoordinate.FullWidth; index++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            TileCoordinate bundle = new(TileCoordinate.EntriesLevel, index, TileCoordinate.FullWidth);
            ReadOnlyMemory<byte> entries = tiles.Read(bundle);
            await CopyBlobsAsync(entries, TileCoordinate.FullWidth, cancellationToken);
            Add(bundle, entries);
            Add(bundle with { Level = 0 }, tiles.Read(bundle with { Level = 0 }));
            if (_chunk.Count < ChunkFilesMax && _chunkLength < ChunkLengthMax) continue;
            await FlushAsync(cancellationToken);
            saved(Progress = Progress with { Copied = (index + 1) * TileCoordinate.FullWidth });
        }
        for (int level = 1; TileCoordinate.CountAt(level, size) >= TileCoordinate.FullWidth; level++)
        {
            long first = TileCoordinate.CountAt(level, Progress.Size) / TileCoordinate.FullWidth;
            for (long index = first; index < TileCoordinate.CountAt(level, size) / TileCoordinate.FullWidth; index++)
            {
                TileCoordinate place = new(level, index, TileCoordinate.FullWidth);
                Add(place, tiles.Read(place));
                if (_chunk.Count >= ChunkFilesMax) await FlushAsync(cancellationToken);
            }
        }
    }

    private Task CopyBlobsOfTailAsync(VerifiedTiles tiles, long size, CancellationToken cancellationToken)
    {
        int width = (int)(size % TileCoordinate.FullWidth);
        if (width == 0) return Task.CompletedTask;
        TileCoordinate tail = new(TileCoordinate.EntriesLevel, size / TileCoordinate.FullWidth, width);
        return CopyBlobsAsync(tiles.Read(tail), width, cancellationToken);
    }

    /// <summary>Blobs that these entries name. A ledger without any has no directory for them, and nothing is decoded then.</summary>
    private async Task CopyBlobsAsync(ReadOnlyMemory<byte> bundle, int width, CancellationToken cancellationToken)
    {
        if (!ledger.MayHaveBlobs) return;
        Range[] entries = new Range[width];
        EntryBundle.TrySplit(bundle.Span, width, entries);
        foreach (Range range in entries)
        {
            // the tree vouches for it as it is; verifiers tell
            if (EntryCodec.Decode(bundle[range], out Entry entry) != EntryFault.None) continue;
            foreach (FieldValue value in entry.Fields.SelectMany(field => (FieldValue[])[field.Before, field.After])
                .Where(value => value.Kind == ValueKind.Blob))
                await CopyBlobAsync(value, cancellationToken);
        }
    }

    private async Task CopyBlobAsync(FieldValue value, CancellationToken cancellationToken)
    {
        string path = LedgerFiles.Blob(value.Bytes.Span);
        if (_blobs.Contains(path)) return;
        string file = Path.Combine(ledger.LedgerDirectory, path);
        await using (Stream check = Open(path))
        {
            byte[] found = await SHA256.HashDataAsync(check, cancellationToken);
            if (!found.AsSpan().SequenceEqual(value.Bytes.Span))
            {
                throw new LedgerCorruptException(
                    file, 0, $"expected content whose SHA-256 is its name, found {Convert.ToHexStringLower(found)}");
            }
        }
        await using Stream content = Open(path);
        await store.PutLargeAsync(path, content, content.Length, cancellationToken);
        if (_blobs.Count == BlobsRememberedMax) _blobs.Clear();    // those of a bundle that grows are met again
        _blobs.Add(path);
    }

    /// <summary>Handovers and time stamps: few, kept for ever, and there may be new ones for old heads.</summary>
    private async Task CopyKeptAsync(CancellationToken cancellationToken)
    {
        foreach (string name in KeptDirectories)
        {
            string directory = Path.Combine(ledger.LedgerDirectory, name);
            if (!Directory.Exists(directory)) continue;
            foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
            {
                string path = Path.GetRelativePath(ledger.LedgerDirectory, file);
                if (file.EndsWith(DurableFile.Unfinished, StringComparison.Ordinal) || !_kept.Add(path)) continue;
                Add(new StoreFile(path, DurableFile.ReadAll(file, SignedNote.LengthMax), IsPassing: false));
                if (_chunk.Count >= ChunkFilesMax) await FlushAsync(cancellationToken);
            }
        }
    }

    /// <summary>The head that witnesses signed, if it is one the copy holds.</summary>
    private async Task CopyCosignedAsync(CancellationToken cancellationToken)
    {
        byte[]? bytes = DurableFile.TryReadAll(Path.Combine(ledger.LedgerDirectory, LedgerFiles.Cosigned), SignedNote.LengthMax);
        if (bytes is null || bytes.AsSpan().SequenceEqual(_cosigned)) return;
        if (!Checkpoint.Parse(bytes, out _, out Checkpoint? cosigned).IsNone || cosigned!.Size > Progress.Size) return;
        await store.ReplaceAsync(LedgerFiles.Cosigned, bytes, cancellationToken);
        _cosigned = bytes;
    }

    private void Add(TileCoordinate place, ReadOnlyMemory<byte> content) => Add(new StoreFile(place.Path, content, !place.IsFull));

    private void Add(StoreFile file)
    {
        _chunk.Add(file);
        _chunkLength += file.Content.Length;
    }

    private async Task FlushAsync(CancellationToken cancellationToken)
    {
        if (_chunk.Count == 0) return;
        await store.PutAsync(_chunk, cancellationToken);
        _chunk.Clear();
        _chunkLength = 0;
    }

    /// <summary>What a round that failed left: how much of it was stored is found out by storing it again.</summary>
    private void Forget()
    {
        if (_chunk.Count == 0) return;
        _chunk.Clear();
        _chunkLength = 0;
        _kept.Clear();
    }

    /// <summary>Size of the copy's head, once it is known to be a head of this ledger.</summary>
    private long RequireContained(ReadOnlyMemory<byte> bytes)
    {
        var fault = Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? head);
        if (!fault.IsNone) throw new CopyDamagedException($"{store.Place}: expected the copy's checkpoint to be one: {fault}");
        if (head!.Origin != _keys.Newest.Name || !_keys.Check(note!, head).IsNone)
        {
            string signers = string.Join(", ", note!.Signatures.Select(line => line.Name));
            throw new CopyDamagedException(
                $"{store.Place}: expected a copy of {_keys.Newest.Name} signed by {_keys}, found {head.Origin}, signed by {signers}. "
                    + "Nothing was written: name another place");
        }
        long published = ledger.ReadCheckpoint().Size;
        if (head.Size > published)
        {
            throw new CopyContradictsException(
                $"the ledger was rolled back, or another process writes under its name: {store.Place} holds {head.Size} entries "
                    + $"with root {head.Root}, signed with this ledger's key; {ledger.LedgerDirectory} has published {published}. "
                    + "Put back the newer ledger, or restore it from that copy. "
                    + "Going on would make a second history under one name");
        }
        Hash root = Tree.Root(head.Size, new TileNodes(published, ledger.ReadTile).Read);
        if (root == head.Root) return head.Size;
        throw new CopyContradictsException(
            $"two histories under one name: {store.Place} holds root {head.Root} at size {head.Size}, signed with this ledger's key; "
            + $"{ledger.LedgerDirectory} has root {root} there. Keep both as evidence; `indelible verify --older` shows it");
    }

    /// <summary>Size of a head signed with the ledger's key; null for anything else.</summary>
    private long? SizeOf(ReadOnlyMemory<byte> bytes) =>
        Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? head).IsNone
            && head!.Origin == _keys.Newest.Name && _keys.Check(note!, head).IsNone
            ? head.Size
            : null;

    /// <summary>Another process that writes under this ledger's name with its key is no stranger:
    /// one of the two must stop, and it is the later one.</summary>
    private void RequireNoRival(ReadOnlyMemory<byte> other)
    {
        if (SizeOf(other) is not null) RequireContained(other);
    }

    private void RequireSigned(SignedNote note, Checkpoint head)
    {
        var fault = _keys.Check(note, head);
        if (!fault.IsNone)
        {
            throw new LedgerCorruptException(
                Path.Combine(ledger.LedgerDirectory, LedgerFiles.Checkpoint), 0, $"expected a checkpoint signed by {_keys}: {fault}");
        }
    }

    /// <summary>How far full tiles were copied beyond the head before the process ended, if they are still there.</summary>
    private async Task<long> StillCopiedAsync(CancellationToken cancellationToken)
    {
        long last = (Progress.Copied / TileCoordinate.FullWidth) - 1;
        if (last < 0 || Progress.Copied > ledger.ReadCheckpoint().Size) return 0;
        TileCoordinate bundle = new(TileCoordinate.EntriesLevel, last, TileCoordinate.FullWidth);
        return await store.HasAsync(bundle.Path, cancellationToken)
            && await store.HasAsync((bundle with { Level = 0 }).Path, cancellationToken) ? Progress.Copied : 0;
    }

    private Stream Open(string path) => ledger.TryOpen(path)
        ?? throw new LedgerCorruptException(
            Path.Combine(ledger.LedgerDirectory, path), 0, "expected a blob that an entry names, found no file");
}

/// <summary>How far a copy is.</summary>
/// <param name="Size">Entries under its head: everything they need is stored.</param>
/// <param name="Copied">Entries up to which full bundles and leaf tiles are stored already;
/// not below <paramref name="Size"/> once the copy was opened.</param>
public readonly record struct CopyProgress(long Size, long Copied);
