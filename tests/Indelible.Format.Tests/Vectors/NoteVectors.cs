using System.Text;
using System.Text.Json;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Tests.Vectors;

public sealed class NoteVectors
{
    private const string Checkpoints = "checkpoints.json";
    private static readonly NoteSigner Ledger = NoteSigner.FromSeed("example.org/ledger", [.. Enumerable.Repeat((byte)1, 32)]);
    private static readonly NoteSigner Witness = NoteSigner.CosignerFromSeed("witness.example", [.. Enumerable.Repeat((byte)2, 32)]);
    private static readonly NoteSigner Stranger = NoteSigner.FromSeed("example.org/ledger", [.. Enumerable.Repeat((byte)3, 32)]);
    private static readonly Checkpoint Head = new() { Origin = "example.org/ledger", Size = 20_852_163, Root = Tree.Leaf("root"u8) };

    [Fact]
    public void Checkpoint_vectors_are_what_the_generator_writes() => VectorFile.Check(
        Checkpoints, "Signed checkpoints (base64 of the note) under a policy. holds: whether note, checkpoint and policy are all in order.",
        json =>
        {
            foreach ((string name, string policy, byte[] note, bool holds) in Cases())
            {
                json.WriteStartObject();
                json.WriteString("name", name);
                json.WriteBoolean("holds", holds);
                json.WriteString("policy", policy);
                json.WriteBase64String("note", note);
                json.WriteEndObject();
            }
        });

    [Fact]
    public void Every_checkpoint_vector_is_judged_as_it_says()
    {
        foreach (JsonElement json in VectorFile.Cases(Checkpoints))
        {
            Assert.Equal(TextFault.None, Policy.Parse(Encoding.UTF8.GetBytes(json.GetProperty("policy").GetString()!), out Policy? policy));
            TextFault fault =
                Checkpoint.Parse(json.GetProperty("note").GetBytesFromBase64(), out SignedNote? note, out Checkpoint? checkpoint);
            if (fault.IsNone) fault = policy!.Check(note!, checkpoint!, out _);
            Assert.True(json.GetProperty("holds").GetBoolean() == fault.IsNone, $"{json.GetProperty("name").GetString()}: {fault}");
        }
    }

    private static IEnumerable<(string Name, string Policy, byte[] Note, bool Holds)> Cases()
    {
        string keyOnly = $"log {Ledger.VerifierKey}\nquorum none\n";
        string witnessed = $"log {Ledger.VerifierKey}\nwitness w {Witness.VerifierKey}\nquorum w\n";
        string text = Head.ToText();
        string own = Ledger.Sign(text).ToString(), cosigned = Witness.Cosign(text, 1_700_000_000).ToString(),
            strange = Stranger.Sign(text).ToString();
        byte[] Note(string signed, params string[] lines) =>
            Encoding.UTF8.GetBytes(signed + "\n" + string.Concat(lines.Select(line => line + "\n")));

        yield return ("signed by the ledger", keyOnly, Note(text, own), true);
        yield return ("signed twice, the same line", keyOnly, Note(text, own, own), true);
        yield return ("signed by the ledger and by someone unknown", keyOnly, Note(text, strange, own), true);
        yield return ("signed and cosigned", witnessed, Note(text, own, cosigned), true);
        yield return ("an extension line", keyOnly, Note(text + "extension\n", Ledger.Sign(text + "extension\n").ToString()), true);
        yield return ("size 0", keyOnly, Note(Empty(Tree.EmptyRoot), Ledger.Sign(Empty(Tree.EmptyRoot)).ToString()), true);
        yield return ("cosignature asked for and absent", witnessed, Note(text, own), false);
        yield return ("cosigned but not signed", witnessed, Note(text, cosigned), false);
        yield return ("signed by another key of the same name", keyOnly, Note(text, strange), false);
        yield return ("signature of another text", keyOnly, Note(text, Ledger.Sign("other\n").ToString()), false);
        yield return ("a bad signature by the known key after a good one by a witness", witnessed,
            Note(text, cosigned, Ledger.Sign("other\n").ToString()), false);
        yield return ("cosignature with a later time", witnessed, Note(text, own, Later(cosigned)), false);
        yield return ("no signature", keyOnly, Note(text), false);
        yield return ("no blank line", keyOnly, Encoding.UTF8.GetBytes(text + own + "\n"), false);
        yield return ("no newline at the end", keyOnly, Encoding.UTF8.GetBytes(text + "\n" + own), false);
        yield return ("carriage returns", keyOnly,
            Encoding.UTF8.GetBytes((text + "\n" + own + "\n").Replace("\n", "\r\n", StringComparison.Ordinal)), false);
        yield return ("hyphen for the dash", keyOnly, Note(text, own.Replace('—', '-')), false);
        yield return ("signature without padding", keyOnly, Note(text, own.TrimEnd('=')), false);
        yield return ("two spaces before the signature", keyOnly, Note(text, own.Insert(own.LastIndexOf(' '), " ")), false);
        yield return ("tab in the text", keyOnly, Note("example.org/ledger\n1\t\n", own), false);
        yield return ("invalid UTF-8", keyOnly, [0xFF, .. Note(text, own)], false);
        foreach ((string name, string changed) in Texts())
            yield return (name + ", signed", keyOnly, Note(changed, Ledger.Sign(changed).ToString()), false);
        byte[] good = Note(text, own);
        for (int i = 0; i < good.Length; i += 11)
        {
            byte[] flipped = [.. good];
            flipped[i] ^= (byte)(1 << (i % 7));
            yield return ($"byte {i} with bit {i % 7} flipped", keyOnly, flipped, false);
        }
    }

    /// <summary>Texts that are no checkpoints of this ledger, though signed with its key.</summary>
    private static IEnumerable<(string, string)> Texts()
    {
        string root = Head.Root.ToString();
        yield return ("another origin", $"example.org/other\n1\n{root}\n");
        yield return ("no origin", $"\n1\n{root}\n");
        yield return ("leading zero in the size", $"example.org/ledger\n01\n{root}\n");
        yield return ("negative size", $"example.org/ledger\n-1\n{root}\n");
        yield return ("size beyond 2^62", $"example.org/ledger\n4611686018427387905\n{root}\n");
        yield return ("size with a space", $"example.org/ledger\n1 \n{root}\n");
        yield return ("no size", $"example.org/ledger\n\n{root}\n");
        yield return ("no root", "example.org/ledger\n1\n");
        yield return ("short root", "example.org/ledger\n1\nAAAA\n");
        yield return ("root without padding", $"example.org/ledger\n1\n{root.TrimEnd('=')}\n");
        yield return ("root in hex", $"example.org/ledger\n1\n{Convert.ToHexStringLower(Head.Root.Bytes)}\n");
        yield return ("size 0 with the root of another tree", Empty(Head.Root));
        yield return ("an empty extension line", $"example.org/ledger\n1\n{root}\n\nextension\n");
    }

    private static string Empty(Hash root) => $"example.org/ledger\n0\n{root}\n";

    private static string Later(string cosigned)
    {
        int start = cosigned.LastIndexOf(' ') + 1;
        byte[] bytes = Convert.FromBase64String(cosigned[start..]);
        bytes[11]++;
        return cosigned[..start] + Convert.ToBase64String(bytes);
    }
}
