using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Mirroring;

namespace Indelible.Server.Restoring;

/// <summary>Makes a ledger of a copy, verified like a mirror's; or opens a successor, where the copy does not reach the highest head that
/// is known. Stopped anywhere, it can be run again.</summary>
/// <param name="paths">Where the ledger was, and is to be.</param>
/// <param name="config">The configuration: copies and witnesses that may know a higher head; sources, for a successor.</param>
/// <param name="time">The clock.</param>
/// <param name="note">Told what a person should know meanwhile.</param>
public sealed class Restore(LedgerPaths paths, IndelibleConfig config, TimeProvider time, Action<string> note)
{
    /// <summary>The copy: an http or https address, or a directory.</summary>
    public required string From { get; init; }
    /// <summary>The ledger's verifier key.</summary>
    public required VerifierKey Key { get; init; }
    /// <summary>Who may know a higher head: files with a checkpoint, ledgers, mirrors, witnesses.</summary>
    public IReadOnlyList<string> Heads { get; init; } = [];
    /// <summary>Origin of a successor to open; null: none.</summary>
    public string? Successor { get; init; }
    /// <summary>Its directory: ledger, keyring and configuration go there.</summary>
    public string? SuccessorDirectory { get; init; }
    /// <summary>Who restores; goes into a successor's first entry.</summary>
    public required string By { get; init; }
    /// <summary>Told entries fetched and wanted.</summary>
    public Action<long, long>? Progress { get; init; }

    private string Staging => paths.Ledger + ".restoring";

