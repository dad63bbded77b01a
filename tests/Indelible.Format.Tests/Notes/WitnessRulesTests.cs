using System.Text;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Tests.Merkle;
using Indelible.Format.Tests.Vectors;
using Indelible.Format.Verification;

namespace Indelible.Format.Tests.Notes;

/// <summary>Every status of c2sp.org/tlog-witness, and what is evidence.</summary>
public sealed class WitnessRulesTests
{
    private const string Origin = "example.org/log";
    private static readonly NoteSigner Log = NoteSigner.FromSeed(Origin, new byte[32]);
    private static readonly NoteSigner Stranger = NoteSigner.FromSeed(Origin, [.. Enumerable.Repeat((byte)7, 32)]);

    [Fact]
    public void Every_growth_is_cosigned_and_nothing_else()
    {
        for (int old = 0; old <= 40; old++)
        {
            for (int size = old; size <= 40; size++)
            {
                Assert.Equal(200, Decide(old, old, size).Status);
                if (old > 0) Assert.Equal(409, Decide(latest: old, old - 1, size).Status);
                if (old < size) Assert.Equal(409, Decide(latest: old, old + 1, size).Status);
            }
        }
    }

    [Fact]
    public void A_size_that_is_not_the_one_cosigned_last_is_answered_with_that_one()
    {
        WitnessVerdict verdict = Decide(latest: 17, old: 0, size: 20);
        Assert.Equal((409, "17"), (verdict.Status, verdict.Reason));
    }

    [Fact]
    public void Statuses_come_in_the_order_of_the_specification()
    {
        Assert.Equal(400, Answer("nonsense").Status);
        Assert.Equal(400, Answer("old 01\n\n").Status);
        Assert.Equal(400, Answer("old 1\nnot base64\n\n" + Signed(1)).Status);
        Assert.Equal(400, Answer("old 0\n" + string.Concat(Enumerable.Repeat($"{Tree.EmptyRoot}\n", 64)) + "\n" + Signed(1)).Status);
        Assert.Equal(400, Answer("old 0\n\nno checkpoint\n").Status);
        using NoteSigner other = NoteSigner.FromSeed("example.org/other", new byte[32]);
        Assert.Equal(404,
            Answer($"old 9\n\n{new Checkpoint { Origin = "example.org/other", Size = 1, Root = SmallTrees.Root(1) }.Sign(other)}").Status);
        Assert.Equal(403, Answer($"old 9\n\n{At(1).Sign(Stranger)}").Status);
        string forged = Signed(1).Replace(SmallTrees.Root(1).ToString(), SmallTrees.Root(2).ToString(), StringComparison.Ordinal);
        Assert.Equal(403, Answer("old 9\n\n" + forged).Status);
        Assert.Equal(400, Answer("old 9\n\n" + Signed(1)).Status);
        Assert.Equal(422, Answer($"old 0\n{Tree.EmptyRoot}\n\n{Signed(3)}").Status);
        Assert.Equal(422, Answer($"old 0\n\n{new Checkpoint { Origin = Origin, Size = 0, Root = SmallTrees.Root(1) }.Sign(Log)}").Status);
        Assert.Equal(200, Answer($"old 0\n\n{At(0).Sign(Log)}").Status);
    }

    [Fact]
    public void A_wrong_proof_is_refused_and_proves_nothing()
    {
        for (int old = 1; old <= 20; old++)
        {
            for (int size = old + 1; size <= 20; size++)
            {
                List<Hash> path = SmallTrees.Consistency(old, 0, size, isWhole: true);
                path[0] = SmallTrees.Root(33);
                WitnessVerdict verdict = Decide(old, old, size, path);
                Assert.Equal((422, null), (verdict.Status, verdict.Evidence));
                Assert.Equal(422, Decide(old, old, size, [.. path, SmallTrees.Root(1)]).Status);
                Assert.Equal(422, Decide(old, old, size, []).Status);
            }
        }
    }

    [Fact]
    public void Two_roots_of_one_size_are_evidence()
    {
        Checkpoint other = At(9) with { Root = SmallTrees.Range(1, 10) };
        WitnessVerdict verdict = Answer($"old 9\n\n{other.Sign(Log)}", latest: 9);
        Assert.Equal(422, verdict.Status);
        RequireProof(verdict.Evidence!);
    }

