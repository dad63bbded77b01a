using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Indelible.Testing;

/// <summary>Re-derives a ledger from raw bytes by the definitions, sharing no code with the product:
/// RFC 6962 §2.1 by recursion over all leaves,
/// c2sp.org/tlog-tiles by listing the files there are and the files there must be.</summary>
public static class LedgerCheck
{
    /// <summary>Checks every file of the ledger directory; returns the entries.
    /// Throws <see cref="LedgerCheckException"/> at the first contradiction.</summary>
    /// <param name="ledgerDirectory">The published directory.</param>
    /// <param name="origin">What the checkpoint's first line must be.</param>
    /// <param name="cancellationToken">Ends the check early.</param>
    public static async Task<IReadOnlyList<byte[]>> AllAsync(string ledgerDirectory, string origin, CancellationToken cancellationToken)
    {
        IReadOnlyList<byte[]> entries = await PublishedAsync(ledgerDirectory, origin, cancellationToken);
        CheckNoOtherFiles(ledgerDirectory, entries.Count);
        return entries;
    }

    /// <summary>As <see cref="AllAsync"/>, for the ledger of a writer that was killed:
    /// it may have left files of a head it did not come to publish.</summary>
    /// <param name="ledgerDirectory">The published directory.</param>
    /// <param name="origin">What the checkpoint's first line must be.</param>
    /// <param name="cancellationToken">Ends the check early.</param>
    /// <param name="isOutgrown">Of a ledger on its way into a bucket: what is staged beyond the head may have filled the tiles and bundles
    /// it ends in, and partial ones may go once the full ones are there. c2sp.org/tlog-tiles.</param>
    public static async Task<IReadOnlyList<byte[]>> PublishedAsync(
        string ledgerDirectory, string origin, CancellationToken cancellationToken, bool isOutgrown = false)
    {
        string[] head = (await File.ReadAllTextAsync(Path.Combine(ledgerDirectory, "checkpoint"), cancellationToken)).Split('\n');
        Require(head[0] == origin, $"checkpoint: expected origin {origin}, found {head[0]}");
        int size = int.Parse(head[1], CultureInfo.InvariantCulture);
        List<byte[]> entries = await ReadEntriesAsync(ledgerDirectory, size, isOutgrown, cancellationToken);
        byte[][] leaves = [.. entries.Select(entry => SHA256.HashData([0, .. entry]))];
        Require(head[2] == Convert.ToBase64String(Root(leaves)), $"checkpoint: the root at size {size} is not that of the entries");
        await CheckTilesAsync(ledgerDirectory, leaves, isOutgrown, cancellationToken);
        return entries;
    }

    /// <summary>MTH(D) of RFC 6962 §2.1, word for word.</summary>
    public static byte[] Root(ReadOnlySpan<byte[]> leaves)
    {
        if (leaves.Length == 0) return SHA256.HashData([]);
        if (leaves.Length == 1) return leaves[0];
        int split = 1;
        while (split * 2 < leaves.Length) split *= 2;
        return SHA256.HashData([1, .. Root(leaves[..split]), .. Root(leaves[split..])]);
    }

    private static async Task<List<byte[]>> ReadEntriesAsync(
        string directory, int size, bool isOutgrown, CancellationToken cancellationToken)
    {
        var entries = new List<byte[]>();
        for (int first = 0; first < size; first += 256)
        {
            int width = Math.Min(256, size - first);
            string path = $"tile/entries/{Number(first / 256)}{Partial(width)}";
            (byte[] bytes, bool isLonger) = await ReadAsync(directory, path, isOutgrown, cancellationToken);
            int at = 0;
            for (int i = 0; i < width; i++)
            {
                Require(at + 2 <= bytes.Length, $"{path}: entry {i} has no length");
                int length = BinaryPrimitives.ReadUInt16BigEndian(bytes.AsSpan(at));
                Require(at + 2 + length <= bytes.Length, $"{path}: entry {i} is cut off");
                entries.Add(bytes[(at + 2)..(at + 2 + length)]);
                at += 2 + length;
            }
            Require(at == bytes.Length || isLonger, $"{path}: bytes after the last entry");
        }
        return entries;
    }

