using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>The sealer's mirror image: published head, right edge, journal beyond it, guard.
/// Reads only; every contradiction is an exception.</summary>
internal sealed class RecoveredLedger
{
    private readonly LedgerPaths _paths;
    private readonly LedgerKeys _keys;
    private readonly string _origin;
    private readonly LedgerReader _reader;
    private readonly Dictionary<string, SourceMark> _marks = new(StringComparer.Ordinal);
    private readonly List<SealedGroup> _unpublished = [];
    private long _sealedSize = -1;

    private RecoveredLedger(LedgerPaths paths, LedgerKeys keys)
    {
        (_paths, _keys, _origin) = (paths, keys, keys.Signer.VerifierKey.Name);
        _reader = LedgerReader.Of(paths);
        Published = ReadPublished();
        Edge = RightEdge.Load(_reader, Published.Size);
        Tree = new SealingTree(Published.Size, Edge.Frontier());
        Unfinished.UnionWith(TileCoordinate.Partials(Published.Size).Select(place => place.Full));
        Replay = new JournalReplay(paths.Journal, _origin, keys.JournalHmacKey);
    }

    /// <summary>The published head; its signature holds.</summary>
    public Checkpoint Published { get; }
    /// <summary>Right edge of the published tree.</summary>
    public RightEdge Edge { get; }
    /// <summary>The sealed tree.</summary>
    public SealingTree Tree { get; }
    /// <summary>The journal, read to its end.</summary>
    public JournalReplay Replay { get; }
    /// <summary>What was sealed beyond the published head.</summary>
    public IReadOnlyList<SealedGroup> Unpublished => _unpublished;
    /// <summary>How far each source is sealed.</summary>
    public IReadOnlyDictionary<string, SourceMark> Marks => _marks;
    /// <summary>Tiles and bundles that were partial at a size the journal knows, full ones and not.</summary>
    public HashSet<TileCoordinate> Unfinished { get; } = [];
    /// <summary>There was no journal.</summary>
    public bool JournalLost => Replay.Paths.Count == 0;

    /// <summary>Reads everything and checks that it fits together.</summary>
    public static RecoveredLedger Run(LedgerPaths paths, LedgerKeys keys, LedgerOptions options)
    {
        var recovery = new RecoveredLedger(paths, keys);
        recovery.RequireRoot();
        GuardedHead? guard = keys.Guard.Read(recovery._origin);
        if (guard is null && !options.AcceptMissingGuard) throw recovery.MissingGuard();
        recovery.ReplayJournal(guard);
        if (guard is { } head && head.Size <= recovery.Published.Size) recovery.RequireContains(head);
        if (recovery.JournalLost)
            foreach (SourceMark mark in recovery._reader.RecoverMarks()) recovery._marks[mark.Source] = mark;
        recovery._reader.Stored?.Dispose();     // it read for the last time
        return recovery;
    }

    private Checkpoint ReadPublished()
    {
        string path = _paths.HeadPath;
        (SignedNote note, Checkpoint checkpoint) = _reader.ReadSignedCheckpoint();
        if (checkpoint.Origin != _origin)
            throw new LedgerCorruptException(path, 0, $"expected origin '{_origin}' as in the keyring, found '{checkpoint.Origin}'");
        // The head may be the last one of the key before, if the process died as it handed over.
        TextFault fault = note.Verify([.. _reader.ReadKeys(_keys.Signer.VerifierKey).At(checkpoint.Size)], out _);
        return fault.IsNone
            ? checkpoint
            : throw new LedgerCorruptException(path, 0, $"expected a checkpoint signed by the keyring's key: {fault}");
    }

    private void RequireRoot()
    {
        if (Tree.Range.Root == Published.Root) return;
        throw new LedgerCorruptException(Path.Combine(_paths.Ledger, "tile"), 0,
            $"expected root {Published.Root} at size {Published.Size} as the checkpoint says, "
                + $"found {Tree.Range.Root} from the tiles at the right edge");
    }

