using System.Data.Common;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Compares the source's catalog with what is protected, at intervals, whether or not anything reports DDL; seals what is not as it should be, and that it is again.</summary>
internal sealed class ProtectionWatch(string source, Protection protection, SourceConnection connection, LedgerHost host, ILogger logger)
{
    private readonly EntryMaker _maker = host.NewMaker(source);
    private Dictionary<string, SourceCheck> _faults = [];

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
            await Task.Delay(TimeSpan.FromSeconds(host.Config.CoverageIntervalSeconds), host.Time, cancellationToken);
        }
    }

    private async Task LookAsync(CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        Dictionary<string, SourceCheck> faults = [];
        foreach (SourceCheck check in await SourceDoctor.ProtectionAsync(connection, protection, cancellationToken))
        {
            if (check.Status == CheckStatus.Ok)
            {
                if (_faults.ContainsKey(check.Name)) Add(entries, check, check.Found);
                continue;
            }
            faults[check.Name] = check;
            if (_faults.GetValueOrDefault(check.Name)?.Found == check.Found) continue;
            Add(entries, check, check.Expected);
            ServerLog.NotAsProtected(logger, source, check.Name, check.Expected, check.Found);
        }
        if (entries.Count > 0) await host.SealAsync(entries, cancellationToken);
        _faults = faults;
    }

    private void Add(EntryBatch entries, SourceCheck check, string expected) =>
        _maker.AddGuard(entries, GuardCode.IdentityChanged, new Dictionary<string, string> { ["what"] = check.Name, ["expected"] = expected, ["found"] = check.Found });
}
