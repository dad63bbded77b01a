using Indelible.Format.Merkle;
using Indelible.Format.Sealing;

namespace Indelible.Format.Verification;

/// <summary>Rebuilds the tree from leaf hashes and compares every tile on the way.
/// One verification owns it; memory does not grow with the ledger.</summary>
internal sealed class TreeCheck
{
    private readonly long _treeSize;
    private readonly LedgerFiles _files;
    private readonly Findings _findings;
    private readonly TreeRange _range;
    private readonly List<OpenTile> _open = [];
    private readonly Queue<Milestone> _milestones;
    private readonly LaneHasher _hasher = new(Sha2Lanes.IsSupported);

    // What the leaf tiles say, from the first difference on: it tells whether entries or tiles were changed.
    private TreeRange? _asTilesSay;

    /// <param name="treeSize">Size the checkpoint states.</param>
    /// <param name="files">Where the tiles are.</param>
    /// <param name="findings">Where differences go.</param>
    /// <param name="milestones">Roots that must come out at smaller sizes; those below the first entry are left out.</param>
    /// <param name="first">Entry to begin with, a multiple of 256.
    /// What is above those before it is taken from the tiles: a milestone must vouch for it.</param>
    public TreeCheck(long treeSize, LedgerFiles files, Findings findings, IEnumerable<Milestone> milestones, long first = 0)
    {
        _treeSize = treeSize;
        _files = files;
        _findings = findings;
        _range = new TreeRange(Collect);
        First = Start(first);
        _milestones = new Queue<Milestone>(milestones.Where(milestone => milestone.Size >= First).OrderBy(milestone => milestone.Size));
        PassMilestones([]);
    }

    /// <summary>The entry that the first leaf must be the hash of: as asked for, or 0 if a tile was missing for that,
    /// which is reported.</summary>
    public long First { get; }

    /// <summary>Tiles compared so far.</summary>
    public long Tiles { get; private set; }

    /// <summary>Takes the leaf hashes of the next bundle: 256, or what the last one has.</summary>
    /// <param name="leaves">The hashes.</param>
    /// <param name="root">Their root; of no meaning unless there are 256.</param>
    /// <param name="asTileSays">True if the leaf tile was found to say the same.
    /// Otherwise it is read here, and what is wrong with it is found.</param>
    public void Add(ReadOnlySpan<Hash> leaves, in Hash root, bool asTileSays)
    {
        if (asTileSays) Tiles++;
        else CompareLeafTile(_range.Size / TileCoordinate.FullWidth, leaves);
        if (asTileSays && _asTilesSay is not null) Append(_asTilesSay, leaves, root);
        PassMilestones(leaves);
        Append(_range, leaves, root);
    }

    /// <summary>Reports a bundle that cannot be cut into its entries; the leaf tile tells from which entry on it is
    /// not what was sealed.</summary>
    /// <param name="place">Where the bundle is.</param>
    /// <param name="found">Where the file was found: the same, or the full one.</param>
    /// <param name="length">The file's, in bytes.</param>
    /// <param name="leaves">Hashes of the entries before the first that is cut off.</param>
    public void Misshapen(TileCoordinate place, TileCoordinate found, int length, ReadOnlySpan<Hash> leaves)
    {
        ReadOnlySpan<Hash> tile = ReadTile(place with { Level = 0 }, out _);
        int same = leaves.CommonPrefixLength(tile);
        long entry = tile.IsEmpty || same == place.Width ? -1 : _range.Size + same;
        string before = entry > _range.Size ? $"; entries {_range.Size} to {entry - 1} are as they were sealed" : "";
        _findings.Fault(Rules.Shape, found.Path, entry,
            $"expected exactly {found.Width} entries, each after its length, found {length} bytes that are not{before}");
    }

    /// <summary>After the last bundle: compares the tiles that are not full, and the root.</summary>
    public void Finish(Hash root)
    {
        for (int level = 1; level < _open.Count; level++)
            if (_open[level].Count > 0) CompareTile(level);
        if (_range.Root == root)
        {
            if (_asTilesSay is not null)
            {
                _findings.Fault(Rules.Root, "",
                    "the entries lead to the root the checkpoint states: the tiles were changed, not the entries");
            }
            return;
        }
        string culprit = _asTilesSay?.Root == root
            ? "; the leaf tiles lead to it: the entries named above were changed after they were sealed"
            : "";
        _findings.Fault(Rules.Root, "checkpoint",
            $"expected the root {root} for tree size {_treeSize}, found that the entries lead to {_range.Root}{culprit}");
    }

    /// <summary>Takes the hashes above all entries before this one out of the tiles that are not yet complete there,
    /// largest subtrees first.</summary>
    private long Start(long first)
    {
        var subtrees = new Stack<(int Level, Hash[] Hashes)>();
        for (int level = 1; TileCoordinate.CountAt(level, first) is > 0 and var count; level++)
        {
            if (count % TileCoordinate.FullWidth == 0) continue;
            ReadOnlySpan<Hash> tile = ReadTile(TileCoordinate.Holding(level, count - 1, _treeSize), out _);
            if (tile.IsEmpty) return 0;
            subtrees.Push((level, tile[..(int)(count % TileCoordinate.FullWidth)].ToArray()));
        }
        foreach ((int level, Hash[] hashes) in subtrees)
            foreach (Hash hash in hashes) _range.Append(hash, level * TileCoordinate.Height);
        return first;
    }

