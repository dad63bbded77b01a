using Indelible.Format;
using Indelible.Ledger;
using Indelible.Ledger.Following;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Mirroring;

/// <summary>Asks witnesses and other mirrors which head they were shown, and compares it with the copy:
/// whoever shows different people different histories is found out.</summary>
/// <param name="addresses">Monitoring prefixes (c2sp.org/tlog-witness, c2sp.org/tlog-mirror) or directories.</param>
/// <param name="originHash">The ledger's path below them.</param>
/// <param name="ledger">Its name, for messages.</param>
/// <param name="logger">Told of those that do not answer.</param>
internal sealed class OtherHeads(IReadOnlyList<string> addresses, string originHash, string ledger, ILogger logger)
{
    private readonly HashSet<string> _silent = [];
    private readonly Dictionary<string, byte[]> _ahead = [];

    /// <summary>Compares once; evidence of two histories, or null.</summary>
    /// <remarks>A head beyond the copy is kept until the copy has reached it, also if a lesser one is shown meanwhile.</remarks>
    public async Task<FollowOutcome.Misbehaved?> FindAsync(LedgerFollower follower, CancellationToken cancellationToken)
    {
        foreach (string address in addresses)
        {
            if (_ahead.TryGetValue(address, out byte[]? before) && follower.Compare(before) is { } late) return late;
            if (await ReadAsync(address, cancellationToken) is not { } head) continue;
            if (follower.Compare(head) is { } found) return found;
            if (follower.IsBeyond(head)) _ahead[address] = head;
        }
        return null;
    }

    private async Task<byte[]?> ReadAsync(string address, CancellationToken cancellationToken)
    {
        try
        {
            using LedgerFetch other = MirroredLedger.SourceOf($"{address.TrimEnd('/')}/{originHash}", null, cancellationToken);
            byte[]? head = await other.ReadAsync("checkpoint", cancellationToken);
            _silent.Remove(address);
            return head;
        }
        catch (IndelibleException e)
        {
            if (_silent.Add(address)) MirrorLog.NotCompared(logger, ledger, address, e.Message);
            return null;
        }
    }
}
