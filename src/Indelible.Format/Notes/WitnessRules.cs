using System.Globalization;
using Indelible.Format.Merkle;

namespace Indelible.Format.Notes;

/// <summary>What a witness answers to <c>add-checkpoint</c>: the checks of c2sp.org/tlog-witness in their order.
/// Pure; who calls it keeps the state.</summary>
public static class WitnessRules
{
    /// <summary>Decides about a request.</summary>
    /// <param name="bytes">The body.</param>
    /// <param name="keysOf">The keys trusted for an origin; empty for one that is not known.</param>
    /// <param name="latestOf">The checkpoint cosigned last for a known origin, with its signatures; null if there is none.</param>
    public static WitnessVerdict Decide(ReadOnlySpan<byte> bytes, Func<string, IReadOnlyCollection<VerifierKey>> keysOf,
        Func<string, (SignedNote Note, Checkpoint Checkpoint)?> latestOf)
    {
        TextFault fault = AddCheckpoint.Parse(bytes, out AddCheckpoint? request);
        if (!fault.IsNone) return WitnessVerdict.Refuse(400, fault.ToString());
        fault = SignedNote.Parse(request!.Checkpoint.Span, out SignedNote? note);
        Checkpoint? checkpoint = null;
        if (fault.IsNone) fault = Checkpoint.ParseAnyRoot(note!.Text, out checkpoint);
        if (!fault.IsNone) return WitnessVerdict.Refuse(400, $"the checkpoint: {fault}");
        IReadOnlyCollection<VerifierKey> keys = keysOf(checkpoint!.Origin);
        if (keys.Count == 0) return WitnessVerdict.Refuse(404, $"this witness does not know '{checkpoint.Origin}'");
        fault = note!.Verify(keys, out IReadOnlyList<VerifiedSignature> good);
        if (!fault.IsNone) return WitnessVerdict.Refuse(403, fault.ToString());
        if (request.OldSize > checkpoint.Size)
            return WitnessVerdict.Refuse(400, $"expected an old size of at most {checkpoint.Size}, found {request.OldSize}");
        var submitted = new SignedNote(note.Text, [.. good.Select(signature => signature.Signature)]);
        return Compare(request, submitted, checkpoint, latestOf(checkpoint.Origin));
    }

    private static WitnessVerdict Compare(
        AddCheckpoint request, SignedNote note, Checkpoint checkpoint, (SignedNote Note, Checkpoint Checkpoint)? latest)
    {
        long latestSize = latest?.Checkpoint.Size ?? 0;
        if (request.OldSize != latestSize)
            return WitnessVerdict.Refuse(409, latestSize.ToString(CultureInfo.InvariantCulture)) with { Origin = checkpoint.Origin };
        ReadOnlySpan<Hash> path = [.. request.Path];
        Hash latestRoot = latest?.Checkpoint.Root ?? Tree.EmptyRoot;
        ProofFault proof = Proof.CheckConsistency(request.OldSize, checkpoint.Size, path, latestRoot, checkpoint.Root);
        if (proof == ProofFault.None) return new WitnessVerdict(200, "", checkpoint.Origin, note, checkpoint, null);
        return WitnessVerdict.Refuse(
            422, $"the consistency proof from size {request.OldSize} to {checkpoint.Size} does not hold: {proof}") with
        {
            Origin = checkpoint.Origin, Note = note, Checkpoint = checkpoint,
            Evidence = latest is { } known ? EvidenceOf(known, note, checkpoint, path) : null,
        };
    }

    /// <summary>Two histories, if what was submitted proves that there are; a proof that is merely wrong proves nothing.</summary>
    private static Misbehaviour? EvidenceOf(
        (SignedNote Note, Checkpoint Checkpoint) latest, SignedNote note, Checkpoint checkpoint, ReadOnlySpan<Hash> path)
    {
        var evidence = new Misbehaviour { Older = latest.Note.ToBytes(), Newer = note.ToBytes() };
        if (latest.Checkpoint.Size == checkpoint.Size) return latest.Checkpoint.Root == checkpoint.Root ? null : evidence;
        Hash? prefix = Proof.OlderRootOf(latest.Checkpoint.Size, checkpoint.Size, path, checkpoint.Root);
        return prefix is null || prefix == latest.Checkpoint.Root ? null : evidence with { Prefix = prefix, Path = path.ToArray() };
    }
}

/// <summary>What a witness answers.</summary>
/// <param name="Status">HTTP status: 200, 400, 403, 404, 409 or 422. c2sp.org/tlog-witness.</param>
/// <param name="Reason">Why not, in words; for 409 the size cosigned last, in decimal.</param>
/// <param name="Origin">The ledger, once its key is known to have signed; else null.</param>
/// <param name="Note">The checkpoint with the signatures that verified; null unless it may be cosigned or was refused with 422.</param>
/// <param name="Checkpoint">What it says.</param>
/// <param name="Evidence">What proves that the ledger signed two histories; null if nothing does.</param>
public sealed record WitnessVerdict(
    int Status, string Reason, string? Origin, SignedNote? Note, Checkpoint? Checkpoint, Misbehaviour? Evidence)
{
    internal static WitnessVerdict Refuse(int status, string reason) => new(status, reason, null, null, null, null);
}
