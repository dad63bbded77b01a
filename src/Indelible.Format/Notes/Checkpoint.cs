using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;

namespace Indelible.Format.Notes;

/// <summary>A statement of a ledger's size and root: three lines, signed as a note. c2sp.org/tlog-checkpoint.</summary>
public sealed record Checkpoint
{
    /// <summary>The longest origin, in bytes of UTF-8.</summary>
    public const int OriginLengthMax = 255;

    /// <summary>Name of the ledger, unique in the world.</summary>
    public required string Origin { get; init; }

    /// <summary>Tree size: leaves.</summary>
    public required long Size { get; init; }

    /// <summary>Root hash of the tree of that size.</summary>
    public required Hash Root { get; init; }

    /// <summary>Further lines, none of them empty; Indelible writes one in a handover, else none.</summary>
    public IReadOnlyList<string> Extensions { get; init; } = [];

    /// <summary>True for a name that can be an origin: also a key's name, and at most <see cref="OriginLengthMax"/> bytes.</summary>
    public static bool IsOrigin(string origin) => NoteText.IsName(origin) && Encoding.UTF8.GetByteCount(origin) <= OriginLengthMax;

    /// <summary>Reads a note's text; <paramref name="checkpoint"/> is null exactly if a fault is returned.</summary>
    public static TextFault Parse(string text, out Checkpoint? checkpoint)
    {
        TextFault fault = ParseAnyRoot(text, out checkpoint);
        if (checkpoint is not { Size: 0 } || checkpoint.Root == Tree.EmptyRoot) return fault;
        checkpoint = null;
        return new TextFault("expected the empty tree's root for size 0", 3);
    }

    /// <summary>As <see cref="Parse(string, out Checkpoint?)"/>, but takes any root for size 0.</summary>
    internal static TextFault ParseAnyRoot(string text, out Checkpoint? checkpoint)
    {
        checkpoint = null;
        if (!text.EndsWith('\n')) return new TextFault("expected a newline at the end of a checkpoint");
        string[] lines = text.Split('\n')[..^1];
        if (lines.Length < 3) return new TextFault($"expected the lines origin, size and root, found {lines.Length} lines", lines.Length);
        if (lines[0].Length == 0) return new TextFault("expected an origin", 1);
        if (!NoteText.TryParseNumber(lines[1], Tree.SizeMax, out long size)) return new TextFault("expected a tree size in decimal", 2);
        if (!NoteText.TryParseHash(lines[2], out Hash root))
            return new TextFault($"expected a root hash of {Hash.Size} bytes in base64", 3);
        for (int i = 3; i < lines.Length; i++)
            if (lines[i].Length == 0) return new TextFault("expected no empty line in a checkpoint", i + 1);
        checkpoint = new Checkpoint { Origin = lines[0], Size = size, Root = root, Extensions = lines[3..] };
        return TextFault.None;
    }

    /// <summary>Reads a signed checkpoint without checking a signature; both results are null if a fault is returned.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out SignedNote? note, out Checkpoint? checkpoint)
    {
        checkpoint = null;
        TextFault fault = SignedNote.Parse(bytes, out note);
        if (fault.IsNone) fault = Parse(note!.Text, out checkpoint);
        if (!fault.IsNone) (note, checkpoint) = (null, null);
        return fault;
    }

    /// <summary>Signs this checkpoint; the signer's name should be the origin.</summary>
    public SignedNote Sign(NoteSigner signer)
    {
        string text = ToText();
        return new SignedNote(text, [signer.Sign(text)]);
    }

    /// <summary>The text that is signed; ends in a newline.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{Origin}\n{Size}\n{Root}\n");
        foreach (string extension in Extensions) text.Append(extension).Append('\n');
        return text.ToString();
    }

    /// <summary>The text.</summary>
    public override string ToString() => ToText();
}
