using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Server.Succeeding;

/// <summary>Closes a ledger and opens its successor: keyring first, then the entry that closes the old one,
/// then what the new one begins with, then its configuration.
/// Stopped anywhere, the same command goes on, and until the old ledger is closed it is as before.</summary>
/// <param name="paths">The ledger to close.</param>
/// <param name="config">Its configuration.</param>
/// <param name="time">The clock.</param>
/// <param name="progress">Told each step.</param>
public sealed class Rotation(LedgerPaths paths, IndelibleConfig config, TimeProvider time, Action<string> progress)
{
    /// <summary>Origin of the successor.</summary>
    public required string Origin { get; init; }
    /// <summary>Its directory: ledger, keyring and configuration go there.</summary>
    public required string Directory { get; init; }
    /// <summary>The bucket and prefix that it lives in, <c>s3://BUCKET/PREFIX</c>; null for a ledger that lives in a directory.</summary>
    public string? Store { get; init; }
    /// <summary>Told, where it takes long, which copies or which bucket the closed ledger is waiting for.</summary>
    public Action<string> Waiting { get; init; } = static _ => { };
    /// <summary>For each copy's name the directory, or the prefix in the bucket, that the successor is copied
    /// to; empty: it is not.</summary>
    public IReadOnlyDictionary<string, string> Targets { get; init; } = new Dictionary<string, string>();
    /// <summary>Who rotates.</summary>
    public required string By { get; init; }
    /// <summary>Why; sealed. Null if nothing is said.</summary>
    public string? Reason { get; init; }

    private string Home => Path.GetFullPath(Directory);
    private LedgerPaths Own => LedgerPaths.For(Path.Combine(Home, "ledger")) with { Store = Store is null
        ? null
        : config.Store?.At(Store, config.Store.SecretFile).Place() };
    private string Marker => OpeningMark.PathOf(Own);
    private string ConfigPath => Path.Combine(Home, ConfigFile.DefaultName);

    /// <summary>Rotates. Everything is durable when it returns.</summary>
    /// <exception cref="IndelibleException">Usage: something is in the way, or another successor was named.
    /// Finding: a source is not settled. Environment: another process holds the ledger.</exception>
    public async Task<RotatedLedger> RunAsync(CancellationToken cancellationToken)
    {
        SuccessorConfig configs = new(config, paths, Own, Store, Targets);
        configs.RequireTargets();
        configs.RequireStore();
        await using LedgerHost closing = await LedgerHost.OpenAsync(paths, config, time, NullLoggerFactory.Instance, cancellationToken);
        await closing.PublishAsync(cancellationToken);
        if (closing.Writer.Successor is { } named) RequireBegun(closing, named);
        else
        {
            RequireSettled(closing);
            if (Own.Store is { } place) await NewLedger.RequireEmptyAsync(place, cancellationToken);
            await PrepareAsync(closing, cancellationToken);
            await CloseAsync(closing, cancellationToken);
        }
        return await OpenAsync(closing, configs, cancellationToken);
    }

