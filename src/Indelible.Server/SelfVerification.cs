using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Verifies the ledger while it is written, all of it from raw bytes, again and again, with a share of one core;
/// and that it goes on from the head remembered.</summary>
/// <remarks>A pass has a thread to itself: verifying is one long computation.
/// docs/decisions/0012-damage-does-not-stop-sealing.md.</remarks>
internal sealed class SelfVerification(LedgerHost host, Conditions conditions, ILogger logger)
{
    private static readonly TimeSpan PassPause = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan StoreAwayPause = TimeSpan.FromMinutes(1);
    /// <summary>In a bucket every pass costs a request for each 128 entries.</summary>
    private static readonly TimeSpan StorePassPause = TimeSpan.FromDays(1);

    private readonly RememberedHead _head = new(host.Paths.Journal);
    private readonly HashSet<(string, string, long)> _sealed = [];
    private readonly Lock _lock = new();
    private VerificationStatus _status = new();

    /// <summary>How it stands.</summary>
    public VerificationStatus Status()
    {
        lock (_lock) return _status;
    }

    /// <summary>Verifies until cancelled.</summary>
    /// <exception cref="LedgerCorruptException">The ledger does not go on from the head that was verified last:
    /// sealing must stop.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            byte[] head = DurableFile.ReadAll(Path.Combine(host.Paths.Ledger, RememberedHead.CheckpointName), SignedNote.LengthMax);
            Finding? fault, unread;
            try
            {
                (fault, unread) = await Task.Factory.StartNew(
                    () => Pass(cancellationToken), cancellationToken, TaskCreationOptions.LongRunning, TaskScheduler.Default);
            }
            catch (IndelibleException) when (host.Paths.Store is not null)
            {
                // the bucket does not answer, which is told already: nothing was found
                await Task.Delay(StoreAwayPause, host.Time, cancellationToken);
                continue;
            }
            if (fault is { } found) await SealAsync(found, cancellationToken);
            else Whole(head, unread);
            await Task.Delay(host.Paths.Store is null ? PassPause : StorePassPause, host.Time, cancellationToken);
        }
    }

    /// <summary>Verifies everything published once; the first fault, told as soon as it is found, and the first entry that could not be
    /// read because a newer program wrote it; or null.</summary>
    private (Finding? Fault, Finding? Unread) Pass(CancellationToken cancellationToken)
    {
        SharedCore core = new(host.Config.VerificationPercent, host.Time);
        long told = 0;
        Finding? first = null, unread = null;
        try
        {
            using LedgerFetch files = host.Paths.Store is { } store
                ? LedgerFetch.FromBucket(store.Options(), host.Keyring.LedgerKeys.Signer.VerifierKey, cancellationToken)
                : LedgerFetch.FromDirectory(host.Paths.Ledger);
            LedgerVerifier verifier = new(files.Fetch, files.OpenFile)
            {
                Policy = Policy.ForKey(host.Keyring.LedgerKeys.Signer.VerifierKey),
                OlderCheckpoint = _head.Read(),
                Found = fault =>
                {
                    first ??= fault;
                    if (first == fault) Tell(fault);
                },
                Progress = (count, size) =>
                {
                    host.Metrics.CountVerified(count - told);
                    told = count;
                    lock (_lock) _status = _status with { Entries = count, TreeSize = size };
                    core.Rest(cancellationToken);
                },
            };
            unread = verifier.Verify(cancellationToken).Unread is [var one, ..] ? one : null;
        }
        catch (IOException e)
        {
            Finding unreadable = new(Rules.Missing, "", -1, $"expected every file to be readable: {e.Message}");
            first ??= unreadable;
            Tell(unreadable);
        }
        return (first, unread);
    }

    /// <summary>Alerts at once: the pass may take hours yet.</summary>
    private void Tell(Finding fault)
    {
        string words =
            $"{host.Paths.Ledger}: {fault}. Bytes that were published have changed since: by a fault of the disk, or by somebody. "
                + "What was sealed is known by its hash, and new entries are sealed on top of it. "
            + "Keep the directory as evidence, run `indelible verify` for all of it, and put back the file from a copy";
        host.Metrics.CountVerificationFailure();
        ServerLog.VerificationFailed(logger, fault.File, fault.EntryIndex, words);
        lock (_lock) _status = _status with { Problem = words };
        if (host.Config.Alerts?.Verification != false) conditions.Set(GuardCode.VerificationFailed, null, words);
    }

    /// <summary>Says in the ledger itself that part of it is damaged, once for each fault;
    /// stops everything where history was rewritten.</summary>
    private async Task SealAsync(Finding fault, CancellationToken cancellationToken)
    {
        if (fault.Rule == Rules.Consistency)
            throw new LedgerCorruptException(Path.Combine(host.Paths.Ledger, fault.File), 0, fault.Message);
        if (!_sealed.Add((fault.Rule, fault.File, fault.EntryIndex))) return;
        EntryBatch entries = new();
        host.NewMaker("").AddGuard(entries, GuardCode.VerificationFailed, new Dictionary<string, string>
        {
            ["file"] = fault.File,
            ["entry"] = fault.EntryIndex.ToString(System.Globalization.CultureInfo.InvariantCulture),
            ["rule"] = fault.Rule,
            ["message"] = fault.Message,
        });
        await host.SealAsync(entries, cancellationToken);
    }

    /// <summary>Nothing is damaged. Of an entry that this program does not read people are told:
    /// they must let one look at it that does.</summary>
    private void Whole(byte[] head, Finding? unread)
    {
        _head.Write(head);
        _sealed.Clear();
        string? words = unread is { } entry
            ? $"{host.Paths.Ledger}: {entry}. Nothing else is wrong. Use the program that wrote it, or a newer one"
            : null;
        if (words is null || host.Config.Alerts?.Verification != false) conditions.Set(GuardCode.VerificationFailed, null, words);
        MicroTime now = MicroTime.From(host.Time.GetUtcNow());
        lock (_lock) _status = _status with { Passes = _status.Passes + 1, LastPass = now, Problem = words };
    }
}

/// <summary>How the ledger's verification of itself stands.</summary>
public sealed record VerificationStatus
{
    /// <summary>Entries verified in the pass under way, or the last one.</summary>
    public long Entries { get; init; }
    /// <summary>Entries there are to verify in it.</summary>
    public long TreeSize { get; init; }
    /// <summary>Whole passes since the process started that found nothing.</summary>
    public long Passes { get; init; }
    /// <summary>End of the last one; null if there was none.</summary>
    public MicroTime? LastPass { get; init; }
    /// <summary>What was found last; null if nothing is wrong.</summary>
    public string? Problem { get; init; }
}
