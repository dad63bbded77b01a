using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Another signing key for a ledger: made in the keyring, told in an entry, handed over to by a head that both keys sign.
/// Stopped anywhere, it can be begun again and goes on.</summary>
public static class KeyRotation
{
    /// <summary>Code of the entry that names the new key.</summary>
    public const string Code = "key-rotated";
    private const int EntriesMax = 200;

    /// <summary>Hands the ledger over to a new signing key; capture may go on meanwhile. Everything is durable when it returns.</summary>
    /// <param name="host">Holds the ledger.</param>
    /// <param name="by">Who does it.</param>
    /// <param name="reason">Why; sealed. Null if nothing is said.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="IndelibleException">Usage: the ledger is closed.</exception>
    public static async Task<Handover> RunAsync(LedgerHost host, string by, string? reason, CancellationToken cancellationToken)
    {
        host.Writer.RequireOpen();
        VerifierKey next = host.Keyring.MakeNextKey();
        await host.PublishAsync(cancellationToken);
        if (!IsTold(host.View, next))
        {
            EntryBatch entries = new();
            Dictionary<string, string> facts =
                new() { ["verifier-key"] = next.ToString(), ["previous-key"] = host.Keyring.VerifierKey, ["by"] = by };
            host.NewMaker("").AddAdmin(entries, Code, facts, reason);
            await host.SealAsync(entries, cancellationToken);
        }
        return await host.HandOverAsync(cancellationToken);
    }

    /// <summary>True if an attempt that was stopped sealed the entry.</summary>
    private static bool IsTold(LedgerView view, VerifierKey next)
    {
        Query query = new() { Kind = EntryKind.Admin, Limit = EntriesMax };
        return view.Matching(view.Index.Find(query).Entries, query)
            .Any(found => found.Entry.Header is { Code: Code, Facts: { } facts }
                && facts.GetValueOrDefault("verifier-key") == next.ToString());
    }
}
