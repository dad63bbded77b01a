using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;

namespace Indelible.Format.Verification;

/// <summary>Verifies an evidence file: signatures, inclusion of the entry, its form and origin, and what it discloses.
/// Offline; needs nothing but the file and a key.</summary>
public static class EvidenceVerifier
{
    /// <summary>True if these bytes begin as an evidence file does.</summary>
    public static bool IsEvidence(ReadOnlySpan<byte> bytes) => bytes.StartsWith("c2sp.org/tlog-proof@"u8);

    /// <summary>Verifies an evidence file: of an entry, or of a ledger's misbehaviour.</summary>
    /// <param name="bytes">The whole file.</param>
    /// <param name="policy">Whom to believe; null for no one.</param>
    public static VerificationReport Verify(ReadOnlySpan<byte> bytes, Policy? policy)
    {
        if (Misbehaviour.IsMisbehaviour(bytes)) return MisbehaviourVerifier.Verify(bytes, policy);
        var findings = new Findings();
        TextFault fault = Evidence.Parse(bytes, out Evidence? evidence, out SignedNote? note, out Checkpoint? checkpoint);
        if (!fault.IsNone)
        {
            if (!IsEvidence(bytes)) fault = new TextFault($"expected '{Evidence.Header}'", 1);
            findings.Fault(Rules.Evidence, "", fault.ToString());
            return new VerificationReport { Verdict = Verdict.Failed, Findings = findings.Faults,
                NotChecked = ["everything else: this is no evidence file"] };
        }
        return Verify(evidence!, note!, checkpoint!, policy, findings);
    }

    private static VerificationReport Verify(Evidence evidence, SignedNote note, Checkpoint checkpoint, Policy? policy, Findings findings)
    {
        IReadOnlyList<VerifiedSignature> signatures = CheckSignatures(note, checkpoint, policy, findings);
        Entry? entry = CheckEntry(evidence, checkpoint, findings, out EvidenceExtra? extra);
        IReadOnlyList<DisclosedValue> disclosed = entry is null ? [] : OpenAll(entry, extra!.Disclosed, evidence.Index, findings);
        bool isSound = findings.Faults.Count == 0;
        return new VerificationReport
        {
            Verdict = !isSound ? Verdict.Failed : policy is null ? Verdict.SelfConsistent : Verdict.Verified,
            Origin = checkpoint.Origin,
            TreeSize = checkpoint.Size,
            Root = checkpoint.Root,
            SignedBy = [.. signatures.Select(signature => signature.Key.ToString())],
            Findings = findings.Faults,
            Notices = findings.Notices,
            NotChecked = [.. NotChecked(policy, entry)],
            Entries = entry is null ? 0 : 1,
            // What was not proved is not handed on.
            Disclosed = isSound ? disclosed : [],
            Entry = entry,
            EntryIndex = evidence.Index,
        };
    }

    private static IReadOnlyList<VerifiedSignature> CheckSignatures(
        SignedNote note, Checkpoint checkpoint, Policy? policy, Findings findings)
    {
        if (policy is null) return [];
        TextFault fault = policy.Check(note, checkpoint, out IReadOnlyList<VerifiedSignature> signatures);
        if (!fault.IsNone) findings.Fault(Rules.Signature, "", $"the checkpoint: {fault.Rule}");
        return signatures;
    }

    /// <summary>The entry, decoded; null if it is not there or cannot be one.</summary>
    private static Entry? CheckEntry(Evidence evidence, Checkpoint checkpoint, Findings findings, out EvidenceExtra? extra)
    {
        extra = null;
        if (evidence.Extra.IsEmpty)
        {
            findings.Fault(
                Rules.Evidence, "", evidence.Index, "expected the entry in the extra line, found none: there is nothing to prove");
            return null;
        }
        EntryFault fault = EvidenceExtra.Parse(evidence.Extra.Span, out extra);
        if (fault != EntryFault.None)
        {
            findings.Fault(Rules.Evidence, "", evidence.Index, $"the extra line: {fault}");
            return null;
        }
        ProofFault proof =
            Proof.CheckInclusion(Tree.Leaf(extra!.Entry.Span), evidence.Index, checkpoint.Size, evidence.Path.ToArray(), checkpoint.Root);
        if (proof != ProofFault.None) findings.Fault(Rules.Evidence, "", evidence.Index, Describe(proof, evidence, checkpoint));
        fault = EntryCodec.Decode(extra.Entry, out Entry entry);
        if (fault != EntryFault.None)
        {
            findings.Fault(Rules.Canonical, "", evidence.Index, fault.ToString());
            return null;
        }
        if (entry.Header.Origin != checkpoint.Origin)
            findings.Fault(Rules.Origin, "", evidence.Index, $"expected origin '{checkpoint.Origin}', found '{entry.Header.Origin}'");
        return entry;
    }

    private static string Describe(ProofFault fault, Evidence evidence, Checkpoint checkpoint) => fault switch
    {
        ProofFault.IndexOutOfRange => $"expected an index below the tree size {checkpoint.Size}, found {evidence.Index}",
        ProofFault.WrongLength =>
            $"an inclusion path of {evidence.Path.Count} hashes cannot be that of entry {evidence.Index} in a tree of {checkpoint.Size}",
        _ => $"the entry, at this index and along this path, does not lead to the root {checkpoint.Root}: "
            + "the entry, the index or the path was changed",
    };

    private static List<DisclosedValue> OpenAll(Entry entry, IReadOnlyList<DisclosedSide> sides, long index, Findings findings)
    {
        var values = new List<DisclosedValue>();
        foreach (DisclosedSide side in sides)
        {
            OpenedValue opened = SealedValue.OpenDisclosed(entry, side);
            string place = $"{side.Name} ({side.Side})";
            if (opened.Fault == OpenFault.BlobNotGiven)
            {
                findings.Notice(Rules.Disclosure, "", index,
                    $"{place}: the value is in a blob of the ledger, which is not in this file; the key fits the entry's commitment");
            }
            else if (opened.Fault != OpenFault.None) findings.Fault(Rules.Disclosure, "", index, $"{place}: {Describe(opened.Fault)}");
            else values.Add(new DisclosedValue(side.Scope, side.Name, side.Side, opened.Value.IsNull, opened.Value.Bytes));
        }
        return values;
    }

    private static string Describe(OpenFault fault) => fault switch
    {
        OpenFault.NotSealed => "this side is not sealed: there is nothing to disclose",
        OpenFault.NoSuchField => "the entry has no such field",
        OpenFault.WrongCommitment => "the key is not the one the entry committed to",
        _ => $"the value does not open ({fault})",
    };

    private static IEnumerable<string> NotChecked(Policy? policy, Entry? entry)
    {
        if (policy is null) yield return "who made this ledger: no verifier key was given (--key or --policy)";
        else if (!policy.AsksForCosignatures) yield return "whether others see the same history: no witness was asked for (--policy)";
        yield return "the rest of the ledger: evidence is about one entry";
        yield return "whether anything about this row was sealed before or since";
        if (entry is not null && entry.Fields.Count > 0) yield return "values that this file does not disclose";
    }
}