    private void ReplayJournal(GuardedHead? guard)
    {
        bool guardMet = guard is not { } wanted || wanted.Size <= Published.Size;
        foreach ((JournalRecord record, string path, long offset) in Replay.Read())
        {
            foreach (SourceMark mark in record.Marks) _marks[mark.Source] = mark;
            if (record is JournalRecord.State state) RequireState(state, path);
            else Apply((JournalRecord.Group)record, path, offset);
            guardMet |= record.Head == guard;
            Unfinished.UnionWith(TileCoordinate.Partials(record.Head.Size).Select(place => place.Full));
        }
        if (!JournalLost && _sealedSize < Published.Size)
        {
            throw new LedgerCorruptException(
                Replay.Paths[^1], 0, $"expected a journal up to the published size {Published.Size}, found one up to {_sealedSize}");
        }
        if (!guardMet) throw RolledBack(guard!.Value);
    }

    private void RequireState(JournalRecord.State state, string path)
    {
        if (_sealedSize < 0 ? state.Head.Size > Published.Size : state.Head.Size != _sealedSize)
        {
            throw new LedgerCorruptException(path, 0,
                $"expected a segment that begins at {Math.Max(_sealedSize, Published.Size)} entries or before, found {state.Head.Size}");
        }
        _sealedSize = state.Head.Size;
        RequireHead(state.Head, path, 0);
    }

    private void Apply(JournalRecord.Group group, string path, long offset)
    {
        if (group.FirstIndex != _sealedSize)
        {
            throw new LedgerCorruptException(
                path, offset, $"expected a record that begins at entry {_sealedSize}, found {group.FirstIndex}");
        }
        _sealedSize = group.Head.Size;
        if (group.Head.Size > Published.Size)
        {
            if (group.FirstIndex < Published.Size)
            {
                throw new LedgerCorruptException(
                    path, offset, $"expected a record that ends at the published size {Published.Size}, found one across it");
            }
            RequireBlobs(group, path, offset);
            _unpublished.Add(Tree.Append([group.Entries]));
        }
        RequireHead(group.Head, path, offset);
    }

    private void RequireHead(GuardedHead head, string path, long offset)
    {
        if (head.Size != Tree.Range.Size || head.Root == Tree.Range.Root) return;
        throw new LedgerCorruptException(
            path, offset, $"expected root {Tree.Range.Root} at size {head.Size} as its entries give, found {head.Root}");
    }

    private void RequireBlobs(JournalRecord.Group group, string path, long offset)
    {
        foreach ((Hash sha256, long length) in group.Blobs)
        {
            int found = _reader.ReadBlob(sha256.Bytes).Length;
            if (found != length) throw new LedgerCorruptException(path, offset, $"expected a blob of {length} bytes, found {found}");
        }
    }

    private void RequireContains(GuardedHead guard)
    {
        var nodes = new TileNodes(Published.Size, _reader.ReadTile);
        Hash found = Format.Merkle.Tree.Root(guard.Size, nodes.Read);
        if (found != guard.Root)
        {
            throw new LedgerCorruptException(_paths.HeadPath, 0,
                $"expected the tree to contain root {guard.Root} at size {guard.Size}, "
                    + $"which this key published (guard {_keys.Guard.FilePath}), found root {found}");
        }
    }

    private IndelibleException RolledBack(GuardedHead guard) => new(ExitCode.Finding,
        $"the ledger was rolled back: expected at least {guard.Size} entries with root {guard.Root}, which this key published "
        + $"(guard {_keys.Guard.FilePath}), found {Tree.Range.Size} in {_paths.Ledger} and {_paths.Journal}. "
        + "Put back the newer ledger and journal, or restore them from a copy. "
        + "Going on here would make a second history under one name, so nothing was changed. "
        + "If the newer one is lost for good, keep this directory as it is, for what it still proves, "
        + "and begin a new ledger under another origin: "
        + "indelible init --origin NEW-NAME --ledger NEW-DIR, then protect again");

    private IndelibleException MissingGuard() => new(ExitCode.Finding,
        $"expected the guard that remembers the highest published head, found no file {_keys.Guard.FilePath}. Put it back. "
        + "If it is lost, as after a restore of the keyring, this ledger may be an older copy and nothing here can tell: "
        + $"compare its checkpoint (size {Published.Size}, root {Published.Root}) with one kept elsewhere, "
        + "then run `indelible keys accept-head`");
}
