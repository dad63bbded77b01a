using System.Text;
using System.Text.Json;
using Indelible.Format.Notes;
using Indelible.Format.Tests.Vectors;

namespace Indelible.Format.Tests.Notes;

public sealed class SignedNoteTests
{
    private static readonly NoteSigner Signer = NoteSigner.FromSeed("example.org/ledger", new byte[32]);
    private static readonly NoteSigner Witness = NoteSigner.CosignerFromSeed("witness.example", [.. Enumerable.Repeat((byte)1, 32)]);
    private const string Text = "first line\n\nafter a blank line\n";

    [Fact]
    public void A_signed_note_is_read_back_and_verifies()
    {
        var note = new SignedNote(Text, [Signer.Sign(Text), Witness.Cosign(Text, 1_700_000_000)]);
        Assert.Equal(TextFault.None, SignedNote.Parse(note.ToBytes(), out SignedNote? parsed));
        Assert.Equal(Text, parsed!.Text);
        Assert.Equal(note.ToString(), parsed.ToString());
        Assert.Equal(
            TextFault.None, parsed.Verify([Signer.VerifierKey, Witness.VerifierKey], out IReadOnlyList<VerifiedSignature> verified));
        Assert.Equal([null, 1_700_000_000L], verified.Select(signature => signature.Timestamp));
    }

    [Fact]
    public void A_note_with_any_bit_of_its_text_or_signature_flipped_does_not_verify()
    {
        byte[] bytes = new SignedNote(Text, [Signer.Sign(Text)]).ToBytes();
        for (int i = 0; i < bytes.Length; i++)
        {
            for (int bit = 0; bit < 8; bit++)
            {
                byte[] flipped = [.. bytes];
                flipped[i] ^= (byte)(1 << bit);
                bool holds = SignedNote.Parse(flipped, out SignedNote? note).IsNone && note!.Verify([Signer.VerifierKey], out _).IsNone;
                Assert.False(holds, $"byte {i} bit {bit}");
            }
        }
    }

    [Fact]
    public void A_cosignature_is_bound_to_its_time()
    {
        NoteSignature signature = Witness.Cosign(Text, 1000);
        byte[] later = [.. signature.Bytes.Span];
        later[7]++;
        Assert.True(new SignedNote(Text, [signature]).Verify([Witness.VerifierKey], out _).IsNone);
        Assert.False(new SignedNote(Text, [signature with { Bytes = later }]).Verify([Witness.VerifierKey], out _).IsNone);
        later[0] = 0x80;
        Assert.False(Cosignature.TryParse(later, out _));
        Assert.False(Cosignature.TryParse(later.AsSpan(1), out _));
    }

    [Fact]
    public void A_bad_signature_by_a_known_key_spoils_the_note_even_beside_a_good_one()
    {
        NoteSignature good = Signer.Sign(Text), bad = Witness.Cosign("other\n", 1);
        Assert.False(new SignedNote(Text, [good, bad]).Verify([Signer.VerifierKey, Witness.VerifierKey], out _).IsNone);
        Assert.True(new SignedNote(Text, [good, bad]).Verify([Signer.VerifierKey], out _).IsNone);
    }

    [Fact]
    public void Limits_are_kept()
    {
        Assert.False(SignedNote.Parse(new byte[SignedNote.LengthMax + 1], out _).IsNone);
        string line = Signer.Sign(Text).ToString() + "\n";
        Assert.True(
            SignedNote.Parse(
                Encoding.UTF8.GetBytes(Text + "\n" + string.Concat(Enumerable.Repeat(line, SignedNote.SignaturesMax))), out _).IsNone);
        Assert.False(
            SignedNote.Parse(
                Encoding.UTF8.GetBytes(Text + "\n" + string.Concat(Enumerable.Repeat(line, SignedNote.SignaturesMax + 1))), out _).IsNone);
    }

    [Fact]
    public void A_fault_names_the_line()
    {
        byte[] bytes = Encoding.UTF8.GetBytes("a\nb\n\n— name !!!!\n");
        Assert.Equal(4, SignedNote.Parse(bytes, out _).Line);
        Assert.Equal(2, SignedNote.Parse("a\n\tb\n\n— name AAAA\n"u8, out _).Line);
    }

    [Fact]
    public void Shared_vectors_of_notes_agree()
    {
        JsonElement vectors = SharedVectors.Derived("signed-note.json");
        Dictionary<string, VerifierKey> keys = vectors.GetProperty("keys").EnumerateObject()
            .ToDictionary(key => key.Name, key => Parse(key.Value.GetProperty("vkey").GetString()!));
        foreach (JsonElement vector in vectors.GetProperty("valid").EnumerateArray())
        {
            VerifierKey[] known = [.. vector.GetProperty("vkeys").EnumerateArray().Select(name => keys[name.GetString()!])];
            Assert.Equal(TextFault.None, SignedNote.Parse(Bytes(vector), out SignedNote? note));
            Assert.Equal(TextFault.None, note!.Verify(known, out IReadOnlyList<VerifiedSignature> verified));
            Assert.Equal(vectors.GetProperty("text").GetString(), note.Text);
            Assert.Equal(vector.GetProperty("verified").EnumerateArray().Select(name => name.GetString()),
                verified.Select(signature => signature.Key.Name));
        }
        Assert.False(Holds(Bytes(vectors.GetProperty("noKnownKey")), []));
        foreach (JsonElement vector in vectors.GetProperty("invalid").EnumerateArray())
            Assert.False(Holds(Bytes(vector), keys.Values), vector.GetProperty("desc").GetString());
    }

    [Fact]
    public void Shared_examples_of_C2SP_agree()
    {
        JsonElement vectors = SharedVectors.Derived("c2sp-examples.json");
        JsonElement example = vectors.GetProperty("signedNoteExample");
        Assert.True(Holds(Bytes(example), [Parse(example.GetProperty("vkey").GetString()!)]));
        Assert.Equal(TextFault.None,
            Checkpoint.Parse(Bytes(vectors.GetProperty("behindTheSofa")), out SignedNote? note, out Checkpoint? checkpoint));
        Assert.Equal(20_852_163, checkpoint!.Size);
        Assert.True(Cosignature.TryParse(note!.Signatures[1].Bytes.Span, out Cosignature cosignature));
        Assert.Equal(1_679_315_147, cosignature.Timestamp);
    }

    private static bool Holds(byte[] bytes, IReadOnlyCollection<VerifierKey> keys) =>
        SignedNote.Parse(bytes, out SignedNote? note).IsNone && note!.Verify(keys, out _).IsNone;

    private static byte[] Bytes(JsonElement vector) =>
    [
        .. vector.TryGetProperty("noteHexPrefix", out JsonElement prefix) ? Convert.FromHexString(prefix.GetString()!) : [],
        .. Encoding.UTF8.GetBytes(vector.GetProperty("note").GetString()!),
    ];

    private static VerifierKey Parse(string text)
    {
        Assert.Equal(TextFault.None, VerifierKey.Parse(text, out VerifierKey? key));
        return key!;
    }
}
