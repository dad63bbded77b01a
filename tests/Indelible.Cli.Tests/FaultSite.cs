using System.Globalization;
using System.Text.RegularExpressions;
using Indelible.Ledger;

namespace Indelible.Cli.Tests;

/// <summary>A system call of the sealer on one kind of file.</summary>
/// <param name="Call">The call, as strace names it.</param>
/// <param name="Pattern">The file below the command's directory; <c>{…}</c> is a number, see <see cref="Paths"/>.</param>
/// <param name="When">When it happens.</param>
internal sealed partial record FaultSite(string Call, string Pattern, FaultSite.Occasion When)
{
    /// <summary>When a call happens.</summary>
    internal enum Occasion
    {
        /// <summary>Again and again.</summary>
        Often,
        /// <summary>When the process starts, or now and then.</summary>
        Seldom,
        /// <summary>Once in the life of a ledger.</summary>
        Once,
    }

    /// <summary>Every call that changes something in <c>ledger/</c>, <c>journal/</c> or <c>keyring/</c> while <c>run</c> works.</summary>
    public static IReadOnlyList<FaultSite> All { get; } =
    [
        .. Sites("journal/{segment}.journal", ["write", "fdatasync"], ["openat", "unlink"]),
        .. Sites("journal", [], ["fsync"]),
        .. Sites("journal/writer.pid.new", [], ["openat", "write", "fsync", "rename"]),
        .. Sites("keyring/guard.new", ["openat", "write", "fsync", "rename", "unlink"], []),
        .. Sites("keyring", ["fsync"], []),
        .. Sites("keyring/subjects/{log}.log", ["write", "fdatasync"], ["openat", "unlink"]),
        .. Sites("keyring/subjects/MANIFEST-{log}", [], ["openat", "write", "fdatasync", "unlink"]),
        .. Sites("keyring/subjects/{log}.dbtmp", [], ["openat", "write", "fdatasync", "rename"]),
        .. Sites("keyring/subjects/{log}.sst", [], ["openat", "write", "fdatasync"]),
        .. Sites("keyring/subjects", [], ["fsync"]),
        .. Sites("ledger/.tmp/tile{count}", ["openat", "write", "fsync", "link", "unlink"], []),
        .. Sites("ledger/.tmp/blob{count}", ["openat", "write", "fsync", "link", "unlink"], []),
        .. Sites("ledger/.tmp", [], ["mkdir", "rmdir"]),
        .. Sites("ledger/tile/0/{tile}.p", ["fsync"], ["mkdir", "rmdir"]),
        .. Sites("ledger/tile/entries/{tile}.p", ["fsync"], ["mkdir", "rmdir"]),
        .. Sites("ledger/tile/0/{tile}.p/{width}", [], ["unlink"]),
        .. Sites("ledger/tile/entries/{tile}.p/{width}", [], ["unlink"]),
        .. Sites("ledger/tile", [], [], ["fsync"]),
        .. Sites("ledger/tile/0", [], ["fsync"]),
        .. Sites("ledger/tile/1", [], ["fsync"], ["mkdir"]),
        .. Sites("ledger/tile/1/000.p", [], ["fsync"], ["mkdir"]),
        .. Sites("ledger/tile/1/000.p/{width}", [], ["fsync"]),
        .. Sites("ledger/tile/entries", [], ["fsync"]),
        .. Sites("ledger/blobs", [], ["fsync"], ["mkdir"]),
        .. Sites("ledger/blobs/{byte}", [], ["mkdir", "fsync"]),
        .. Sites("ledger/checkpoint.new", ["openat", "write", "fsync", "rename", "unlink"], []),
        .. Sites("ledger", ["fsync"], []),
    ];

    /// <summary>True if the call is a flush.</summary>
    public bool IsFlush => Call is "fsync" or "fdatasync";

