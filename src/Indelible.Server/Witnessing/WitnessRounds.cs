using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Ledger.Stores;
using Indelible.Server.Alerts;
using Indelible.Server.Mirroring;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Witnessing;

/// <summary>Has the ledger's published heads cosigned, beside everything else: nothing waits for it.
/// A head that meets the policy is shown as <c>checkpoint.cosigned</c>.</summary>
internal sealed class WitnessRounds
{
    private const string CosignedName = "checkpoint.cosigned";
    /// <summary>How long sources wait, at a start, for the witnesses to answer: a ledger that was rolled back is then found out before
    /// anything is sealed.</summary>
    private static readonly TimeSpan FirstPatience = TimeSpan.FromSeconds(5);

    private readonly LedgerHost _host;
    private readonly WitnessesConfig _config;
    private readonly Conditions _conditions;
    private readonly ILogger _logger;
    private readonly Policy _policy;
    private readonly WitnessClient[] _witnesses;
    private readonly Lock _lock = new();
    private WitnessingStatus _status = new();
    private long _staleSince;
    private readonly TaskCompletionSource _asked = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public WitnessRounds(LedgerHost host, WitnessesConfig config, Policy policy, Conditions conditions, ILogger logger)
    {
        (_host, _config, _policy, _conditions, _logger) = (host, config, policy, conditions, logger);
        _witnesses = [.. policy.WitnessAddresses.Where(witness => witness.Address is not null)
            .Select(witness => new WitnessClient(witness.Name, witness.Key, witness.Address!, host.Time))];
        _staleSince = host.Time.GetTimestamp();
        SetCosigned(Read());
    }

    /// <summary>How it stands.</summary>
    public WitnessingStatus Status()
    {
        lock (_lock) return _status with { Problems = [.. _witnesses.Select(witness => witness.Problem).OfType<string>()] };
    }

    /// <summary>Waits a little until every witness was asked once.</summary>
    public Task AskedAsync(CancellationToken cancellationToken) =>
        Task.WhenAny(_asked.Task, Task.Delay(FirstPatience, _host.Time, cancellationToken));

