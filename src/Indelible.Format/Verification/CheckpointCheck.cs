using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>The head of a ledger: what its checkpoint says, who signed it, and which other checkpoints must fit.</summary>
internal sealed class CheckpointCheck
{
    private const string HeadPath = "checkpoint";
    private const string CosignedPath = "checkpoint.cosigned";

    /// <summary>What the checkpoint states; null if there is none to read.</summary>
    public Checkpoint? Checkpoint { get; private init; }

    /// <summary>The keys asked for, each with those that handovers link it with.</summary>
    public IReadOnlyList<KeyHistory> Keys { get; private init; } = [];

    /// <summary>Keys whose signatures verified.</summary>
    public IReadOnlyList<string> SignedBy { get; private init; } = [];

    /// <summary>Reads and checks the head. The quorum, if one is asked for, may be met by <c>checkpoint.cosigned</c>, which may trail;
    /// then that is the head.</summary>
    public static CheckpointCheck Read(LedgerFiles files, Policy? policy, Findings findings)
    {
        ReadOnlyMemory<byte>? bytes = files.Read(HeadPath);
        if (bytes is null)
        {
            findings.Fault(Rules.Missing, HeadPath, "expected a signed checkpoint, found no file: is this a ledger directory?");
            return new CheckpointCheck();
        }
        bytes = bytes.Value.ToArray();      // more is read before it is used
        IReadOnlyList<KeyHistory> keys = [.. (policy?.Ledgers ?? []).Select(key => HandoverFiles.History(key, path => files.Read(path)))];
        CheckpointCheck newest = Check(bytes.Value, HeadPath, policy, keys, out Finding? fault);
        if (fault is null) return newest;
        if (policy is { AsksForCosignatures: true } && files.Read(CosignedPath) is { } cosigned)
        {
            CheckpointCheck trailing = Check(cosigned, CosignedPath, policy, keys, out Finding? cosignedFault);
            if (cosignedFault is null) return trailing;
        }
        findings.Fault(fault.Value.Rule, fault.Value.File, fault.Value.Message);
        return newest;
    }

    /// <summary>The older checkpoint given, and the ledger's own cosigned one: roots that must come out on the way.</summary>
    public IReadOnlyList<Milestone> Milestones(LedgerFiles files, Policy? policy, ReadOnlyMemory<byte> older, Findings findings)
    {
        var milestones = new List<Milestone>();
        if (!older.IsEmpty) AddMilestone(milestones, older, "", "the older checkpoint given", policy, findings);
        if (files.Read(CosignedPath) is { } cosigned)
            AddMilestone(milestones, cosigned, CosignedPath, "the cosigned checkpoint", policy, findings);
        foreach (Handover handover in Keys.SelectMany(keys => keys.Handovers)
            .Where(handover => handover.Checkpoint.Size <= Checkpoint!.Size && handover.Checkpoint.Origin == Checkpoint.Origin))
        {
            Checkpoint then = handover.Checkpoint;
            milestones.Add(new Milestone(then.Size, then.Root, Handover.PathOf(then.Size), "the handover"));
        }
        return milestones;
    }

    private void AddMilestone(
        List<Milestone> milestones, ReadOnlyMemory<byte> bytes, string file, string what, Policy? policy, Findings findings)
    {
        // Witnesses need not have cosigned what is merely compared, but the ledger's key must have signed it.
        Policy? keysOnly = policy is null ? null : Policy.ForKeys(policy.Ledgers);
        CheckpointCheck other = Check(bytes, file, keysOnly, Keys, out Finding? fault);
        if (fault is { } wrong) findings.Fault(Rules.Consistency, file, $"{what}: {wrong.Message}");
        else if (other.Checkpoint!.Origin != Checkpoint!.Origin)
        {
            findings.Fault(Rules.Consistency, file,
                $"{what} is of another ledger: expected origin '{Checkpoint.Origin}', found '{other.Checkpoint.Origin}'");
        }
        else if (other.Checkpoint.Size <= Checkpoint.Size)
            milestones.Add(new Milestone(other.Checkpoint.Size, other.Checkpoint.Root, file, what));
        else if (file.Length == 0)
        {
            findings.Fault(Rules.Consistency, file,
                $"{what} states tree size {other.Checkpoint.Size}, this ledger only {Checkpoint.Size}: the ledger was rolled back");
        }
    }

    private static CheckpointCheck Check(
        ReadOnlyMemory<byte> bytes, string file, Policy? policy, IReadOnlyList<KeyHistory> keys, out Finding? finding)
    {
        finding = null;
        TextFault fault = Checkpoint.Parse(bytes.Span, out SignedNote? note, out Checkpoint? checkpoint);
        if (!fault.IsNone)
        {
            finding = new Finding(Rules.Checkpoint, file, -1, fault.ToString());
            return new CheckpointCheck();
        }
        IReadOnlyList<VerifiedSignature> signatures = [];
        if (policy is not null)
        {
            Policy then = keys.Any(history => history.Handovers.Count > 0) ? policy.At(checkpoint!.Size, keys) : policy;
            fault = then.Check(note!, checkpoint!, out signatures);
        }
        if (!fault.IsNone) finding = new Finding(Rules.Signature, file, -1, fault.ToString());
        return new CheckpointCheck { Checkpoint = checkpoint, Keys = keys,
            SignedBy = [.. signatures.Select(signature => signature.Key.ToString())] };
    }
}
