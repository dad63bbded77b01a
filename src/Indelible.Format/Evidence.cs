using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format;

/// <summary>Proof to a third party, offline, that an entry is in a ledger: index, inclusion path and checkpoint, with the entry itself in the extra line.
/// c2sp.org/tlog-proof; the extra line is docs/format.md#evidence.</summary>
public sealed record Evidence
{
    /// <summary>The longest evidence file that is read, in bytes.</summary>
    public const int LengthMax = 4 << 20;
    /// <summary>The first line of every evidence file.</summary>
    public const string Header = "c2sp.org/tlog-proof@v1";

    /// <summary>0-based index of the entry.</summary>
    public required long Index { get; init; }

    /// <summary>The inclusion path, the leaf's sibling first.</summary>
    public required IReadOnlyList<Hash> Path { get; init; }

    /// <summary>The signed checkpoint, verbatim.</summary>
    public required ReadOnlyMemory<byte> Checkpoint { get; init; }

    /// <summary>Unauthenticated bytes: <see cref="EvidenceExtra"/> encoded; empty if there are none.</summary>
    public ReadOnlyMemory<byte> Extra { get; init; }

    /// <summary>Reads an evidence file; <paramref name="evidence"/> is null exactly if a fault is returned. Checks no hash and no signature.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out Evidence? evidence)
    {
        evidence = null;
        TextFault fault = NoteText.Decode(bytes, LengthMax, out string all);
        if (!fault.IsNone) return fault;
        int end = all.IndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0) return new TextFault("expected a blank line before the checkpoint");
        string[] lines = all[..end].Split('\n');
        fault = ParseLines(lines, out long index, out byte[] extra, out Hash[] path);
        if (!fault.IsNone) return fault;
        byte[] checkpoint = Encoding.UTF8.GetBytes(all[(end + 2)..]);
        fault = Notes.Checkpoint.Parse(checkpoint, out _, out _);
        if (!fault.IsNone) return new TextFault($"the checkpoint: {fault.Rule}", fault.Line == 0 ? 0 : fault.Line + lines.Length + 1);
        evidence = new Evidence { Index = index, Path = path, Checkpoint = checkpoint, Extra = extra };
        return TextFault.None;
    }

    /// <summary>The evidence file: what <see cref="Parse"/> reads.</summary>
    public byte[] ToBytes()
    {
        var text = new StringBuilder();
        text.Append(Header).Append('\n');
        if (!Extra.IsEmpty) text.Append("extra ").Append(Convert.ToBase64String(Extra.Span)).Append('\n');
        text.Append(CultureInfo.InvariantCulture, $"index {Index}\n");
        foreach (Hash hash in Path) text.Append(hash).Append('\n');
        return [.. Encoding.UTF8.GetBytes(text.Append('\n').ToString()), .. Checkpoint.Span];
    }

    private static TextFault ParseLines(string[] lines, out long index, out byte[] extra, out Hash[] path)
    {
        (index, extra, path) = (0, [], []);
        if (lines[0] != Header) return new TextFault($"expected '{Header}'", 1);
        int line = 1;
        if (line < lines.Length && lines[line].StartsWith("extra ", StringComparison.Ordinal)
            && !NoteText.TryParseBase64(lines[line++].AsSpan("extra ".Length), out extra)) return new TextFault("expected 'extra <base64>'", line);
        if (line >= lines.Length || !lines[line].StartsWith("index ", StringComparison.Ordinal)
            || !NoteText.TryParseNumber(lines[line].AsSpan("index ".Length), Tree.SizeMax - 1, out index)) return new TextFault("expected 'index <decimal>'", line + 1);
        line++;
        if (lines.Length - line > Proof.LengthMax) return new TextFault($"expected at most {Proof.LengthMax} hashes, found {lines.Length - line}", line + 1);
        path = new Hash[lines.Length - line];
        for (int i = 0; i < path.Length; i++)
        {
            if (!NoteText.TryParseBase64(lines[line + i], out byte[] hash) || hash.Length != Hash.Size)
                return new TextFault($"expected a hash of {Hash.Size} bytes in base64", line + i + 1);
            path[i] = Hash.Read(hash);
        }
        return TextFault.None;
    }
}