    [Fact]
    public void A_proof_out_of_another_history_is_evidence_unless_the_size_is_a_power_of_two()
    {
        for (int old = 1; old <= 20; old++)
        {
            // The witness has cosigned another tree of that size than the one the proof begins at.
            var cosigned = new Checkpoint { Origin = Origin, Size = old, Root = SmallTrees.Range(40, 40 + old) };
            WitnessVerdict verdict = Answer(Body(old, SmallTrees.Consistency(old, 0, 30, isWhole: true), At(30)), cosigned);
            Assert.Equal((422, int.IsPow2(old)), (verdict.Status, verdict.Evidence is null));
            if (verdict.Evidence is { } evidence) RequireProof(evidence);
        }
    }

    [Fact]
    public void Signatures_of_others_are_left_out_and_a_second_key_of_the_ledger_is_known()
    {
        SignedNote note = At(3).Sign(Log);
        using NoteSigner witness = NoteSigner.CosignerFromSeed("witness.example/other", new byte[32]);
        note = note with { Signatures = [.. note.Signatures, witness.Cosign(note.Text, 1), Stranger.Sign(note.Text)] };
        byte[] body = Encoding.UTF8.GetBytes($"old 0\n\n{note}");
        Assert.Single(WitnessRules.Decide(body, _ => [Log.VerifierKey], _ => null).Note!.Signatures);
        Assert.Equal(2, WitnessRules.Decide(body, _ => [Log.VerifierKey, Stranger.VerifierKey], _ => null).Note!.Signatures.Count);
    }

    [Fact]
    public void The_tree_head_of_the_go_checksum_database_is_cosigned()
    {
        // A public log whose origin is not its key's name, and has spaces. Size 49189689, as sum.golang.org signed it.
        const string head = "go.sum database tree\n49189689\nftjbAOzaupaIvaPo/G+Dk63nxOZ2s1OPOKIaPtXs7S4=\n\n"
            + "— sum.golang.org Az3grlKZssqRoMNPpZfKt0TphbbcF+pzXqElURJKRNFKfaUAgqeI5k2AORH0QAhg/ebRwyIqD/OqP4oLtLnNumvOBAM=\n";
        Assert.True(VerifierKey.Parse("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8", out VerifierKey? key).IsNone);
        WitnessVerdict verdict = WitnessRules.Decide(
            Encoding.UTF8.GetBytes($"old 0\n\n{head}"), origin => origin == "go.sum database tree" ? [key!] : [], _ => null);
        Assert.Equal((200, 49_189_689), (verdict.Status, verdict.Checkpoint!.Size));
        Assert.Equal(403,
            WitnessRules.Decide(Encoding.UTF8.GetBytes($"old 0\n\n{head.Replace("49189689", "49189690", StringComparison.Ordinal)}"),
                _ => [key!], _ => null).Status);
    }

    [Fact]
    public void The_example_of_the_specification_is_read()
    {
        string note = SharedVectors.Derived("c2sp-examples.json").GetProperty("behindTheSofa").GetProperty("note").GetString()!;
        byte[] body = Encoding.UTF8.GetBytes($"old 20852014\nPlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=\n\n{note}");
        Assert.Equal(404, WitnessRules.Decide(body, _ => [], _ => null).Status);
        Assert.Equal(403, WitnessRules.Decide(body, _ => [Log.VerifierKey], _ => null).Status);
        Assert.True(AddCheckpoint.Parse(body, out AddCheckpoint? request).IsNone);
        Assert.Equal(body, request!.ToBytes());
    }

    private static void RequireProof(Misbehaviour evidence) =>
        Assert.Equal(Verdict.Verified, EvidenceVerifier.Verify(evidence.ToBytes(), Policy.ForKey(Log.VerifierKey)).Verdict);

    private static Checkpoint At(int size) => new() { Origin = Origin, Size = size, Root = SmallTrees.Root(size) };

    private static string Signed(int size) => At(size).Sign(Log).ToString();

    private static WitnessVerdict Decide(int latest, int old, int size, IReadOnlyList<Hash>? path = null) =>
        Answer(Body(old, path ?? (old == 0 || old >= size ? [] : SmallTrees.Consistency(old, 0, size, isWhole: true)), At(size)), latest);

    private static string Body(int old, IReadOnlyList<Hash> path, Checkpoint checkpoint) =>
        Encoding.UTF8.GetString(new AddCheckpoint { OldSize = old, Path = path, Checkpoint = checkpoint.Sign(Log).ToBytes() }.ToBytes());

    private static WitnessVerdict Answer(string body, int latest = 0) => Answer(body, latest == 0 ? null : At(latest));

    private static WitnessVerdict Answer(string body, Checkpoint? latest) => WitnessRules.Decide(
        Encoding.UTF8.GetBytes(body), origin => origin == Origin ? [Log.VerifierKey] : [],
        _ => latest is null ? null : (latest.Sign(Log), latest));
}
