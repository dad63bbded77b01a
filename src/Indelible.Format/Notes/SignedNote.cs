using System.Buffers.Binary;
using System.Text;

namespace Indelible.Format.Notes;

/// <summary>A text with signature lines under it. c2sp.org/signed-note.</summary>
/// <param name="Text">The signed text; ends in a newline.</param>
/// <param name="Signatures">The signature lines in order, exact repetitions left out.</param>
public sealed record SignedNote(string Text, IReadOnlyList<NoteSignature> Signatures)
{
    /// <summary>The longest note that is read, in bytes.</summary>
    public const int LengthMax = 1 << 20;
    /// <summary>The most signature lines that are read.</summary>
    public const int SignaturesMax = 100;

    private const string SignaturePrefix = "— ";

    /// <summary>Reads a note; <paramref name="note"/> is null exactly if a fault is returned. Checks no signature.</summary>
    public static TextFault Parse(ReadOnlySpan<byte> bytes, out SignedNote? note)
    {
        note = null;
        TextFault fault = NoteText.Decode(bytes, LengthMax, out string all);
        if (!fault.IsNone) return fault;
        int blank = all.LastIndexOf("\n\n", StringComparison.Ordinal);
        if (blank < 0) return new TextFault("expected a blank line before the signatures");
        string text = all[..(blank + 1)];
        int firstLine = 2 + text.AsSpan().Count('\n');
        fault = ParseSignatures(all[(blank + 2)..], firstLine, out List<NoteSignature> signatures);
        if (fault.IsNone) note = new SignedNote(text, signatures);
        return fault;
    }

    /// <summary>Checks every signature by a known key. The note holds only if the fault is none: then at least one did.</summary>
    public TextFault Verify(IReadOnlyCollection<VerifierKey> keys, out IReadOnlyList<VerifiedSignature> verified)
    {
        verified = [];
        byte[] text = Encoding.UTF8.GetBytes(Text);
        var good = new List<VerifiedSignature>();
        foreach (NoteSignature signature in Signatures)
        {
            VerifierKey? key = keys.FirstOrDefault(key => key.Name == signature.Name && key.Id == signature.KeyId);
            if (key is null || good.Exists(other => other.Key.Equals(key))) continue;
            if (!key.Verify(text, signature.Bytes.Span))
                return new TextFault($"expected a valid signature by {key}, found one that does not verify");
            good.Add(new VerifiedSignature(key, signature));
        }
        if (good.Count == 0) return new TextFault("expected a signature by a known key, found none");
        verified = good;
        return TextFault.None;
    }

    /// <summary>The note as text: what <see cref="Parse"/> reads.</summary>
    public override string ToString()
    {
        var all = new StringBuilder(Text).Append('\n');
        foreach (NoteSignature signature in Signatures) all.Append(signature).Append('\n');
        return all.ToString();
    }

    /// <summary>The note as UTF-8.</summary>
    public byte[] ToBytes() => Encoding.UTF8.GetBytes(ToString());

    private static TextFault ParseSignatures(string block, int firstLine, out List<NoteSignature> signatures)
    {
        signatures = [];
        string[] lines = block.Split('\n')[..^1];
        if (lines.Length == 0) return new TextFault("expected at least one signature line", firstLine);
        if (lines.Length > SignaturesMax)
            return new TextFault($"expected at most {SignaturesMax} signature lines, found {lines.Length}", firstLine);
        for (int i = 0; i < lines.Length; i++)
        {
            TextFault fault = ParseSignature(lines[i], firstLine + i, out NoteSignature signature);
            if (!fault.IsNone) return fault;
            if (!signatures.Exists(other => other.SameAs(signature))) signatures.Add(signature);
        }
        return TextFault.None;
    }

    private static TextFault ParseSignature(string line, int lineNumber, out NoteSignature signature)
    {
        signature = default;
        string[] parts = line.Split(' ');
        if (!line.StartsWith(SignaturePrefix, StringComparison.Ordinal) || parts.Length != 3)
            return new TextFault("expected a signature line '— <name> <base64>'", lineNumber);
        if (!NoteText.IsName(parts[1])) return new TextFault("expected a key name without spaces and plus signs", lineNumber);
        if (!NoteText.TryParseBase64(parts[2], out byte[] bytes) || bytes.Length <= NoteSignature.KeyIdLength)
            return new TextFault("expected base64 of key id and signature", lineNumber);
        signature = new NoteSignature(parts[1], BinaryPrimitives.ReadUInt32BigEndian(bytes), bytes.AsMemory(NoteSignature.KeyIdLength));
        return TextFault.None;
    }
}

/// <summary>One signature line of a note.</summary>
/// <param name="Name">Name of the key.</param>
/// <param name="KeyId">Four bytes that say which key of that name.</param>
/// <param name="Bytes">The signature itself; for a cosignature, time and signature.</param>
public readonly record struct NoteSignature(string Name, uint KeyId, ReadOnlyMemory<byte> Bytes)
{
    /// <summary>Length of the key id before the signature, in bytes.</summary>
    public const int KeyIdLength = 4;

    /// <summary>True for the same name, key id and bytes.</summary>
    public bool SameAs(in NoteSignature other) => Name == other.Name && KeyId == other.KeyId && Bytes.Span.SequenceEqual(other.Bytes.Span);

    /// <summary>The line, without a newline.</summary>
    public override string ToString()
    {
        byte[] bytes = new byte[KeyIdLength + Bytes.Length];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, KeyId);
        Bytes.Span.CopyTo(bytes.AsSpan(KeyIdLength));
        return $"— {Name} {Convert.ToBase64String(bytes)}";
    }
}

/// <summary>A signature that its key verified.</summary>
/// <param name="Key">The key.</param>
/// <param name="Signature">The signature.</param>
public readonly record struct VerifiedSignature(VerifierKey Key, NoteSignature Signature)
{
    /// <summary>When it was made, in seconds since 1970; null for a signature without a time.</summary>
    public long? Timestamp => Key.IsCosigner && Cosignature.TryParse(Signature.Bytes.Span, out Cosignature cosignature)
        ? cosignature.Timestamp : null;
}
