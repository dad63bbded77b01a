using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Indelible.Server.Mirroring;
using Indelible.Server.Witnessing;

namespace Indelible.Server.Restoring;

/// <summary>A head of the ledger that somebody has.</summary>
/// <param name="Where">Who, in words.</param>
/// <param name="Head">What its key signed.</param>
public sealed record KnownHead(string Where, SignedHead Head);

/// <summary>Asks everybody who may have seen a newer head than a copy holds.</summary>
/// <param name="key">The ledger's key: what it did not sign is nobody's head.</param>
internal sealed class KnownHeads(VerifierKey key)
{
    /// <summary>Heads that were named: every one must be readable, or nothing is known.</summary>
    /// <param name="places">Files with a checkpoint, ledger directories, or addresses of mirrors and witnesses.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="IndelibleException">One cannot be read, or holds no head of this ledger.</exception>
    public async Task<IReadOnlyList<KnownHead>> NamedAsync(IEnumerable<string> places, CancellationToken cancellationToken)
    {
        List<KnownHead> heads = [];
        foreach (string place in places)
        {
            byte[] bytes = await ReadAsync(place, cancellationToken)
                ?? throw new IndelibleException(ExitCode.Environment,
                    $"--heads {place}: expected a checkpoint of {key.Name} there, found none. "
                        + "A head that is not asked for may be the highest: leave it out only if it is gone for good");
            TextFault fault = SignedHead.Read(bytes, key, out SignedHead? head);
            if (!fault.IsNone)
                throw new IndelibleException(ExitCode.Finding, $"--heads {place}: expected a checkpoint signed by {key}: {fault}");
            heads.Add(new KnownHead(place, head!));
        }
        return heads;
    }

    /// <summary>Heads of the copies and witnesses that the configuration names, as far as they answer.</summary>
    /// <param name="config">The configuration.</param>
    /// <param name="silent">Told those that do not.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task<IReadOnlyList<KnownHead>> ConfiguredAsync(
        IndelibleConfig config, Action<string> silent, CancellationToken cancellationToken)
    {
        List<string> places = [.. config.Targets.Values.Select(target => target.Path).OfType<string>()];
        if (config.Witnesses is { } witnesses)
        {
            Policy policy = WitnessCheck.ReadPolicy(witnesses.Policy, key);
            places.AddRange(policy.WitnessAddresses.Select(witness => witness.Address).OfType<string>());
        }
        List<KnownHead> heads = [];
        foreach (string place in places)
        {
            byte[]? bytes = null;
            try
            {
                bytes = await ReadAsync(place, cancellationToken);
            }
            catch (IndelibleException e)
            {
                silent($"{place}, which the configuration names, does not say which head it has: {e.Message}");
            }
            if (bytes is not null && SignedHead.Read(bytes, key, out SignedHead? head).IsNone) heads.Add(new KnownHead(place, head!));
        }
        return heads;
    }

    /// <summary>A checkpoint: the file itself, or below it as a ledger, a mirror or a witness has it; null if there is none.</summary>
    private async Task<byte[]?> ReadAsync(string place, CancellationToken cancellationToken)
    {
        bool isAddress = place.Contains("://", StringComparison.Ordinal);
        if (!isAddress && Path.Exists(place) && !Directory.Exists(place)) return DurableFile.ReadAll(place, SignedNote.LengthMax);
        using LedgerFetch files = MirroredLedger.SourceOf(place, key, cancellationToken);
        return await files.ReadAsync($"{Witness.HashOf(key.Name)}/checkpoint", cancellationToken)
            ?? await files.ReadAsync("checkpoint", cancellationToken);
    }
}
