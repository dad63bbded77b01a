using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;

namespace Indelible.Format.Notes;

/// <summary>What a ledger asks a witness: cosign this checkpoint, which extends the one you cosigned last.
/// The body of <c>add-checkpoint</c>, c2sp.org/tlog-witness.</summary>
public sealed record AddCheckpoint
{
    /// <summary>The longest body that is read, in bytes.</summary>
    public const int LengthMax = SignedNote.LengthMax + (Proof.LengthMax * 45) + 64;
    /// <summary>Content type of the answer that tells the size cosigned last.</summary>
    public const string SizeType = "text/x.tlog.size";

    private const string OldWord = "old ";

    /// <summary>Size of the checkpoint that the witness cosigned last; 0 if it cosigned none.</summary>
    public required long OldSize { get; init; }

    /// <summary>The consistency proof from there; empty from size 0 and for the same size.</summary>
    public required IReadOnlyList<Hash> Path { get; init; }

    /// <summary>The signed checkpoint, verbatim.</summary>
    public required ReadOnlyMemory<byte> Checkpoint { get; init; }

    /// <summary>Reads a body; <paramref name="request"/> is null exactly if a fault is returned.
    /// Checks no hash and no signature, and not the checkpoint.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out AddCheckpoint? request)
    {
        request = null;
        TextFault fault = NoteText.Decode(bytes, LengthMax, out string all);
        if (!fault.IsNone) return fault;
        int end = all.IndexOf("\n\n", StringComparison.Ordinal);
        if (end < 0) return new TextFault("expected a blank line before the checkpoint");
        string[] lines = all[..end].Split('\n');
        if (!lines[0].StartsWith(OldWord, StringComparison.Ordinal)
            || !NoteText.TryParseNumber(lines[0].AsSpan(OldWord.Length), Tree.SizeMax, out long oldSize))
            return new TextFault("expected 'old <decimal>'", 1);
        if (lines.Length - 1 > Proof.LengthMax)
            return new TextFault($"expected at most {Proof.LengthMax} hashes, found {lines.Length - 1}", 2);
        var path = new Hash[lines.Length - 1];
        for (int i = 0; i < path.Length; i++)
            if (!NoteText.TryParseHash(lines[i + 1], out path[i]))
                return new TextFault($"expected a hash of {Hash.Size} bytes in base64", i + 2);
        request = new AddCheckpoint { OldSize = oldSize, Path = path, Checkpoint = Encoding.UTF8.GetBytes(all[(end + 2)..]) };
        return TextFault.None;
    }

    /// <summary>The body: what <see cref="Parse"/> reads.</summary>
    public byte[] ToBytes()
    {
        var text = new StringBuilder();
        text.Append(CultureInfo.InvariantCulture, $"{OldWord}{OldSize}\n");
        foreach (Hash hash in Path) text.Append(hash).Append('\n');
        return [.. Encoding.UTF8.GetBytes(text.Append('\n').ToString()), .. Checkpoint.Span];
    }
}
