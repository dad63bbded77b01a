using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format;

/// <summary>Proof to a third party, offline, that an entry is in a ledger: index, inclusion path and checkpoint,
/// with the entry itself in the extra line.
/// c2sp.org/tlog-proof; the extra line is docs/format.md#evidence.</summary>
public sealed record Evidence
{
    /// <summary>The longest evidence file that is read, in bytes.</summary>
    public const int LengthMax = 4 << 20;
    /// <summary>The first line of every evidence file.</summary>
    public const string Header = "c2sp.org/tlog-proof@v1";

    private const int LinesMax = 3 + Proof.LengthMax;

    /// <summary>0-based index of the entry.</summary>
    public required long Index { get; init; }

    /// <summary>The inclusion path, the leaf's sibling first.</summary>
    public required IReadOnlyList<Hash> Path { get; init; }

    /// <summary>The signed checkpoint, verbatim.</summary>
    public required ReadOnlyMemory<byte> Checkpoint { get; init; }

    /// <summary>Unauthenticated bytes: <see cref="EvidenceExtra"/> encoded; empty if there are none.</summary>
    public ReadOnlyMemory<byte> Extra { get; init; }

    /// <summary>Reads an evidence file; <paramref name="evidence"/> is null exactly if a fault is returned.
    /// Checks no hash and no signature.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out Evidence? evidence) => Parse(bytes, out evidence, out _, out _);

    /// <summary>As <see cref="Parse(ReadOnlySpan{byte}, out Evidence?)"/>, and gives the checkpoint as it was read;
    /// null likewise.</summary>
    internal static TextFault Parse(ReadOnlySpan<byte> bytes, out Evidence? evidence, out SignedNote? note, out Notes.Checkpoint? head)
    {
        (evidence, note, head) = (null, null, null);
        TextFault fault = NoteText.Decode(bytes, LengthMax, out string all);
        if (!fault.IsNone) return fault;
        int end = all.IndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0) return new TextFault("expected a blank line before the checkpoint");
        fault = ParseLines(all.AsSpan(0, end), out int lines, out long index, out byte[] extra, out Hash[] path);
        if (!fault.IsNone) return fault;
        byte[] checkpoint = bytes[(end + 2)..].ToArray();       // what comes before is ASCII
        fault = Notes.Checkpoint.Parse(checkpoint, out note, out head);
        if (!fault.IsNone) return new TextFault($"the checkpoint: {fault.Rule}", fault.Line == 0 ? 0 : fault.Line + lines + 1);
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

    private static TextFault ParseLines(ReadOnlySpan<char> text, out int count, out long index, out byte[] extra, out Hash[] path)
    {
        (count, index, extra, path) = (text.Count('\n') + 1, 0, [], []);
        Span<Range> lines = stackalloc Range[LinesMax + 1];
        lines = lines[..text.Split(lines, '\n')];
        if (text[lines[0]] is not Header) return new TextFault($"expected '{Header}'", 1);
        int line = 1;
        if (line < lines.Length && text[lines[line]].StartsWith("extra ")
            && !NoteText.TryParseBase64(text[lines[line++]]["extra ".Length..], out extra))
                return new TextFault("expected 'extra <base64>'", line);
        if (line >= lines.Length || !text[lines[line]].StartsWith("index ")
            || !NoteText.TryParseNumber(text[lines[line]]["index ".Length..], Tree.SizeMax - 1, out index))
                return new TextFault("expected 'index <decimal>'", line + 1);
        line++;
        if (count - line > Proof.LengthMax)
            return new TextFault($"expected at most {Proof.LengthMax} hashes, found {count - line}", line + 1);
        path = new Hash[count - line];
        for (int i = 0; i < path.Length; i++)
            if (!NoteText.TryParseHash(text[lines[line + i]], out path[i]))
                return new TextFault($"expected a hash of {Hash.Size} bytes in base64", line + i + 1);
        return TextFault.None;
    }
}
