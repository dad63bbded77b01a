using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>Verifies a file that says a ledger signed two histories.
/// Offline; needs nothing but the file and one of the ledger's keys: the file holds the handovers to the others.</summary>
internal static class MisbehaviourVerifier
{
    /// <summary>Verifies a file. That it holds is the verdict <see cref="Verdict.Verified"/>: the misbehaviour is proved.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="policy">Whom to believe; null for no one. Cosignatures are not asked for:
    /// it is the ledger's key that signed twice.</param>
    public static VerificationReport Verify(ReadOnlySpan<byte> bytes, Policy? policy)
    {
        var findings = new Findings();
        TextFault fault = Misbehaviour.Parse(bytes, out Misbehaviour? file);
        if (!fault.IsNone) return Unreadable(findings, fault);
        KeyHistory[]? keys = policy is null ? null : [.. policy.Ledgers.Select(key => KeyHistory.Of(key, file!.Handovers))];
        Checkpoint? older = Read(file!.Older, "the older checkpoint", keys, findings, out IReadOnlyList<string> signedBefore);
        Checkpoint? newer = Read(file.Newer, "the newer checkpoint", keys, findings, out IReadOnlyList<string> signedBy);
        if (older is null || newer is null)
        {
            return new VerificationReport
            {
                Verdict = Verdict.Failed,
                Findings = findings.Faults,
                NotChecked = ["everything else: a checkpoint cannot be read"],
            };
        }
        string? rule = Contradiction(file, older, newer);
        if (rule is not null) findings.Fault(Rules.Misbehaviour, "", rule);
        bool isProved = findings.Faults.Count == 0;
        return new VerificationReport
        {
            Verdict = !isProved ? Verdict.Failed : policy is null ? Verdict.SelfConsistent : Verdict.Verified,
            Origin = newer.Origin,
            TreeSize = newer.Size,
            Root = newer.Root,
            SignedBy = [.. signedBefore.Union(signedBy)],
            Findings = findings.Faults,
            NotChecked = [.. NotChecked(policy)],
            Misbehaviour = isProved ? new TwoHistories(older.Size, older.Root, file.Prefix) : null,
        };
    }

    /// <summary>What keeps the two from contradicting each other; null if they do.</summary>
    private static string? Contradiction(Misbehaviour file, Checkpoint older, Checkpoint newer)
    {
        if (older.Origin != newer.Origin)
            return $"expected two checkpoints of one ledger, found origins '{older.Origin}' and '{newer.Origin}'";
        if (older.Size > newer.Size) return $"expected the smaller size first, found {older.Size} before {newer.Size}";
        if (older.Size == newer.Size)
        {
            if (file.Prefix is not null) return "expected no consistency proof for equal sizes, found one";
            return older.Root == newer.Root ? $"both checkpoints state root {newer.Root} for size {newer.Size}: they agree" : null;
        }
        if (file.Prefix is not { } prefix) return $"expected a consistency proof from size {older.Size} to {newer.Size}, found none";
        ProofFault fault = Proof.CheckConsistency(older.Size, newer.Size, [.. file.Path], prefix, newer.Root);
        if (fault != ProofFault.None)
        {
            return $"the consistency proof does not lead from size {older.Size} to the root of size {newer.Size} ({fault}): "
                + "it shows nothing";
        }
        return prefix == older.Root ? $"the older checkpoint's tree is a prefix of the newer one's: they agree" : null;
    }

    private static Checkpoint? Read(
        ReadOnlyMemory<byte> bytes, string what, KeyHistory[]? keys, Findings findings, out IReadOnlyList<string> signedBy)
    {
        signedBy = [];
        IReadOnlyList<VerifiedSignature> signatures = [];
        TextFault fault = Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? checkpoint);
        if (!fault.IsNone) findings.Fault(Rules.Checkpoint, "", $"{what}: {fault}");
        else if (keys is not null
            && Policy.ForKeys([.. keys.SelectMany(known => known.At(checkpoint!.Size)).Distinct()])
            .Check(note!, checkpoint!, out signatures) is { IsNone: false } wrong) findings.Fault(Rules.Signature, "", $"{what}: {wrong}");
        else signedBy = [.. signatures.Select(signature => signature.Key.ToString())];
        return checkpoint;
    }

    private static VerificationReport Unreadable(Findings findings, TextFault fault)
    {
        findings.Fault(Rules.Misbehaviour, "", fault.ToString());
        return new VerificationReport { Verdict = Verdict.Failed, Findings = findings.Faults,
            NotChecked = ["everything else: this is no evidence file"] };
    }

    private static IEnumerable<string> NotChecked(Policy? policy)
    {
        if (policy is null) yield return "who signed these checkpoints: no verifier key was given (--key or --policy)";
        yield return "which of the two histories is the true one: the file proves that there are two";
        yield return "who used the key: its owner, or somebody who has it";
    }
}
