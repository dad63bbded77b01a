using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Tests.Notes;

public sealed class PolicyTests
{
    private static readonly NoteSigner Ledger = NoteSigner.FromSeed("example.org/ledger", Seed(1));
    private static readonly NoteSigner[] Witnesses =
        [.. Enumerable.Range(0, 6).Select(i => NoteSigner.CosignerFromSeed($"witness{i}.example", Seed(10 + i)))];
    private static readonly Checkpoint Head = new() { Origin = "example.org/ledger", Size = 3, Root = Tree.Leaf("root"u8) };

    [Fact]
    public void The_example_of_the_specification_asks_for_two_of_three_and_one_of_three()
    {
        string text = $"""
            log {Ledger.VerifierKey}

            # two organizations
            witness X1 {Witnesses[0].VerifierKey}
            witness X2 {Witnesses[1].VerifierKey} https://x2.example/
            	witness X3   {Witnesses[2].VerifierKey}
            group X-witnesses 2 X1 X2 X3
            witness Y1 {Witnesses[3].VerifierKey}
            witness Y2 {Witnesses[4].VerifierKey}
            witness Y3 {Witnesses[5].VerifierKey}
            group Y-witnesses any Y1 Y2 Y3
            group X-and-Y all X-witnesses Y-witnesses
            quorum X-and-Y

            """;
        Policy policy = Parse(text);
        for (int set = 0; set < 64; set++)
        {
            int[] chosen = [.. Enumerable.Range(0, 6).Where(i => (set >> i & 1) == 1)];
            bool isEnough = chosen.Count(i => i < 3) >= 2 && chosen.Any(i => i >= 3);
            Assert.Equal(isEnough, Check(policy, chosen).IsNone);
        }
    }

    [Fact]
    public void A_quorum_of_none_asks_for_the_ledgers_key_alone()
    {
        Policy policy = Parse($"log {Ledger.VerifierKey}\nquorum none\n");
        Assert.False(policy.AsksForCosignatures);
        Assert.True(Check(policy, []).IsNone);
        using NoteSigner other = NoteSigner.FromSeed("example.org/ledger", Seed(2));
        Assert.False(policy.Check(Head.Sign(other), Head, out _).IsNone);
    }

    [Fact]
    public void A_key_speaks_only_for_the_ledger_of_its_name()
    {
        using NoteSigner second = NoteSigner.FromSeed("second.example", Seed(3));
        Policy policy = Parse($"log {Ledger.VerifierKey}\nlog {second.VerifierKey}\nquorum none\n");
        Checkpoint elsewhere = Head with { Origin = "second.example" };
        Assert.True(policy.Check(elsewhere.Sign(second), elsewhere, out _).IsNone);
        Assert.False(policy.Check(elsewhere.Sign(Ledger), elsewhere, out _).IsNone);
        Assert.False(policy.Check(Head.Sign(second), Head, out _).IsNone);
        Checkpoint unknown = Head with { Origin = "third.example" };
        Assert.False(policy.Check(unknown.Sign(Ledger), unknown, out _).IsNone);
    }

    [Fact]
    public void A_witness_cannot_stand_in_for_the_ledger()
    {
        Policy policy = Parse($"log {Ledger.VerifierKey}\nwitness w {Witnesses[0].VerifierKey}\nquorum w\n");
        string text = Head.ToText();
        Assert.False(policy.Check(new SignedNote(text, [Witnesses[0].Cosign(text, 1)]), Head, out _).IsNone);
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("log LEDGER\n", 0)]
    [InlineData("quorum none", 1)]
    [InlineData("quorum none\nquorum none\n", 2)]
    [InlineData("quorum w\n", 1)]
    [InlineData("quorum w\nwitness w W0\n", 1)]
    [InlineData("quorum\n", 1)]
    [InlineData("quorum none none\n", 1)]
    [InlineData("log\nquorum none\n", 1)]
    [InlineData("log W0\nquorum none\n", 1)]
    [InlineData("log LEDGER url more\nquorum none\n", 1)]
    [InlineData("log LEDGER\nlog LEDGER\nquorum none\n", 2)]
    [InlineData("witness w LEDGER\nquorum w\n", 1)]
    [InlineData("witness none W0\nquorum none\n", 1)]
    [InlineData("witness w W0\nwitness w W1\nquorum w\n", 2)]
    [InlineData("witness v W0\nwitness w W0\nquorum w\n", 2)]
    [InlineData("witness w W0\ngroup g any\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g 0 w\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g 2 w\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g 01 w\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g some w\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g any w w\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g any none\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g any g\nquorum g\n", 2)]
    [InlineData("witness w W0\ngroup g any w\ngroup h any w\nquorum h\n", 3)]
    [InlineData("witness w W0\ngroup w any w\nquorum w\n", 2)]
    [InlineData("Quorum none\n", 1)]
    [InlineData("quorum none\r\n", 1)]
    [InlineData("quorum none\n# \u0001\n", 2)]
    [InlineData("quorum none\n# \u007f\n", 2)]
    public void What_is_not_a_policy_is_refused_with_its_line(string text, int line)
    {
        TextFault fault = Policy.Parse(Encoding.UTF8.GetBytes(Fill(text)), out Policy? policy);
        Assert.False(fault.IsNone);
        Assert.Equal(line, fault.Line);
        Assert.Null(policy);
    }

    [Fact]
    public void Names_are_octets_and_comments_may_be_anything_printable()
    {
        Policy policy = Parse(Fill("# größer, 東京\nwitness wïtness W0\ngroup g 1 wïtness\nlog LEDGER\nquorum g\n"));
        Assert.True(Check(policy, [0]).IsNone);
        Assert.False(Check(policy, [1]).IsNone);
    }

    [Fact]
    public void A_policy_of_many_names_is_read()
    {
        var text = new StringBuilder($"log {Ledger.VerifierKey}\n");
        for (int i = 0; i < 40; i++)
        {
            using NoteSigner witness = NoteSigner.CosignerFromSeed($"w{i}.example", Seed(100 + i));
            text.Append(System.Globalization.CultureInfo.InvariantCulture, $"witness w{i} {witness.VerifierKey}\ngroup g{i} any w{i}\n");
        }
        text.Append("group all 20 ").AppendJoin(' ', Enumerable.Range(0, 40).Select(i => $"g{i}")).Append("\nquorum all\n");
        Assert.Equal(40, Parse(text.ToString()).Witnesses.Count());
    }

    private static string Fill(string text) => text
        .Replace("LEDGER", Ledger.VerifierKey.ToString(), StringComparison.Ordinal)
        .Replace("W0", Witnesses[0].VerifierKey.ToString(), StringComparison.Ordinal)
        .Replace("W1", Witnesses[1].VerifierKey.ToString(), StringComparison.Ordinal);

    private static TextFault Check(Policy policy, int[] witnesses)
    {
        SignedNote note = Head.Sign(Ledger);
        note = new SignedNote(note.Text, [.. note.Signatures, .. witnesses.Select(i => Witnesses[i].Cosign(note.Text, 1_700_000_000 + i))]);
        return policy.Check(note, Head, out _);
    }

    private static Policy Parse(string text)
    {
        Assert.Equal(TextFault.None, Policy.Parse(Encoding.UTF8.GetBytes(text), out Policy? policy));
        return policy!;
    }

    private static byte[] Seed(int number) => [.. Enumerable.Repeat((byte)number, NoteSigner.SeedSize)];
}
