using System.Data.Common;
using System.Globalization;
using System.Net.Sockets;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Comparing;
using Indelible.Server.Continuity;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Makes the record whole again after gaps, beside capture: compares each table that is owed with the ledger,
/// as a crosscheck does, seals what differs as found,
/// and then that the table is settled.</summary>
/// <remarks>What is owed is read from the ledger itself, so it is not forgotten if the process dies in between;
/// what was found by then is not found again.</remarks>
internal sealed class GapSettling(
    string source, SourceConfig config, LedgerHost host, SourceProgress progress, OpenGaps gaps, Pipeline pipeline,
    ContinuityCheck continuity, ILogger logger) : ILedgerReach
{
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(20);
    /// <summary>Before what failed is tried again.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(10);

    private readonly EntryMaker _maker = host.NewMaker(source);

    /// <summary>Settles what is owed, until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            foreach ((uint id, int version) in gaps.Comparable())
            {
                ProtectedTable table = config.Protection.Tables.Single(table => table.Id == id);
                try
                {
                    await SettleAsync(table, version, cancellationToken);
                }
                catch (Exception e)
                    when (e is IndelibleException or IndexDamagedException or IndexDiskException or DbException or SocketException
                        or IOException or TimeoutException)
                {
                    ServerLog.GapNotSettled(logger, source, $"{table.Schema}.{table.Name}", e.Message);
                }
            }
            await gaps.ChangedAsync(Pause, host.Time, cancellationToken);
        }
    }

    /// <inheritdoc/>
    public async Task<string?> ReachAsync(Lsn position, CancellationToken cancellationToken)
    {
        while (progress.Status().Sealed < position) await Task.Delay(Glance, host.Time, cancellationToken);
        await host.PublishAsync(cancellationToken);
        RequireSight();
        return null;
    }

    private void RequireSight()
    {
        if (continuity.IsBlind)
        {
            throw new IndelibleException(
                ExitCode.Environment, "the index cannot be written, so what the ledger holds of rows is not known");
        }
    }

    private async Task SettleAsync(ProtectedTable table, int version, CancellationToken cancellationToken)
    {
        RequireSight();
        using Workshop workshop = new(host.View, source, "gaps");
        await using LiveTable live = await LiveTable.OpenAsync(SourceConnections.Of(config), table, cancellationToken);
        FoundRows found = new(host, source, table, gaps.TakenOver, pipeline, continuity);
        CrosscheckCounts counts = new();
        TableComparison comparison =
            new(host.View, source, table, live, this, new DifferenceList(), counts, new CrosscheckPace().RangeRows, static _ => { }, found);
        TableWork work = new(workshop, [], blocks: 0, isRead: false, isDue: static () => false, keep: static _ => { });
        string? reason = await comparison.CheckAllAsync(work, cancellationToken);
        workshop.Clear();
        if (reason is not null) throw new IndelibleException(ExitCode.Environment, reason);
        bool isClosed = false;
        await pipeline.SealBesideAsync(
            _ => (isClosed = gaps.TryClose(table.Id, version)) ? Settled(table, counts.Rows, found.Count) : null, cancellationToken);
        if (isClosed) ServerLog.GapSettled(logger, source, $"{table.Schema}.{table.Name}", counts.Rows, found.Count);
    }

    private EntryBatch Settled(ProtectedTable table, long rows, long found)
    {
        EntryBatch entries = new();
        _maker.AddGuard(
            entries, GuardCode.BaselineComplete, new Dictionary<string, string> { ["rows"] = Text(rows), ["found"] = Text(found) },
            relation: new Relation(table.Id, table.Schema, table.Name, null));
        return entries;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
