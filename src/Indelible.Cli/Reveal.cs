using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>Who reads values in clear, and why. An access entry that says so is durable before any value is opened.</summary>
internal sealed class Reveal
{
    private readonly string _user;
    private readonly string _reason;

    /// <exception cref="IndelibleException">Usage: the reason is empty.</exception>
    public Reveal(string user, string reason)
    {
        (_user, _reason) = (user, reason.Trim());
        if (_reason.Length == 0) throw new IndelibleException(ExitCode.Usage, "--reason: expected a reason, found nothing");
    }

    /// <summary>Seals the access entry; returns its index.</summary>
    /// <param name="host">The ledger.</param>
    /// <param name="source">Source of the values; null if none.</param>
    /// <param name="facts">Which entries and fields are read; never a value.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task<long> SealAsync(
        LedgerHost host, string? source, IReadOnlyDictionary<string, string> facts, CancellationToken cancellationToken)
    {
        Operator who = new() { Grade = Grade.Session, SessionUser = _user, Application = "indelible reveal" };
        EntryBatch entries = new();
        host.NewMaker(source ?? "").AddAccess(entries, "reveal", who, _reason, facts);
        return (await host.SealAsync(entries, cancellationToken)).FirstIndex;
    }
}