    /// <summary>Restores. Everything is durable when it returns.</summary>
    /// <exception cref="IndelibleException">Finding: the copy does not verify, is of another history than somebody else's head,
    /// or does not reach it and no successor was asked for.
    /// Usage: something is in the way. Environment: the copy cannot be read.</exception>
    public async Task<RestoredLedger> RunAsync(CancellationToken cancellationToken)
    {
        if (paths.Store is { } store && Successor is null)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"the configuration says that the ledger lives in {store.Name}: "
                    + "`indelible run` goes on with it wherever the keyring is. To make a directory of it, name one with --ledger DIR");
        }
        RequireRoom();
        KnownHeads known = new(Key);
        List<KnownHead> heads =
            [.. await known.NamedAsync(Heads, cancellationToken), .. await known.ConfiguredAsync(config, note, cancellationToken)];
        SignedHead complete;
        using (LedgerCopy copy = LedgerCopy.Open(Staging, Key))
        {
            complete = await FetchAsync(copy, heads, cancellationToken);
        }
        LedgerReader reader = new(LedgerCopy.LedgerBelow(Staging));
        RestoredLedger restored = new()
        {
            Complete = complete,
            Highest = heads.MaxBy(head => head.Head.Size),
            Sources = reader.RecoverMarks(),
            Values = WithKeyring(keyring => ReadableValues.Count(reader, complete.Size, keyring, cancellationToken)),
            Ledger = null,
        };
        RequireReach(restored);
        if (Successor is not null) return restored with { Successor = await OpenSuccessorAsync(restored, cancellationToken) };
        Directory.Move(LedgerCopy.LedgerBelow(Staging), paths.Ledger);
        DurableFile.SyncDirectory(Path.GetDirectoryName(paths.Ledger)!);
        Directory.Delete(Staging, recursive: true);
        return restored with { Ledger = paths.Ledger };
    }

    private void RequireRoom()
    {
        if (Successor is not null != SuccessorDirectory is not null)
            throw new IndelibleException(ExitCode.Usage, "expected --successor and --to together, or neither");
        if (Successor is not null) return;
        foreach (string directory in (string[])[paths.Ledger, paths.Journal, paths.Index])
        {
            if (!Directory.Exists(directory)) continue;
            if (Directory.EnumerateFileSystemEntries(directory).Any())
            {
                throw new IndelibleException(ExitCode.Usage,
                    $"expected nothing at {directory}, found files there: what is left of the ledger is never overwritten. "
                        + "Move it away, and keep it for what it proves");
            }
            Directory.Delete(directory);
        }
    }

    /// <summary>Everything the copy holds, held against every head that is known.</summary>
    private async Task<SignedHead> FetchAsync(LedgerCopy copy, IReadOnlyList<KnownHead> heads, CancellationToken cancellationToken)
    {
        using LedgerFetch source = MirroredLedger.SourceOf(From, Key, cancellationToken);
        LedgerFollower follower = new(copy, source, From, cosigner: null, time) { Progress = Progress };
        FollowOutcome outcome = await follower.RoundAsync(cancellationToken);
        foreach (KnownHead head in heads) outcome = follower.Compare(head.Head.Note.ToBytes()) ?? outcome;
        return outcome switch
        {
            FollowOutcome.Stored stored => stored.Head,
            FollowOutcome.RolledBack back => throw new IndelibleException(ExitCode.Finding,
                $"{From}: expected at least {back.Accepted}, which an earlier attempt found in {Staging}, found {back.Found}. "
                    + $"Restore from that copy, or remove {Staging}"),
            FollowOutcome.Misbehaved twice => throw new IndelibleException(ExitCode.Finding,
                $"the ledger's key signed two histories: the proof is {twice.Evidence} (`indelible verify {twice.Evidence} --key {Key}`). "
                    + "Nothing was restored: find out which history is the true one, and restore from a copy of that one"),
            _ => throw new System.Diagnostics.UnreachableException(),
        };
    }

    /// <summary>Acts with the ledger's own keyring; null if there is none, or no master key for it.</summary>
    private T WithKeyring<T>(Func<Keyring?, T> act)
    {
        if (!Keyring.Exists(paths.Keyring) || !MasterKey.Exists(paths.Keyring)) return act(null);
        using MasterKey master = MasterKey.Load(paths.Keyring);
        using Keyring keyring = Keyring.Open(paths.Keyring, master);
        return keyring.Origin == Key.Name
            ? act(keyring)
            : throw new IndelibleException(
                ExitCode.Usage, $"expected the keyring of {Key.Name} in {paths.Keyring}, found that of {keyring.Origin}");
    }

    /// <summary>A ledger never goes on under the same origin and key below a head that its key signed.</summary>
    private void RequireReach(RestoredLedger restored)
    {
        GuardedHead? guard = new Guard(paths.Keyring).Read(Key.Name);
        if (Successor is not null) return;
        string? higher = restored.IsBehind ? $"{restored.Highest!.Where} has {restored.Highest.Head}"
            : guard is { } own && own.Size > restored.Complete.Size
            ? $"the guard in {paths.Keyring} has size {own.Size}, root {own.Root}"
            : null;
        if (higher is null) return;
        throw new IndelibleException(
            ExitCode.Finding, $"{From} is complete up to {restored.Complete}, and {higher}: expected a copy that reaches it. "
            + "To go on under the same origin and key would make a second history, so nothing was restored. "
            + "Restore from a copy that reaches it; if there is none, open a successor: add --successor NEW-ORIGIN --to NEW-DIR");
    }

    private async Task<NewLedger> OpenSuccessorAsync(RestoredLedger restored, CancellationToken cancellationToken)
    {
        string home = Path.GetFullPath(SuccessorDirectory!);
        if (Successor == Key.Name)
            throw new IndelibleException(ExitCode.Usage, $"expected another origin for the successor than {Key.Name}");
        DurableFile.MakeDirectory(home);
        LedgerPaths own = LedgerPaths.For(Path.Combine(home, "ledger"));
        NewLedger made = await NewLedger.CreateAsync(own, Successor!, cancellationToken);
        IndelibleConfig mine = new() { Origin = Successor, Ledger = own.Ledger, Listen = config.Listen };
        ConfigFile.Save(Path.Combine(home, ConfigFile.DefaultName), mine);
        await using LedgerHost host = await LedgerHost.OpenAsync(
            own, mine, time, Microsoft.Extensions.Logging.Abstractions.NullLoggerFactory.Instance, cancellationToken);
        InheritAttribution(restored, host.Keyring);
        EntryBatch entries = new();
        host.NewMaker("").AddAdmin(entries, Succession.SucceedsCode, FactsOf(restored));
        await host.SealAsync(entries, cancellationToken);
        await host.PublishAsync(cancellationToken);
        return made;
    }

    /// <summary>The secret that a source's attribution is authenticated with lies in the source:
    /// whoever has it may protect there again.</summary>
    private void InheritAttribution(RestoredLedger restored, Keyring successor)
    {
        bool isComplete = WithKeyring(own =>
        {
            foreach (SourceMark mark in restored.Sources)
            {
                if (own?.AttributionSecret(mark.Source) is { } secret) successor.SetAttributionSecret(mark.Source, secret);
            }
            return own is not null;
        });
        if (!isComplete)
        {
            note("the successor does not have the secrets that sources authenticate attribution with: "
                + $"restore the keyring of {Key.Name} first (`indelible keys restore`), "
                + "or remove protection from each source by hand before it is protected again (docs/mirrors.md)");
        }
    }

    /// <summary>What the first entry of a successor says. docs/format.md#codes.</summary>
    private Dictionary<string, string> FactsOf(RestoredLedger restored)
    {
        SignedHead known = restored.IsBehind ? restored.Highest!.Head : restored.Complete;
        Dictionary<string, string> facts = Succession.Facts(
            new Predecessor(Key.Name, Key.ToString(), restored.Complete.Size, restored.Complete.Root), known.Size, known.Root);
        facts["by"] = By;
        foreach (SourceMark mark in restored.Sources) facts[Succession.SealedTo + mark.Source] = mark.Confirmable.ToString();
        return facts;
    }
}
