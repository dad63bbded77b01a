using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Succeeding;

/// <summary>A ledger of a chain, as queries see it.</summary>
/// <param name="Origin">Its origin.</param>
/// <param name="View">The ledger; null if it is not at hand.</param>
/// <param name="Missing">Where it is not, in words; null if it is at hand.</param>
public sealed record ChainMember(string Origin, LedgerView? View, string? Missing);

/// <summary>The closed ledgers before one, as far as they are at hand. Their values open with its keyring.</summary>
public sealed class ClosedLedgers : IDisposable
{
    private ClosedLedgers(IReadOnlyList<ChainMember> members) => Members = members;

    /// <summary>The oldest first; empty if the ledger succeeds none.</summary>
    public IReadOnlyList<ChainMember> Members { get; }

    /// <summary>Opens those that the configuration names, and makes their indexes where there are none.</summary>
    /// <param name="current">The ledger that succeeds them.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="logger">Where indexes log.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <exception cref="IndelibleException">Finding: what is there is not the closed ledger.
    /// Environment, busy: another process has its index.</exception>
    public static async Task<ClosedLedgers> OpenAsync(
        LedgerView current, IndelibleConfig config, ILogger logger, CancellationToken cancellationToken)
    {
        List<ChainMember> members = [];
        try
        {
            Predecessor? link = LinkOf(current);
            foreach (PredecessorConfig one in Enumerable.Reverse(config.Predecessors))
            {
                ChainMember member = await OpenAsync(current, one, link, logger, cancellationToken);
                members.Insert(0, member);
                link = member.View is { } view ? LinkOf(view) : null;
            }
            return new ClosedLedgers(members);
        }
        catch
        {
            foreach (ChainMember member in members) member.View?.Dispose();
            throw;
        }
    }

    /// <summary>One of them, by its origin.</summary>
    /// <exception cref="IndelibleException">Usage: there is none of that origin. Environment: it is not at hand.</exception>
    public LedgerView Of(string origin)
    {
        string known = Members.Count == 0 ? "there is none" : string.Join(", ", Members.Select(member => member.Origin));
        ChainMember member = Members.FirstOrDefault(member => member.Origin == origin)
            ?? throw new IndelibleException(ExitCode.Usage, $"expected a closed ledger of this chain ({known}), found '{origin}'");
        return member.View ?? throw new IndelibleException(ExitCode.Environment, member.Missing!);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (ChainMember member in Members) member.View?.Dispose();
    }

    /// <summary>True for a row that a successor restated: it held before everything else the successor says of it.</summary>
    public static bool IsRestated(EntryHeader header) => header is { Kind: EntryKind.Baseline, Snapshot.Text: Restating.NoTransactions };

    private static async Task<ChainMember> OpenAsync(
        LedgerView current, PredecessorConfig one, Predecessor? link, ILogger logger, CancellationToken cancellationToken)
    {
        string head = Path.Combine(one.Ledger, "checkpoint");
        LedgerPaths paths = LedgerPaths.For(one.Ledger) with { Store = one.Store?.Place() };
        if (paths.Store is { } store && !Path.Exists(head)) await FetchHeadAsync(store, link, head, cancellationToken);
        if (!Path.Exists(head))
        {
            return new ChainMember(one.Origin, null,
                $"the closed ledger {one.Origin} is not at hand: nothing at {one.Ledger}. What is there of it is not shown; "
                    + "put it or a copy of it back, or name another place under predecessors in the configuration");
        }
        Checkpoint found = new LedgerReader(one.Ledger).ReadCheckpoint();
        if (found.Origin != one.Origin || (link is not null && (found.Size, found.Root) != (link.Size, link.Root)))
        {
            string expected = link is null ? one.Origin : $"{one.Origin}, size {link.Size}, root {link.Root}";
            throw new IndelibleException(ExitCode.Finding,
                $"{one.Ledger}: expected the closed ledger {expected}, found {found.Origin}, size {found.Size}, root {found.Root}: "
                    + $"`indelible verify --chain {one.Ledger}` tells more");
        }
        if (one.Index is { } index) paths = paths with { Index = index };
        LedgerView view = LedgerView.OpenClosed(paths, link?.Key, () => current.Keyring, logger);
        try
        {
            await view.Feed.OpenAsync(cancellationToken);
            return new ChainMember(one.Origin, view, null);
        }
        catch
        {
            view.Dispose();
            throw;
        }
    }

    /// <summary>The directory of a closed ledger that lives in a bucket is gone: its head is all that is needed here.</summary>
    private static async Task FetchHeadAsync(StorePlace store, Predecessor? link, string path, CancellationToken cancellationToken)
    {
        VerifierKey? key = null;
        if (link is not null) VerifierKey.Parse(link.Key, out key);
        using LedgerFetch files = LedgerFetch.FromBucket(store.Options(), key, cancellationToken);
        if (await files.ReadAsync("checkpoint", cancellationToken) is not { } head) return;
        DurableFile.MakeDirectory(Path.GetDirectoryName(path)!);
        DurableFile.Replace(path, head);
    }

    private static Predecessor? LinkOf(LedgerView view) => view.Reader.ReadCheckpoint().Size > 0
        ? Succession.PredecessorIn(view.Entry(0).Header)
        : null;
}
