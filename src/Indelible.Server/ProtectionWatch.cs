using System.Data.Common;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Compares the source's catalog with what is protected, at intervals and after every change of schema, whether or not anything reports DDL; seals what is not
/// as it should be, and that it is again.</summary>
internal sealed class ProtectionWatch(string source, Protection protection, SourceConnection connection, LedgerHost host, SourceProgress progress, ILogger logger)
{
    private readonly EntryMaker _maker = host.NewMaker(source);
    private readonly WatchMemory _memory = WatchMemory.Read(host.View, source);
    private readonly CatalogMemory _catalog = new(host, source, connection, protection);

    /// <summary>Looks until cancelled. A look that fails is noted; what keeps the source from being reached is noticed by capture itself.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                await LookAsync(cancellationToken);
            }
            catch (Exception e) when (e is DbException or IndelibleException)
            {
                ServerLog.CatalogUnread(logger, source, e.Message);
            }
            await progress.SchemaChangedAsync(TimeSpan.FromSeconds(host.Config.CoverageIntervalSeconds), cancellationToken);
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        foreach (SourceCheck check in await SourceDoctor.ProtectionAsync(connection, protection, cancellationToken)) Compare(entries, check);
        Compare(entries, await SourceDoctor.RightsAsync(connection, protection, cancellationToken));
        CatalogTrace trace = await _catalog.LookAsync(entries, cancellationToken);
        if (entries.Count > 0) await host.SealAsync(entries, cancellationToken);
        _catalog.Sealed(trace);
    }

    private void Compare(EntryBatch entries, SourceCheck check)
    {
        if (check.Status == CheckStatus.Ok)
        {
            if (_memory.Faults.Remove(check.Name)) Add(entries, check.Name, check.Found, check.Found, null);
            return;
        }
        if (_memory.Faults.GetValueOrDefault(check.Name) == check.Found) return;
        _memory.Faults[check.Name] = check.Found;
        Add(entries, check.Name, check.Expected, check.Found, Words.Of(check.Status));
        ServerLog.NotAsProtected(logger, source, check.Name, check.Expected, check.Found);
    }

    /// <summary>Nothing says how these should be, so each change of them is told, and how they stand then is what the next is compared with.</summary>
    private void Compare(EntryBatch entries, SortedDictionary<string, string> rights)
    {
        IReadOnlyDictionary<string, string>? before = _memory.Rights;
        if (before is not null)
        {
            string[] changed = [.. before.Keys.Union(rights.Keys).Where(what => before.GetValueOrDefault(what) != rights.GetValueOrDefault(what))];
            if (changed.Length == 0) return;
            foreach (string what in changed)
            {
                (string was, string now) = (before.GetValueOrDefault(what) ?? "nothing", rights.GetValueOrDefault(what) ?? "nothing");
                Add(entries, what, was, now, Words.Of(CheckStatus.Warn));
                ServerLog.NotAsProtected(logger, source, what, was, now);
            }
        }
        _memory.Rights = rights;
        _maker.AddGuard(entries, GuardCode.Rights, rights);
    }

    private void Add(EntryBatch entries, string what, string expected, string found, string? weight)
    {
        Dictionary<string, string> facts = new() { ["what"] = what, ["expected"] = expected, ["found"] = found };
        if (weight is not null) facts["weight"] = weight;
        _maker.AddGuard(entries, GuardCode.IdentityChanged, facts);
    }
}
