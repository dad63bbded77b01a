using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Proofs out of the published tiles.</summary>
public sealed partial class LedgerReader
{
    /// <summary>Evidence that the entry is in the published tree, with the entry in it and nothing disclosed;
    /// <see cref="ArgumentOutOfRangeException"/> beyond it.</summary>
    public Evidence Prove(long index)
    {
        (SignedNote note, Checkpoint head) = ReadSignedCheckpoint();
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, head.Size);
        Hash[] path = Proof.BuildInclusion(index, head.Size, new TileNodes(head.Size, ReadTile).Read);
        ReadOnlyMemory<byte> entry = ReadFramed(index, head.Size, out _)[2..];
        ProofFault fault = Proof.CheckInclusion(Tree.Leaf(entry.Span), index, head.Size, path, head.Root);
        if (fault != ProofFault.None)
        {
            throw new LedgerCorruptException(
                LedgerDirectory, 0, $"expected entry {index} and its tiles to lead to root {head.Root} of size {head.Size}: {fault}");
        }
        return new Evidence
        {
            Index = index, Path = path, Checkpoint = note.ToBytes(), Extra = new EvidenceExtra { Entry = entry }.ToBytes(),
        };
    }

    /// <summary>A signing key with those that the handovers kept here link it with.</summary>
    public KeyHistory ReadKeys(VerifierKey known)
    {
        string directory = Path.Combine(LedgerDirectory, Handover.Directory);
        if (!Directory.Exists(directory)) return KeyHistory.Of(known);
        IEnumerable<ReadOnlyMemory<byte>> handovers = Directory.EnumerateFiles(directory)
            .Where(path => !path.EndsWith(DurableFile.Unfinished, StringComparison.Ordinal))
            .Take(KeyHistory.HandoversMax)
            .Select(path => (ReadOnlyMemory<byte>)DurableFile.ReadAll(path, SignedNote.LengthMax));
        return KeyHistory.Of(known, handovers);
    }

    /// <summary>The path that proves the tree of <paramref name="olderSize"/> entries to be a prefix of the published one.</summary>
    public IReadOnlyList<Hash> ProveConsistency(long olderSize)
    {
        long size = ReadCheckpoint().Size;
        return ProveConsistency(olderSize, size);
    }

    /// <summary>The path that proves the tree of <paramref name="olderSize"/> entries to be a prefix of that of
    /// <paramref name="newerSize"/>, which was published once.</summary>
    public IReadOnlyList<Hash> ProveConsistency(long olderSize, long newerSize) =>
        Proof.BuildConsistency(olderSize, newerSize, new TileNodes(newerSize, ReadTile).Read);
}
