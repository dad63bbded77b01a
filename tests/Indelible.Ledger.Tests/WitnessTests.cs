using System.Text;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Ledger.Following;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>What a witness signed it remembers, whatever happens.</summary>
public sealed class WitnessTests : IDisposable
{
    private static readonly NoteSigner Signer = NoteSigner.CosignerFromSeed("witness.test/one", new byte[32]);
    private static readonly Hash[] Leaves = [.. Enumerable.Range(0, 500).Select(i => Tree.Leaf(BitConverter.GetBytes(i)))];
    private readonly string _root = TestLedger.NewRoot();

    public void Dispose()
    {
        DurableFile.Hook = null;
        Directory.Delete(_root, recursive: true);
    }

    [Fact]
    public void What_was_signed_is_remembered_also_after_a_power_cut_at_any_system_call()
    {
        string state = Path.Combine(_root, "state");
        Directory.CreateDirectory(state);
        var disk = new DurableDisk(_root);
        var cuts = new List<(string Root, long Signed)>();
        long signed = 0;
        DurableFile.Hook = (operation, path, target, isDone) =>
        {
            if (!isDone) return;
            disk.Observe(operation, path, target);
            cuts.Add((disk.AfterPowerCut(), signed));
        };
        using (Witness witness = Open(state))
        {
            foreach (int size in (int[])[3, 3, 70, 300])
            {
                WitnessAnswer answer = witness.Add(Request((int)signed, size));
                Assert.Equal((200, true), (answer.Status, answer.Body.StartsWith("— witness.test/one ", StringComparison.Ordinal)));
                signed = size;
            }
        }
        DurableFile.Hook = null;
        Assert.True(cuts.Count > 20);
        foreach ((string root, long size) in cuts)
        {
            using (Witness witness = Open(Path.Combine(root, "state")))
            {
                WitnessAnswer answer = witness.Add(Request(500, 500));
                Assert.Equal(409, answer.Status);
                Assert.InRange(long.Parse(answer.Body, System.Globalization.CultureInfo.InvariantCulture), size, 300);
            }
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public void Nothing_is_signed_that_cannot_be_remembered()
    {
        using Witness witness = Open(_root);
        Assert.Equal(200, witness.Add(Request(0, 10)).Status);
        DurableFile.Hook = (operation, path, _, _) => throw new IOException($"no more: {operation} {path}");
        Assert.Throws<IOException>(() => witness.Add(Request(10, 20)));
        DurableFile.Hook = null;
        Assert.Equal("10\n", witness.Add(Request(0, 30)).Body);
    }

    [Fact]
    public void Of_many_at_once_that_go_on_from_one_size_one_wins()
    {
        using Witness witness = Open(_root);
        Assert.Equal(200, witness.Add(Request(0, 10)).Status);
        byte[][] requests = [.. Enumerable.Range(11, 40).Select(size => Request(10, size))];
        int[] statuses = new int[requests.Length];
        Parallel.For(0, requests.Length, i => statuses[i] = witness.Add(requests[i]).Status);
        Assert.Equal((1, 39), (statuses.Count(status => status == 200), statuses.Count(status => status == 409)));
    }

    [Fact]
    public void Two_histories_leave_a_file_that_proves_it()
    {
        using Witness witness = Open(_root);
        witness.Add(Request(0, 10));
        var other = new Checkpoint { Origin = TestLedger.Origin, Size = 10, Root = Leaves[3] };
        WitnessAnswer answer =
            witness.Add(new AddCheckpoint { OldSize = 10, Path = [], Checkpoint = other.Sign(TestLedger.Signer).ToBytes() }.ToBytes());
        Assert.Equal(422, answer.Status);
        Assert.Equal(Format.Verification.Verdict.Verified,
            Format.Verification.EvidenceVerifier.Verify(
                File.ReadAllBytes(answer.Evidence!), Policy.ForKey(TestLedger.Signer.VerifierKey)).Verdict);
        Assert.Equal(200, witness.Add(Request(10, 12)).Status);     // it still goes on with the history it signed
    }

    [Fact]
    public void A_memory_that_is_held_damaged_or_of_another_key_is_refused()
    {
        using (Witness witness = Open(_root))
        {
            witness.Add(Request(0, 10));
            Assert.True(Assert.Throws<IndelibleException>(() => Open(_root)).IsBusy);
            Assert.Contains("— witness.test/one ", Encoding.UTF8.GetString(witness.Latest(Witness.HashOf(TestLedger.Origin))!),
                StringComparison.Ordinal);
        }
        string file = Path.Combine(_root, Witness.HashOf(TestLedger.Origin), "checkpoint");
        string text = File.ReadAllText(file);
        File.WriteAllText(file, text.Replace("\n10\n", "\n11\n", StringComparison.Ordinal));
        Assert.Equal(ExitCode.Finding, Assert.Throws<IndelibleException>(() => Open(_root)).ExitCode);
    }

    [Fact]
    public void A_clock_that_went_back_signs_nothing()
    {
        using (Witness witness = Open(_root)) witness.Add(Request(0, 10));
        using Witness early = Witness.Open(_root, [(TestLedger.Origin, TestLedger.Signer.VerifierKey)], Signer, new Early());
        Assert.Contains("set this machine's clock", Assert.Throws<IndelibleException>(() => early.Add(Request(10, 20))).Message,
            StringComparison.Ordinal);
    }

    private static Witness Open(string directory) =>
        Witness.Open(directory, [(TestLedger.Origin, TestLedger.Signer.VerifierKey)], Signer, TimeProvider.System);

    private static byte[] Request(int old, int size)
    {
        var checkpoint = new Checkpoint { Origin = TestLedger.Origin, Size = size, Root = Tree.Root(Leaves.AsSpan(0, size)) };
        Hash Node(int height, long index) => Tree.Root(Leaves.AsSpan((int)(index << height), 1 << height));
        return new AddCheckpoint { OldSize = old, Path = Proof.BuildConsistency(old, size, Node),
            Checkpoint = checkpoint.Sign(TestLedger.Signer).ToBytes() }.ToBytes();
    }

    private sealed class Early : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => DateTimeOffset.UnixEpoch;
    }
}