    /// <summary>The files that this is about in a run that starts now.</summary>
    /// <param name="home">The command's directory.</param>
    public IEnumerable<string> Paths(string home)
    {
        LedgerPaths paths = LedgerPaths.For(Path.Combine(home, "ledger"));
        long tile = new LedgerReader(paths.Ledger).ReadCheckpoint().Size / 256;
        IEnumerable<string> all = [Pattern];
        all = Each(all, "{segment}", Numbers(Newest(paths.Journal, "*.journal") - 1, 6, "D16"));
        all = Each(
            all, "{log}", Numbers(Newest(Path.Combine(paths.Keyring, "subjects"), "*") - 12, 24, "D6").Where(number => number[0] != '-'));
        all = Each(all, "{count}", Numbers(0, 300, "D"));
        all = Each(all, "{tile}", Numbers(tile, 8, "D3"));
        all = Each(all, "{width}", Numbers(1, 255, "D"));
        all = Each(all, "{byte}", Numbers(0, 256, "x2"));
        return all.Select(path => Path.Combine(home, path));
    }

    /// <summary>The pattern of a file that a run touched; null for one that is not the sealer's.</summary>
    public static string? PatternOf(string path)
    {
        if (path.StartsWith("index", StringComparison.Ordinal) || path.Contains("LOG", StringComparison.Ordinal)
            || path.Contains("control.sock", StringComparison.Ordinal)) return null;
        // Cursors of alerts and the remembered head: derived, and written again. RocksDB's copy of its options is never read.
        if (path.StartsWith("journal/alerts", StringComparison.Ordinal) || path.StartsWith("journal/verified", StringComparison.Ordinal)
            || path.Contains("OPTIONS", StringComparison.Ordinal) || path.EndsWith("LOCK", StringComparison.Ordinal)) return null;
        path = path.StartsWith("keyring/subjects/", StringComparison.Ordinal) ? Number().Replace(path, "{log}") : path;
        path = path.StartsWith("journal/0", StringComparison.Ordinal) ? Number().Replace(path, "{segment}") : path;
        path = path.StartsWith("ledger/.tmp/", StringComparison.Ordinal) ? Number().Replace(path, "{count}") : path;
        if (path.StartsWith("ledger/blobs/", StringComparison.Ordinal))
            return path.Length > "ledger/blobs/00".Length ? null : "ledger/blobs/{byte}";
        if (!path.StartsWith("ledger/tile/1", StringComparison.Ordinal)) path = TileNumber().Replace(path, "/{tile}.p");
        return Width().Replace(path, ".p/{width}");
    }

    private static IEnumerable<FaultSite> Sites(string pattern, string[] often, string[] seldom, string[]? once = null) =>
    [
        .. often.Select(call => new FaultSite(call, pattern, Occasion.Often)),
        .. seldom.Select(call => new FaultSite(call, pattern, Occasion.Seldom)),
        .. (once ?? []).Select(call => new FaultSite(call, pattern, Occasion.Once)),
    ];

    private static IEnumerable<string> Each(IEnumerable<string> patterns, string token, IEnumerable<string> numbers) =>
        patterns.SelectMany(pattern => pattern.Contains(token, StringComparison.Ordinal)
            ? numbers.Select(number => pattern.Replace(token, number, StringComparison.Ordinal))
            : [pattern]);

    private static IEnumerable<string> Numbers(long first, int count, string format) =>
        Enumerable.Range(0, count).Select(i => (first + i).ToString(format, CultureInfo.InvariantCulture));

    private static long Newest(string directory, string pattern) => Directory.EnumerateFiles(directory, pattern)
        .Where(path => !Path.GetFileName(path).StartsWith("LOG", StringComparison.Ordinal))
        .Select(path => Number().Match(Path.GetFileName(path))).Where(number => number.Success)
        .Max(number => long.Parse(number.Value, CultureInfo.InvariantCulture));

    [GeneratedRegex(@"\d+")]
    private static partial Regex Number();

    [GeneratedRegex(@"/\d{3}\.p")]
    private static partial Regex TileNumber();

    [GeneratedRegex(@"\.p/\d+")]
    private static partial Regex Width();

    public override string ToString() => $"{Call} {Pattern}";
}