    private static void Append(TreeRange range, ReadOnlySpan<Hash> leaves, in Hash root)
    {
        if (leaves.Length == TileCoordinate.FullWidth) range.Append(root, TileCoordinate.Height);
        else foreach (ref readonly Hash leaf in leaves) range.Append(leaf);
    }

    private void CompareLeafTile(long index, ReadOnlySpan<Hash> leaves)
    {
        var coordinate = new TileCoordinate(0, index, leaves.Length);
        ReadOnlySpan<Hash> tile = ReadTile(coordinate, out string path);
        bool differs = !tile.IsEmpty && !tile.SequenceEqual(leaves);
        if (differs && _asTilesSay is null) _asTilesSay = new TreeRange(_range.Size, _range.Frontier());
        if (_asTilesSay is not null)
        {
            ReadOnlySpan<Hash> said = tile.IsEmpty ? leaves : tile;
            Append(_asTilesSay, said, said.Length == TileCoordinate.FullWidth ? _hasher.Root256(said) : default);
        }
        if (!differs) return;
        for (int i = 0; i < leaves.Length; i++)
            if (tile[i] != leaves[i])
            {
                TileCoordinate bundle = coordinate with { Level = TileCoordinate.EntriesLevel };
                _findings.Fault(Rules.EntryHash, path, _range.Size + i,
                    $"the entry in {bundle} hashes to {leaves[i]}, the tile says {tile[i]}");
            }
    }

    /// <summary>Hashes of a tile's place, cut to its width; empty if it is missing or misshapen, which is then reported.</summary>
    private ReadOnlySpan<Hash> ReadTile(TileCoordinate coordinate, out string path)
    {
        ReadOnlyMemory<byte>? bytes = _files.Read(coordinate, out TileCoordinate found);
        path = found.Path;
        Tiles++;
        if (bytes is null)
        {
            _findings.Fault(Rules.Missing, coordinate.Path, "expected this tile, found no file");
            return default;
        }
        if (bytes.Value.Length == found.Width * Hash.Size) return Hash.View(bytes.Value.Span)[..coordinate.Width];
        _findings.Fault(Rules.Shape, path, $"expected {found.Width * Hash.Size} bytes, found {bytes.Value.Length}");
        return default;
    }

    private void Collect(int level, long index, in Hash hash)
    {
        if (level == 0) return;
        while (_open.Count <= level) _open.Add(new OpenTile());
        OpenTile tile = _open[level];
        tile.Index = index / TileCoordinate.FullWidth;
        tile.Hashes[tile.Count++] = hash;
        if (tile.Count < TileCoordinate.FullWidth) return;
        CompareTile(level);
        tile.Count = 0;
    }

    private void CompareTile(int level)
    {
        OpenTile tile = _open[level];
        ReadOnlySpan<Hash> expected = tile.Hashes.AsSpan(0, tile.Count);
        ReadOnlySpan<Hash> found = ReadTile(new TileCoordinate(level, tile.Index, tile.Count), out string path);
        if (found.IsEmpty || found.SequenceEqual(expected)) return;
        for (int i = 0; i < expected.Length; i++)
        {
            if (found[i] == expected[i]) continue;
            long subtree = (tile.Index * TileCoordinate.FullWidth) + i;
            long first = subtree << (level * TileCoordinate.Height), last = ((subtree + 1) << (level * TileCoordinate.Height)) - 1;
            _findings.Fault(Rules.TileHash, path, $"hash {i}: entries {first} to {last} lead to {expected[i]}, the tile says {found[i]}");
        }
    }

    /// <summary>Compares the roots of sizes that the next leaves reach or pass.</summary>
    private void PassMilestones(ReadOnlySpan<Hash> leaves)
    {
        while (_milestones.TryPeek(out Milestone? milestone) && milestone.Size <= _range.Size + leaves.Length)
        {
            _milestones.Dequeue();
            var range = new TreeRange(_range.Size, _range.Frontier());
            foreach (ref readonly Hash leaf in leaves[..(int)(milestone.Size - _range.Size)]) range.Append(leaf);
            if (range.Root != milestone.Root)
            {
                _findings.Fault(Rules.Consistency, milestone.File,
                    $"{milestone.What} states root {milestone.Root} for tree size {milestone.Size}, "
                        + $"this ledger's first {milestone.Size} entries lead to {range.Root}: history was rewritten");
            }
        }
    }

    private sealed class OpenTile
    {
        public readonly Hash[] Hashes = new Hash[TileCoordinate.FullWidth];
        public long Index;
        public int Count;
    }
}

/// <summary>A root that must come out at a size: an older checkpoint.</summary>
/// <param name="Size">Tree size, at most that of the ledger.</param>
/// <param name="Root">The root.</param>
/// <param name="File">Path in the ledger; empty if it came from elsewhere.</param>
/// <param name="What">Words for it.</param>
internal sealed record Milestone(long Size, Hash Root, string File, string What)
{
    /// <summary>True for the checkpoint that the caller gave.</summary>
    public bool IsGiven => File.Length == 0;
}
