using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Stores;

/// <summary>Where an object has several versions, finds the one that the signed root asks for:
/// from the root down, each tile by the hash in the tile above it,
/// each bundle by its tile. Where there is one version it is taken as it is; a verifier checks it.</summary>
/// <param name="head">The head that is read.</param>
/// <param name="versions">What the versions of a tile or bundle hold, the oldest first, each only once; empty if there is none.</param>
internal sealed class MatchingVersions(Checkpoint head, Func<TileCoordinate, IReadOnlyList<ReadOnlyMemory<byte>>> versions)
{
    private const int TriesMax = 4096;

    private readonly Dictionary<int, (long Index, ReadOnlyMemory<byte> Bytes)> _last = [];
    private Dictionary<int, ReadOnlyMemory<byte>>? _edge;

    /// <summary>The bytes; the oldest version's if none matches; null if there is no version.</summary>
    public ReadOnlyMemory<byte>? Choose(TileCoordinate place)
    {
        IReadOnlyList<ReadOnlyMemory<byte>> candidates = versions(place);
        if (candidates.Count == 0) return null;
        if (candidates.Count == 1 || TileCoordinate.WidthAt(place.Level, place.Index, head.Size) < place.Width) return candidates[0];
        if (place.IsEntries) return Matching(candidates, bytes => IsBundle(place, bytes.Span, Tile(place with { Level = 0 })));
        return place.IsFull || !IsOfEdge(place) ? Full(place, candidates) : Edge().GetValueOrDefault(place.Level, candidates[0]);
    }

    private ReadOnlyMemory<byte> Full(TileCoordinate place, IReadOnlyList<ReadOnlyMemory<byte>> candidates)
    {
        if (!place.IsFull) return candidates[0];
        ReadOnlyMemory<byte> above = Tile(TileCoordinate.Holding(place.Level + 1, place.Index, head.Size));
        int at = (int)(place.Index % TileCoordinate.FullWidth) * Hash.Size;
        if (above.Length < at + Hash.Size) return candidates[0];
        Hash expected = Hash.Read(above.Span.Slice(at, Hash.Size));
        return Matching(
            candidates, bytes => bytes.Length == TileCoordinate.FullWidth * Hash.Size && Tree.Root(Hash.View(bytes.Span)) == expected);
    }

    private bool IsOfEdge(TileCoordinate place) => TileCoordinate.WidthAt(place.Level, place.Index, head.Size) == place.Width;

    private ReadOnlyMemory<byte> Tile(TileCoordinate place)
    {
        if (!place.IsFull && IsOfEdge(place)) return Edge().GetValueOrDefault(place.Level);
        if (_last.TryGetValue(place.Level, out var known) && known.Index == place.Index) return known.Bytes;
        ReadOnlyMemory<byte> bytes = Choose(place) ?? default;
        _last[place.Level] = (place.Index, bytes);
        return bytes;
    }

    /// <summary>The partial tiles of the right edge: the versions of all of them that lead to the signed root together.</summary>
    private Dictionary<int, ReadOnlyMemory<byte>> Edge()
    {
        if (_edge is not null) return _edge;
        (TileCoordinate Place, IReadOnlyList<ReadOnlyMemory<byte>> Versions)[] levels =
            [.. TileCoordinate.Partials(head.Size).Where(place => !place.IsEntries).Select(place => (place, WellFormed(place)))];
        int tries = 0;
        Dictionary<int, ReadOnlyMemory<byte>> chosen = [];
        return _edge = Search(0)
            ? chosen
            : levels.Where(level => level.Versions.Count > 0).ToDictionary(level => level.Place.Level, level => level.Versions[0]);

        bool Search(int level)
        {
            if (level == levels.Length)
                return Tree.Root(head.Size, new TileNodes(head.Size, place => chosen[place.Level]).Read) == head.Root;
            foreach (ReadOnlyMemory<byte> version in levels[level].Versions.TakeWhile(_ => tries++ < TriesMax))
            {
                chosen[levels[level].Place.Level] = version;
                if (Search(level + 1)) return true;
            }
            return false;
        }
    }

    /// <summary>Versions of a partial tile; where it is gone, of the full one, cut.</summary>
    private IReadOnlyList<ReadOnlyMemory<byte>> WellFormed(TileCoordinate place)
    {
        int length = place.Width * Hash.Size;
        ReadOnlyMemory<byte>[] partial = [.. versions(place).Where(bytes => bytes.Length == length)];
        if (partial.Length > 0) return partial;
        return [.. versions(place.Full)
            .Where(bytes => bytes.Length == TileCoordinate.FullWidth * Hash.Size)
            .Select(bytes => bytes[..length])];
    }

    private static ReadOnlyMemory<byte> Matching(IReadOnlyList<ReadOnlyMemory<byte>> candidates, Func<ReadOnlyMemory<byte>, bool> matches)
    {
        foreach (ReadOnlyMemory<byte> candidate in candidates)
        {
            if (matches(candidate)) return candidate;
        }
        return candidates[0];
    }

    private static bool IsBundle(TileCoordinate place, ReadOnlySpan<byte> bundle, ReadOnlyMemory<byte> tile)
    {
        Span<Range> entries = stackalloc Range[TileCoordinate.FullWidth];
        if (tile.Length < place.Width * Hash.Size || !EntryBundle.TrySplit(bundle, place.Width, entries)) return false;
        ReadOnlySpan<Hash> leaves = Hash.View(tile.Span);
        for (int i = 0; i < place.Width; i++)
        {
            if (Tree.Leaf(bundle[entries[i]]) != leaves[i]) return false;
        }
        return true;
    }
}
