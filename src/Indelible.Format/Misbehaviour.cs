using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format;

/// <summary>Proof to a third party, offline, that a ledger's key signed two histories:
/// both checkpoints and, for different sizes,
/// the consistency proof that shows which root the newer tree has at the older one's size. docs/format.md#misbehaviour.</summary>
public sealed record Misbehaviour
{
    /// <summary>The longest file that is read, in bytes.</summary>
    public const int LengthMax = Evidence.LengthMax;
    /// <summary>The first line of every such file.</summary>
    public const string Header = "indelible misbehaviour v1";

    private const string PrefixWord = "prefix ";
    private const int PartsMin = 5;        // head; text and signatures of two notes

    /// <summary>The signed checkpoint of the smaller size, verbatim; of equal sizes, either.</summary>
    public required ReadOnlyMemory<byte> Older { get; init; }

    /// <summary>The other signed checkpoint, verbatim.</summary>
    public required ReadOnlyMemory<byte> Newer { get; init; }

    /// <summary>Root of the newer tree's first entries, as many as the older size says; null for equal sizes.</summary>
    public Hash? Prefix { get; init; }

    /// <summary>The consistency proof from <see cref="Prefix"/> to the newer root; empty for equal sizes.</summary>
    public IReadOnlyList<Hash> Path { get; init; } = [];

    /// <summary>Handovers between the keys that signed the two, oldest first, each verbatim; empty if one key did.</summary>
    public IReadOnlyList<ReadOnlyMemory<byte>> Handovers { get; init; } = [];

    /// <summary>True if these bytes begin as such a file does.</summary>
    public static bool IsMisbehaviour(ReadOnlySpan<byte> bytes) => bytes.StartsWith("indelible misbehaviour "u8);

    /// <summary>Reads a file; <paramref name="misbehaviour"/> is null exactly if a fault is returned.
    /// Checks no hash and no signature.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out Misbehaviour? misbehaviour)
    {
        misbehaviour = null;
        TextFault fault = NoteText.Decode(bytes, LengthMax, out string all);
        if (!fault.IsNone) return fault;
        // A checkpoint's text and its signatures hold no blank line.
        string[] parts = all.Split("\n\n");
        if (parts.Length < PartsMin || parts.Length % 2 == 0 || parts.Length > PartsMin + (2 * KeyHistory.HandoversMax))
        {
            return new TextFault(
                "expected a head and two or more signed checkpoints, "
                    + $"an odd number of parts from {PartsMin} on between blank lines, found {parts.Length}");
        }
        fault = ParseHead(parts[0].Split('\n'), out Hash? prefix, out Hash[] path);
        if (!fault.IsNone) return fault;
        misbehaviour = new Misbehaviour
        {
            Prefix = prefix, Path = path, Older = NoteAt(parts, 1), Newer = NoteAt(parts, 3),
            Handovers = [.. Enumerable.Range(0, (parts.Length - PartsMin) / 2).Select(i => NoteAt(parts, PartsMin + (2 * i)))],
        };
        return TextFault.None;
    }

    /// <summary>The file: what <see cref="Parse"/> reads.</summary>
    public byte[] ToBytes()
    {
        var text = new StringBuilder();
        text.Append(Header).Append('\n');
        if (Prefix is { } prefix) text.Append(PrefixWord).Append(prefix).Append('\n');
        foreach (Hash hash in Path) text.Append(hash).Append('\n');
        return [.. Encoding.UTF8.GetBytes(text.Append('\n').ToString()), .. Older.Span, (byte)'\n', .. Newer.Span,
            .. Handovers.SelectMany(handover => (byte[])[(byte)'\n', .. handover.Span])];
    }

    /// <summary>A note's text and its signatures, whose last line ends where the next blank line begins.</summary>
    private static ReadOnlyMemory<byte> NoteAt(string[] parts, int at) =>
        Encoding.UTF8.GetBytes($"{parts[at]}\n\n{parts[at + 1]}{(at + 2 < parts.Length ? "\n" : "")}");

    private static TextFault ParseHead(string[] lines, out Hash? prefix, out Hash[] path)
    {
        (prefix, path) = (null, []);
        if (lines[0] != Header) return new TextFault($"expected '{Header}'", 1);
        if (lines.Length == 1) return TextFault.None;
        if (!lines[1].StartsWith(PrefixWord, StringComparison.Ordinal)
            || !NoteText.TryParseHash(lines[1].AsSpan(PrefixWord.Length), out Hash root))
            return new TextFault("expected 'prefix <base64 hash>'", 2);
        prefix = root;
        if (lines.Length - 2 > Proof.LengthMax)
            return new TextFault($"expected at most {Proof.LengthMax} hashes, found {lines.Length - 2}", 3);
        path = new Hash[lines.Length - 2];
        for (int i = 0; i < path.Length; i++)
            if (!NoteText.TryParseHash(lines[i + 2], out path[i]))
                return new TextFault($"expected a hash of {Hash.Size} bytes in base64", i + 3);
        return TextFault.None;
    }
}