    private static async Task CheckTilesAsync(string directory, byte[][] leaves, bool isOutgrown, CancellationToken cancellationToken)
    {
        int span = 1;
        for (int level = 0; leaves.Length / span > 0; level++, span *= 256)
        {
            int count = leaves.Length / span;
            for (int first = 0; first < count; first += 256)
            {
                int width = Math.Min(256, count - first);
                string path = $"tile/{level}/{Number(first / 256)}{Partial(width)}";
                (byte[] bytes, bool isLonger) = await ReadAsync(directory, path, isOutgrown, cancellationToken);
                Require(bytes.Length == (isLonger ? 256 : width) * 32, $"{path}: expected {width} hashes, found {bytes.Length} bytes");
                for (int i = 0; i < width; i++)
                {
                    int begin = (first + i) * span;
                    Require(bytes.AsSpan(i * 32, 32).SequenceEqual(Root(leaves.AsSpan(begin, span))),
                        $"{path}: hash {i} is not that of its entries");
                }
            }
            if (span > leaves.Length / 256) break;
        }
    }

    /// <summary>Nothing is there beyond full tiles, partial ones of the unfinished right edge, and the named files.</summary>
    private static void CheckNoOtherFiles(string directory, int size)
    {
        foreach (string path in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(directory, path);
            if (name is "checkpoint" or "ledger.json" || name.StartsWith("blobs/", StringComparison.Ordinal)) continue;
            Require((File.GetUnixFileMode(path) & (UnixFileMode.UserWrite | UnixFileMode.GroupWrite | UnixFileMode.OtherWrite)) == 0,
                $"{name} can be written");
            if (name.StartsWith(".tmp/", StringComparison.Ordinal) || name.StartsWith("handover/", StringComparison.Ordinal)) continue;
            int partial = name.IndexOf(".p/", StringComparison.Ordinal);
            string[] parts = (partial < 0 ? name : name[..partial]).Split('/');
            Require(parts is ["tile", _, ..], $"{name} does not belong in a ledger");
            int level = parts[1] == "entries" ? 0 : int.Parse(parts[1], CultureInfo.InvariantCulture);
            int index = parts[2..].Aggregate(0, (sum, part) => (sum * 1000) + int.Parse(part.TrimStart('x'), CultureInfo.InvariantCulture));
            int count = level > 3 ? 0 : size >> (8 * level);
            if (partial < 0) Require(count >= (index + 1) * 256, $"{name} is full and beyond size {size}");
            else CheckPartial(directory, name, int.Parse(name[(partial + 3)..], CultureInfo.InvariantCulture),
                (index * 256) + 256 <= count ? 256 : count - (index * 256));
        }
    }

    /// <summary>A partial of an earlier size may stay; it must be the beginning of what is there now.</summary>
    private static void CheckPartial(string directory, string name, int width, int widthNow)
    {
        Require(width <= widthNow, $"{name} is beyond the published size");
        string now = name[..name.IndexOf(".p/", StringComparison.Ordinal)] + Partial(widthNow);
        byte[] whole = File.ReadAllBytes(Path.Combine(directory, now)), part = File.ReadAllBytes(Path.Combine(directory, name));
        Require(whole.AsSpan().StartsWith(part) && (name.Contains("entries", StringComparison.Ordinal) || part.Length == width * 32),
            $"{name} is not the beginning of {now}");
    }

    private static string Number(int index)
    {
        string digits = index.ToString("D3", CultureInfo.InvariantCulture);
        digits = digits.PadLeft((digits.Length + 2) / 3 * 3, '0');
        var path = new StringBuilder();
        for (int i = 0; i < digits.Length; i += 3)
            path.Append(i + 3 < digits.Length ? "x" : "").Append(digits, i, 3).Append(i + 3 < digits.Length ? "/" : "");
        return path.ToString();
    }

    private static string Partial(int width) => width == 256 ? "" : $".p/{width}";

    /// <summary>A file, or the full one that it is the beginning of.</summary>
    private static async Task<(byte[] Bytes, bool IsLonger)> ReadAsync(
        string directory, string path, bool isOutgrown, CancellationToken cancellationToken)
    {
        string file = Path.Combine(directory, path), full = Path.Combine(directory, path.Split(".p/")[0]);
        bool isLonger = isOutgrown && !File.Exists(file) && File.Exists(full);
        Require(isLonger || File.Exists(file), $"{path} is missing");
        return (await File.ReadAllBytesAsync(isLonger ? full : file, cancellationToken), isLonger);
    }

    private static void Require(bool holds, string message)
    {
        if (!holds) throw new LedgerCheckException(message);
    }
}

/// <summary>A ledger that is not what its entries say.</summary>
public sealed class LedgerCheckException(string message) : Exception(message);
