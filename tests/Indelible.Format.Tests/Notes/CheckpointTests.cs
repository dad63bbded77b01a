using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Tests.Notes;

public sealed class CheckpointTests
{
    private static readonly Checkpoint Some = new() { Origin = "example.org/ledger", Size = 42, Root = Tree.Leaf("root"u8) };

    [Fact]
    public void A_checkpoint_is_signed_read_back_and_verifies()
    {
        using NoteSigner signer = NoteSigner.FromSeed(Some.Origin, new byte[32]);
        Assert.Equal(TextFault.None, Checkpoint.Parse(Some.Sign(signer).ToBytes(), out SignedNote? note, out Checkpoint? checkpoint));
        Assert.Equal(Some.ToText(), checkpoint!.ToText());
        Assert.Equal(TextFault.None, note!.Verify([signer.VerifierKey], out _));
    }

    [Fact]
    public void Extension_lines_are_kept()
    {
        Assert.Equal(TextFault.None, Checkpoint.Parse(Some.ToText() + "one\ntwo\n", out Checkpoint? checkpoint));
        Assert.Equal(["one", "two"], checkpoint!.Extensions);
        Assert.Equal(Some.ToText() + "one\ntwo\n", checkpoint.ToText());
    }

    [Theory]
    [InlineData("", 0)]
    [InlineData("origin\n1\n", 2)]
    [InlineData("\n1\nROOT\n", 1)]
    [InlineData("origin\n01\nROOT\n", 2)]
    [InlineData("origin\n-1\nROOT\n", 2)]
    [InlineData("origin\n+1\nROOT\n", 2)]
    [InlineData("origin\n 1\nROOT\n", 2)]
    [InlineData("origin\n1 \nROOT\n", 2)]
    [InlineData("origin\n\nROOT\n", 2)]
    [InlineData("origin\n0x1\nROOT\n", 2)]
    [InlineData("origin\n4611686018427387905\nROOT\n", 2)]
    [InlineData("origin\n99999999999999999999\nROOT\n", 2)]
    [InlineData("origin\n0\nROOT\n", 3)]
    [InlineData("origin\n1\nROOT", 0)]
    [InlineData("origin\n1\nAAAA\n", 3)]
    [InlineData("origin\n1\nROOT \n", 3)]
    [InlineData("origin\n1\n\n", 3)]
    [InlineData("origin\n1\nROOT\n\n", 4)]
    [InlineData("origin\n1\nROOT\nx\n\ny\n", 5)]
    public void What_is_not_a_checkpoint_is_refused_with_its_line(string text, int line)
    {
        TextFault fault =
            Checkpoint.Parse(text.Replace("ROOT", Some.Root.ToString(), StringComparison.Ordinal), out Checkpoint? checkpoint);
        Assert.False(fault.IsNone);
        Assert.Equal(line, fault.Line);
        Assert.Null(checkpoint);
    }

    [Fact]
    public void The_unused_bits_of_a_root_in_base64_must_be_zero()
    {
        string root = Some.Root.ToString();
        char last = root[^2], next = (char)(last + 1);
        string text = Some.ToText().Replace(root, root[..^2] + next + "=", StringComparison.Ordinal);
        Assert.False(Checkpoint.Parse(text, out _).IsNone);
    }

    [Theory]
    [InlineData("example.org/ledger", true)]
    [InlineData("", false)]
    [InlineData("a b", false)]
    [InlineData("a+b", false)]
    [InlineData("a\nb", false)]
    public void An_origin_is_a_key_name(string origin, bool isOrigin)
    {
        Assert.Equal(isOrigin, Checkpoint.IsOrigin(origin));
        Assert.False(Checkpoint.IsOrigin(new string('a', Checkpoint.OriginLengthMax + 1)));
        Assert.True(Encoding.UTF8.GetByteCount(new string('a', Checkpoint.OriginLengthMax)) == Checkpoint.OriginLengthMax);
    }
}