    /// <summary>The successor that the closed ledger names must be the one that was begun here.</summary>
    private void RequireBegun(LedgerHost closing, Successor named)
    {
        if (named.Origin != Origin)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"the ledger {closing.Writer.Origin} is closed already: expected --successor {named.Origin}, found {Origin}");
        }
        bool isThere = Keyring.Exists(Own.Keyring);
        if (isThere)
        {
            (string origin, string key) = Keyring.ReadPublic(Own.Keyring);
            bool isWhole = origin == named.Origin && !Path.Exists(Marker);  // then its own key may be another since
            if (key == named.Key || isWhole) return;
        }
        throw new IndelibleException(ExitCode.Usage,
            $"the ledger {closing.Writer.Origin} was closed in favour of {named.Origin}, key {named.Key}: "
                + $"expected that ledger's keyring in {Own.Keyring}, found {(isThere ? "another" : "none")}\n"
                + "  give the same --to as before");
    }

    /// <summary>What is still owed in this ledger cannot be settled in the next.</summary>
    private void RequireSettled(LedgerHost closing)
    {
        if (!Checkpoint.IsOrigin(Origin) || Origin == closing.Writer.Origin || config.Predecessors.Exists(one => one.Origin == Origin))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"--successor: expected an origin that no ledger had before, such as example.org/clinic-2, found '{Origin}'");
        }
        foreach ((string source, SourceConfig one) in config.Sources.Where(source => source.Value.Protection.Tables.Count > 0))
        {
            if (OwedOf(closing.View, source, one.Protection) is { } owed)
            {
                throw new IndelibleException(ExitCode.Finding,
                    $"source {source}: expected it settled before its ledger is closed: {owed}. "
                        + "Let `indelible run` go on until it is; `indelible status` tells. Nothing was changed");
            }
        }
    }

    private static string? OwedOf(LedgerView view, string source, Protection protection)
    {
        if (Gaps.Open(view, source, protection).Count > 0) return "a gap is open: its tables were not compared since, or cannot be";
        if (Rewrites.Pending(view, source, protection).Count > 0) return "a table's values were rewritten and not stated anew yet";
        return Downgrades.Read(view, source, protection).Take().Count > 0
            ? "a table lost its replica identity for a while, and that is not settled yet"
            : null;
    }

    /// <summary>Makes the successor's keys and its empty ledger.
    /// What an earlier attempt left is thrown away: nobody has seen it, and the keyring may hold more keys since.</summary>
    private async Task PrepareAsync(LedgerHost closing, CancellationToken cancellationToken)
    {
        OpeningMark.Begin(Own, closing.Writer.Origin);
        progress("making the successor's keyring");
        // the reason is sealed under it, and is to be read with the successor's keyring, too
        closing.Keyring.GetOrCreateSubject(SubjectName.OfSource(""));
        DurableFile.MakeSecretDirectory(Own.Keyring);
        using (MasterKey master = MasterKey.Load(paths.Keyring))
        {
            if (!MasterKey.Exists(Own.Keyring)) master.Save(MasterKey.DefaultPath(Own.Keyring));
            closing.Keyring.CreateSuccessor(Own.Keyring, Origin, master);
        }
        using Keyring keyring = LedgerView.OpenKeyring(Own);
        await LedgerWriter.CreateAsync(Own, keyring.LedgerKeys, cancellationToken);
    }

    /// <summary>Seals how far each source was read, and as the last entry of all that the ledger is closed.</summary>
    private async Task CloseAsync(LedgerHost closing, CancellationToken cancellationToken)
    {
        Successor successor = new(Origin, Keyring.ReadPublic(Own.Keyring).VerifierKey);
        EntryBatch last = new();
        Dictionary<string, string> facts = Succession.Facts(successor);
        facts["by"] = By;
        foreach (SourceMark mark in closing.Writer.Marks())
        {
            facts[Succession.SealedTo + mark.Source] = mark.Confirmable.ToString();
            if (CoverageLog.Newest(closing.View, mark.Source) is { } covered && covered.To < mark.Confirmable)
                closing.NewMaker(mark.Source).AddCoverage(last, covered with { From = covered.To, To = mark.Confirmable });
        }
        closing.NewMaker("").AddAdmin(last, Succession.ClosedCode, facts, Reason);
        progress($"closing {closing.Writer.Origin}");
        closing.Keyring.Commit();
        await closing.Writer.CloseAsync(last, successor, cancellationToken);
        await closing.PublishAsync(cancellationToken);
    }

    private async Task<RotatedLedger> OpenAsync(LedgerHost closed, SuccessorConfig configs, CancellationToken cancellationToken)
    {
        (string _, string key) = Keyring.ReadPublic(Own.Keyring);
        Checkpoint head = closed.View.Reader.ReadCheckpoint();
        (long rows, long unknown) = (0, 0);
        bool wasDone = !Path.Exists(Marker);
        if (!wasDone)
        {
            // What the successor goes on from must not be lost with this machine: else the closed ledger would go on, too.
            await closed.UntilHeldAsync(Waiting, cancellationToken);
            await using LedgerHost opened = await LedgerHost.OpenAsync(Own, new IndelibleConfig { Origin = Origin, Store = configs.Store },
                time, NullLoggerFactory.Instance, cancellationToken, acceptMissingGuard: false, isOpening: true);
            Restating restating = new(closed, opened, config);
            if (opened.Writer.TreeSize == 0) await BeginAsync(closed, opened, restating, head, cancellationToken);
            progress("restating the rows");
            await restating.SealRowsAsync(count => progress($"restated {count} rows"), cancellationToken);
            await restating.SealMarksAsync(cancellationToken);
            await opened.PublishAsync(cancellationToken);
            await opened.UntilHeldAsync(Waiting, cancellationToken);
            (rows, unknown) = (restating.Rows, restating.Unknown);
            ConfigFile.Save(ConfigPath, configs.Make(closed.Keyring.VerifierKey, opened.Keyring.LedgerKeys.Signer.VerifierKey));
            OpeningMark.End(Own);
        }
        return new RotatedLedger(closed.Writer.Origin, head.Size, head.Root, Origin, key, ConfigPath, rows, unknown, wasDone);
    }

    /// <summary>The first entries, all at once.</summary>
    private async Task BeginAsync(
        LedgerHost closed, LedgerHost opened, Restating restating, Checkpoint head, CancellationToken cancellationToken)
    {
        Dictionary<string, string> facts =
            Succession.Facts(new Predecessor(head.Origin, closed.Keyring.VerifierKey, head.Size, head.Root), head.Size, head.Root);
        foreach (SourceMark mark in closed.Writer.Marks()) facts[Succession.SealedTo + mark.Source] = mark.Confirmable.ToString();
        facts["by"] = By;
        EntryBatch first = new();
        opened.NewMaker("").AddAdmin(first, Succession.SucceedsCode, facts);
        restating.AddSources(first);
        await opened.SealAsync(first, cancellationToken);
    }
}