    /// <summary>Asks until cancelled. What fails is asked again, and stops nothing.</summary>
    /// <exception cref="CopyContradictsException">A witness was shown another history than this ledger holds,
    /// signed with its key.</exception>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await Task.Yield();
        while (true)
        {
            try
            {
                await RoundAsync(cancellationToken);
            }
            catch (Exception e) when (e is IOException or LedgerCorruptException or InvalidDataException or IndelibleException)
            {
                MirrorLog.NotWitnessed(_logger, e.Message);
            }
            await Task.Delay(TimeSpan.FromSeconds(_config.IntervalSeconds), _host.Time, cancellationToken);
        }
    }

    private async Task RoundAsync(CancellationToken cancellationToken)
    {
        (SignedNote note, Checkpoint checkpoint) = _host.View.Published.ReadSignedCheckpoint();
        var head = new SignedHead(note, checkpoint);
        // Asked at the start in any case: a ledger that was put back is found out.
        if (!_asked.Task.IsCompleted || Status().CosignedSize < head.Size || _witnesses.Any(witness => witness.Problem is not null))
            await AskAsync(head, cancellationToken);
        foreach (WitnessClient witness in _witnesses.Where(witness => witness.IsRefusing))
            await RequireOneHistoryAsync(witness, cancellationToken);
        _asked.TrySetResult();
        foreach (WitnessClient witness in _witnesses)
            _conditions.Set("witness-refused", witness.Name, witness.IsRefusing ? witness.Problem : null);
        if (Status().CosignedSize == head.Size) _staleSince = _host.Time.GetTimestamp();
        bool isStale = _host.Time.GetElapsedTime(_staleSince) >= TimeSpan.FromSeconds(_config.StaleSeconds);
        _conditions.Set("witness-stale", null, !isStale ? null
            : $"for {_config.StaleSeconds} seconds or longer no newer head met the policy {_config.Policy}: "
                + $"cosigned up to {Status().CosignedSize} of {head.Size} entries. {string.Join("; ", Status().Problems)}");
    }

    private async Task AskAsync(SignedHead head, CancellationToken cancellationToken)
    {
        IReadOnlyList<Hash> Prove(long size) => size <= head.Size ? _host.View.Published.ProveConsistency(size, head.Size) : [];
        string?[] before = [.. _witnesses.Select(witness => witness.Problem)];
        NoteSignature?[] signatures = await Task.WhenAll(_witnesses.Select(witness => witness.AskAsync(head, Prove, cancellationToken)));
        for (int i = 0; i < _witnesses.Length; i++)
            if (_witnesses[i].Problem is { } problem && problem != before[i]) MirrorLog.NotWitnessed(_logger, problem);
        var cosigned = new SignedNote(head.Note.Text, [.. head.Note.Signatures, .. signatures.OfType<NoteSignature>()]);
        if (!_policy.Check(cosigned, head.Checkpoint, out _).IsNone) return;
        DurableFile.Replace(Path.Combine(_host.Paths.Ledger, CosignedName), cosigned.ToBytes());
        SetCosigned(head);
    }

    /// <summary>What a witness refuses to go on from is fetched: if the ledger's own key signed it,
    /// one of the two is not the history there was.</summary>
    private async Task RequireOneHistoryAsync(WitnessClient witness, CancellationToken cancellationToken)
    {
        VerifierKey key = _host.Keyring.LedgerKeys.Signer.VerifierKey;
        if (await witness.ShownAsync(key.Name, cancellationToken) is not { } bytes
            || !SignedHead.Read(bytes, _host.View.Published.ReadKeys(key), out SignedHead? shown).IsNone) return;
        Checkpoint own = _host.View.Published.ReadCheckpoint();
        if (shown!.Size <= own.Size)
        {
            Hash[] path = [.. _host.View.Published.ProveConsistency(shown.Size, own.Size)];
            if (Proof.CheckConsistency(shown.Size, own.Size, path, shown.Root, own.Root) == ProofFault.None) return;
        }
        throw new CopyContradictsException(
            "the ledger was rolled back or rewritten, or another process signs under its name: "
                + $"witness {witness.Name} was shown {shown}, signed with this ledger's key; "
                + $"this ledger has size {own.Size}, root {own.Root}, and does not contain it. Nothing more is sealed. "
                + "Put back the newer ledger and journal, or make one of a copy with `indelible mirror restore`; "
                + "keep this directory for what it proves");
    }

    private void SetCosigned(SignedHead? head)
    {
        if (head is null) return;
        lock (_lock) _status = _status with { CosignedSize = head.Size, CosignedAt = MicroTime.From(_host.Time.GetUtcNow()) };
    }

    /// <summary>The head that was cosigned last, if it still meets the policy.</summary>
    private SignedHead? Read()
    {
        if (DurableFile.TryReadAll(Path.Combine(_host.Paths.Ledger, CosignedName), SignedNote.LengthMax) is not { } bytes) return null;
        return Checkpoint.Parse(bytes, out SignedNote? note, out Checkpoint? checkpoint).IsNone
            && _policy.Check(note!, checkpoint!, out _).IsNone ? new SignedHead(note!, checkpoint!) : null;
    }
}

/// <summary>How the ledger's witnessing stands.</summary>
public sealed record WitnessingStatus
{
    /// <summary>Entries of the newest head that meets the policy; 0 if none does.</summary>
    public long CosignedSize { get; init; }
    /// <summary>When it was cosigned, or found cosigned at the start; null if none was.</summary>
    public MicroTime? CosignedAt { get; init; }
    /// <summary>What is wrong between witnesses and this ledger.</summary>
    public IReadOnlyList<string> Problems { get; init; } = [];
}
