using System.Globalization;
using System.Text;

namespace Indelible.Format.Merkle;

/// <summary>Names one immutable file of the tree: a tile of hashes or a bundle of entries. c2sp.org/tlog-tiles.</summary>
/// <param name="Level">0 for leaf hashes, up to <see cref="LevelMax"/>; <see cref="EntriesLevel"/> for an entry bundle.</param>
/// <param name="Index">0-based among the tiles of the level.</param>
/// <param name="Width">Hashes or entries in it: 1 to 256; below 256 it is a partial one.</param>
public readonly record struct TileCoordinate(int Level, long Index, int Width)
{
    /// <summary>Levels of the tree that one tile spans.</summary>
    public const int Height = 8;
    /// <summary>Hashes in a full tile, entries in a full bundle.</summary>
    public const int FullWidth = 1 << Height;
    /// <summary>Stands for the entry bundles.</summary>
    public const int EntriesLevel = -1;
    /// <summary>The highest level a path may name.</summary>
    public const int LevelMax = 63;
    /// <summary>The highest index a path may name: six groups of three digits.</summary>
    public const long IndexMax = 999_999_999_999_999_999;
    /// <summary>The longest path that is read, in characters.</summary>
    public const int PathLengthMax = 64;

    private const int GroupLength = 3;

    /// <summary>True for 256 hashes or entries.</summary>
    public bool IsFull => Width == FullWidth;

    /// <summary>True for a bundle of entries.</summary>
    public bool IsEntries => Level == EntriesLevel;

    /// <summary>The same place, full.</summary>
    public TileCoordinate Full => this with { Width = FullWidth };

    /// <summary>Hashes or entries a level has in all, for a tree of this size: one hash per 256^level complete leaves.</summary>
    public static long CountAt(int level, long treeSize) => level <= 0 ? treeSize : level * Height > 62 ? 0 : treeSize >> (level * Height);

    /// <summary>Width of the tile at this place for a tree of this size; 0 if there is none.</summary>
    public static int WidthAt(int level, long index, long treeSize)
    {
        long count = CountAt(level, treeSize), before = checked(index * FullWidth);
        return (int)Math.Clamp(count - before, 0, FullWidth);
    }

    /// <summary>The tile or bundle of a tree of this size that holds number <paramref name="position"/> of a level.</summary>
    public static TileCoordinate Holding(int level, long position, long treeSize)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(position);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(position, CountAt(level, treeSize));
        long index = position / FullWidth;
        return new TileCoordinate(level, index, WidthAt(level, index, treeSize));
    }

    /// <summary>The partial tiles and the partial bundle that a tree of this size ends in: at most one a level.</summary>
    public static IEnumerable<TileCoordinate> Partials(long treeSize)
    {
        int entries = (int)(treeSize % FullWidth);
        if (entries > 0) yield return new TileCoordinate(EntriesLevel, treeSize / FullWidth, entries);
        for (int level = 0; CountAt(level, treeSize) > 0; level++)
        {
            long count = CountAt(level, treeSize);
            if (count % FullWidth > 0) yield return new TileCoordinate(level, count / FullWidth, (int)(count % FullWidth));
        }
    }

    /// <summary>Path below the ledger directory, such as <c>tile/0/x001/x234/067.p/89</c>.</summary>
    public string Path
    {
        get
        {
            var path = new StringBuilder("tile/");
            path.Append(IsEntries ? "entries" : Level.ToString(CultureInfo.InvariantCulture)).Append('/');
            string digits = Index.ToString(CultureInfo.InvariantCulture);
            digits = digits.PadLeft((digits.Length + GroupLength - 1) / GroupLength * GroupLength, '0');
            for (int i = 0; i < digits.Length - GroupLength; i += GroupLength) path.Append('x').Append(digits, i, GroupLength).Append('/');
            path.Append(digits, digits.Length - GroupLength, GroupLength);
            if (!IsFull) path.Append(CultureInfo.InvariantCulture, $".p/{Width}");
            return path.ToString();
        }
    }

    /// <summary>The path.</summary>
    public override string ToString() => Path;

    /// <summary>Reads a path; only the one spelling that <see cref="Path"/> gives is a path. False if it is none.</summary>
    public static bool TryParse(string path, out TileCoordinate coordinate)
    {
        coordinate = default;
        if (path.Length > PathLengthMax || !path.StartsWith("tile/", StringComparison.Ordinal)) return false;
        string[] parts = path.Split('/');
        if (parts.Length < 3 || !TryParseLevel(parts[1], out int level)) return false;

        int last = parts.Length - 1, width = FullWidth;
        if (parts[last - 1].EndsWith(".p", StringComparison.Ordinal))
        {
            if (!TryParseNumber(parts[last], 3, out long partial) || partial is < 1 or >= FullWidth) return false;
            width = (int)partial;
            last--;
            parts[last] = parts[last][..^2];
        }
        if (last < 2 || !TryParseIndex(parts.AsSpan(2, last - 1), out long index)) return false;
        coordinate = new TileCoordinate(level, index, width);
        return coordinate.Path == path;
    }

    private static bool TryParseLevel(string text, out int level)
    {
        level = EntriesLevel;
        if (text == "entries") return true;
        bool isNumber = TryParseNumber(text, 2, out long number);
        level = (int)number;
        return isNumber && level <= LevelMax;
    }

    private static bool TryParseIndex(ReadOnlySpan<string> groups, out long index)
    {
        index = 0;
        if (groups.Length is 0 or > 6) return false;
        for (int i = 0; i < groups.Length; i++)
        {
            bool isLast = i == groups.Length - 1;
            string group = groups[i];
            if (group.Length != (isLast ? GroupLength : GroupLength + 1) || (!isLast && group[0] != 'x')) return false;
            if (!TryParseNumber(group.AsSpan(isLast ? 0 : 1), GroupLength, out long number)) return false;
            index = (index * 1000) + number;
        }
        return true;
    }

    private static bool TryParseNumber(ReadOnlySpan<char> text, int lengthMax, out long number)
    {
        number = 0;
        return text.Length > 0 && text.Length <= lengthMax
            && long.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
