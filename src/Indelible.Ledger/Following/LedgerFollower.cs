using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Following;

/// <summary>Follows one ledger into a copy: verifies every head against all that was accepted, every entry before it is stored,
/// and cosigns what is stored. One loop owns it.</summary>
/// <param name="copy">Where it is stored.</param>
/// <param name="source">Where it is read.</param>
/// <param name="name">The source, for messages.</param>
/// <param name="cosigner">Cosigns what is stored; null: nobody does.</param>
/// <param name="time">The clock of cosignatures.</param>
public sealed class LedgerFollower(LedgerCopy copy, LedgerFetch source, string name, NoteSigner? cosigner, TimeProvider time)
{
    private readonly SourceTiles _tiles = new(source, name);
    private readonly NamedFiles _named = new(copy, source, new SourceTiles(source, name));

    /// <summary>Told entries stored so far and wanted; null if nobody wants it.</summary>
    public Action<long, long>? Progress { get; init; }

    /// <summary>Looks once, and stores what is new.</summary>
    /// <exception cref="IndelibleException">Environment: the source cannot be read.
    /// Finding: what it gives does not fit what it signed, or is not signed by the key.</exception>
    /// <exception cref="IOException">The copy cannot be written.</exception>
    public async Task<FollowOutcome> RoundAsync(CancellationToken cancellationToken)
    {
        if (copy.Evidence is [var evidence, ..]) return new FollowOutcome.Misbehaved(evidence);
        SignedHead head = await ReadHeadAsync(cancellationToken);
        if (await CompareAsync(head) is { } outcome) return outcome;
        long before = copy.Stored?.Size ?? -1;
        if (before < copy.Accepted!.Size)
        {
            CopyRound round = new(copy, source, _tiles, _named, cosigner, time) { Progress = Progress };
            await round.RunAsync(copy.Accepted, cancellationToken);
        }
        else if (_named.Missing.Count > 0) await _named.CopyAsync(cancellationToken);
        if (Contradicted() is { } contradicted) return contradicted;
        return head.Size < copy.Accepted.Size
            ? new FollowOutcome.RolledBack(head, copy.Accepted)
            : new FollowOutcome.Stored(copy.Stored!, copy.Stored!.Size - Math.Max(0, before), _named.Missing);
    }

    /// <summary>Compares a head that somebody else was shown with what is stored; evidence if it is of another history,
    /// null if it fits or is greater than what is stored.</summary>
    /// <param name="bytes">A signed checkpoint; one that the ledger's key did not sign says nothing.</param>
    public FollowOutcome.Misbehaved? Compare(ReadOnlySpan<byte> bytes)
    {
        if (!SignedHead.Read(bytes, copy.Keys, out SignedHead? head).IsNone || copy.Stored is not { } stored || head!.Size > stored.Size)
            return null;
        return CompareWithStored(head, stored);
    }

    /// <summary>True for a head that the ledger's key signed and that is greater than what is stored.</summary>
    public bool IsBeyond(ReadOnlySpan<byte> bytes) => SignedHead.Read(bytes, copy.Keys, out SignedHead? head).IsNone
        && head!.Size > (copy.Stored?.Size ?? 0);

    /// <summary>A handover is a head that two keys signed: it must be on the tree like any other.</summary>
    private FollowOutcome.Misbehaved? Contradicted() =>
        copy.Keys.Handovers.Where(handover => handover.Checkpoint.Size <= copy.Stored!.Size)
            .Select(handover => CompareWithStored(new SignedHead(handover.Note, handover.Checkpoint), copy.Stored!))
            .FirstOrDefault(found => found is not null);

    private async Task<SignedHead> ReadHeadAsync(CancellationToken cancellationToken)
    {
        byte[] bytes = await source.ReadAsync(LedgerFiles.Checkpoint, cancellationToken)
            ?? throw new IndelibleException(
                ExitCode.Environment, $"{name}: expected a ledger, found no {LedgerFiles.Checkpoint} there: is this the right address?");
        TextFault fault = SignedHead.Read(bytes, copy.Keys, out SignedHead? head);
        if (!fault.IsNone && await HandedOverAsync(cancellationToken) is { } keys)
        {
            fault = SignedHead.Read(bytes, keys, out head);
            if (fault.IsNone) copy.Learn(keys);
        }
        if (fault.IsNone) return head!;
        throw new IndelibleException(ExitCode.Finding,
            $"{name}: expected a checkpoint signed by {copy.Keys}: {fault}. Is this the right ledger, "
                + "and the right key? Nothing was accepted");
    }

    /// <summary>The keys with those that the source's handovers link them with; null if there is none that is not stored.
    /// The hint says where they are, their signatures say what they are.</summary>
    private async Task<KeyHistory?> HandedOverAsync(CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(HandoverFiles.HintPath, cancellationToken) is not { } hint) return null;
        List<ReadOnlyMemory<byte>> files = [];
        foreach (string path in HandoverFiles.PathsIn(hint))
        {
            if (!Path.Exists(Path.Combine(copy.LedgerDirectory, path)) && await source.ReadAsync(path, cancellationToken) is { } bytes)
                files.Add(bytes);
        }
        return files.Count == 0 ? null : copy.Keys.With(files);
    }

    /// <summary>Accepts a head that all accepted before is a prefix of; else says what it is.</summary>
    private async Task<FollowOutcome?> CompareAsync(SignedHead head)
    {
        if (copy.Accepted is not { } accepted)
        {
            copy.Accept(head);
            return null;
        }
        if (copy.Stored is { } stored && head.Size <= stored.Size)
        {
            if (CompareWithStored(head, stored) is { } found) return found;
        }
        if (head.Size == accepted.Size)
        {
            return head.Root == accepted.Root
                ? null
                : Keep(new Misbehaviour { Older = accepted.Note.ToBytes(), Newer = head.Note.ToBytes() }, head.Size, head.Size);
        }
        if (head.Size < accepted.Size) return copy.Stored?.Size < accepted.Size ? new FollowOutcome.RolledBack(head, accepted) : null;
        await Task.Yield();
        NodeReader nodes = _tiles.Nodes(head.Size);
        Hash[] path = Proof.BuildConsistency(accepted.Size, head.Size, nodes);
        if (Proof.CheckConsistency(accepted.Size, head.Size, path, accepted.Root, head.Root) != ProofFault.None)
            return Fork(accepted, head, path, nodes);
        copy.Accept(head);
        return null;
    }

    private FollowOutcome.Misbehaved? CompareWithStored(SignedHead head, SignedHead stored)
    {
        Hash root = copy.RootAt(head.Size);
        if (root == head.Root) return null;
        if (head.Size == stored.Size)
            return Keep(new Misbehaviour { Older = stored.Note.ToBytes(), Newer = head.Note.ToBytes() }, head.Size, head.Size);
        Hash[] path = Proof.BuildConsistency(head.Size, stored.Size, new TileNodes(stored.Size, copy.Reader.ReadTile).Read);
        return Keep(
            new Misbehaviour { Older = head.Note.ToBytes(), Newer = stored.Note.ToBytes(), Prefix = root, Path = path },
            head.Size, stored.Size);
    }

    /// <summary>Two histories, if the source's own tiles say so; tiles that lead nowhere prove nothing.</summary>
    private FollowOutcome.Misbehaved Fork(SignedHead accepted, SignedHead head, Hash[] path, NodeReader nodes)
    {
        Hash prefix = Tree.Root(accepted.Size, nodes);
        if (Proof.CheckConsistency(accepted.Size, head.Size, path, prefix, head.Root) != ProofFault.None)
        {
            throw _tiles.Wrong(
                $"expected its tiles to lead to the root {head.Root} it signed for size {head.Size}, found that they do not");
        }
        return Keep(
            new Misbehaviour { Older = accepted.Note.ToBytes(), Newer = head.Note.ToBytes(), Prefix = prefix, Path = path },
            accepted.Size, head.Size);
    }

    private FollowOutcome.Misbehaved Keep(Misbehaviour evidence, long olderSize, long newerSize)
    {
        IEnumerable<ReadOnlyMemory<byte>> handovers =
            copy.Keys.Handovers.Select(handover => (ReadOnlyMemory<byte>)handover.Note.ToBytes());
        return new FollowOutcome.Misbehaved(copy.Keep(evidence with { Handovers = [.. handovers] }, olderSize, newerSize));
    }
}

/// <summary>What looking at a ledger came to. A closed set.</summary>
public abstract record FollowOutcome
{
    private FollowOutcome() { }

    /// <summary>The copy holds everything the source published.</summary>
    /// <param name="Head">The head it holds.</param>
    /// <param name="Entries">Entries stored by this look.</param>
    /// <param name="Missing">Files beside the tree that entries name and the source does not have; asked for again.</param>
    public sealed record Stored(SignedHead Head, long Entries, IReadOnlyList<string> Missing) : FollowOutcome;

    /// <summary>The source shows less than it once did. It may be an old copy, or a cache: that proves nothing.</summary>
    /// <param name="Found">What it shows.</param>
    /// <param name="Accepted">What it showed.</param>
    public sealed record RolledBack(SignedHead Found, SignedHead Accepted) : FollowOutcome;

    /// <summary>The ledger's key signed two histories. Nothing is followed any more.</summary>
    /// <param name="Evidence">The file that proves it.</param>
    public sealed record Misbehaved(string Evidence) : FollowOutcome;
}
