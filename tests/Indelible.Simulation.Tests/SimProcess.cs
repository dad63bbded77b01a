using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Continuity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Simulation.Tests;

/// <summary>One life of the product: what `indelible run` sets going over a ledger, without servers, copies and witnesses,
/// and one session of a source at a time.</summary>
internal sealed class SimProcess : IDisposable
{
    public const string Source = "crm";

    private readonly LedgerHost _host;
    private readonly CancellationTokenSource _stopBehind = new();
    private readonly SourceProgress _progress;

    private SimProcess(LedgerHost host)
    {
        _host = host;
        _progress = new SourceProgress(Source, host.Metrics, host.Time);
        Behind = [host.Writer.RunAsync(_stopBehind.Token), host.View.Feed.RunAsync(host.Time, _stopBehind.Token)];
    }

    public LedgerHost Host => _host;
    /// <summary>Publishing and indexing.</summary>
    public Task[] Behind { get; }

    /// <summary>Letting go of the ledger failed, and whoever stopped it was told.</summary>
    public bool HasFailedToStop { get; private set; }

    public static async Task<SimProcess> StartAsync(string root, IndelibleConfig config, SimClock clock) =>
        new(await LedgerHost.OpenAsync(
            LedgerPaths.For(Path.Combine(root, "ledger")), config, clock, NullLoggerFactory.Instance, CancellationToken.None));

    /// <summary>As <see cref="SourceSession"/> does it, where nothing was missed.</summary>
    public async Task CaptureAsync(SimServer server, SimWire wire, Protection protection, CancellationToken cancellationToken)
    {
        EntryMaker maker = _host.NewMaker(Source);
        await _host.Writer.PublishAsync(cancellationToken);
        Coverage? covered = CoverageLog.Newest(_host.View, Source);
        ResumePoint? resume = _host.Writer.MarkOf(Source) is { } mark
            ? new ResumePoint(mark.Last, mark.Confirmable, covered?.Timeline ?? 0)
            : null;
        SourceCapture.Opening opening = new(server.Identity, TimeSpan.FromSeconds(60), server.Confirmed,
            Capture.Slots.SlotCheck.Check(protection, server.Identity, wire.Slot(), resume), SimTable.CatalogOf(server.Workload.Tables));
        if (opening.Gaps.Count > 0) throw new SimulationFailure($"a gap: {opening.Gaps[0].Message}");
        await using SourceCapture capture = SourceCapture.Over(
            wire, wire, SourceConnection.Parse("Host=simulated"), protection, _host.Keyring.AttributionSecret(Source),
            (table, column) => _host.Keyring.FingerprintKey(Source, table, column), resume, new SessionTable(), opening, _host.Time,
            NullLogger.Instance);
        await _host.PublishAsync(cancellationToken);
        new RowImageCatchUp(_host.View, Source, protection).Run(cancellationToken);
        ContinuityCheck continuity = new(Source, protection, _host.Keyring, _host.View.Index.Rows, NullLogger.Instance);
        Coverage last = new(Lsn.None, covered?.To ?? _host.Writer.MarkOf(Source)?.Confirmable ?? Lsn.None, SimServer.SystemId, 1,
            protection.Slot, ProtectionDigest.Of(protection));
        CoverageLog coverage = new(maker, last, covered is null, TimeSpan.FromSeconds(_host.Config.CoverageIntervalSeconds), _host.Time);
        using Pipeline pipeline = new(
            capture, continuity, maker, _host.Keyring, _host.Writer, _host.View.Feed, coverage, _progress, () => _host.HeldSize,
            _host.RoomAsync, static _ => { }, _host.Time);
        await pipeline.RunAsync(cancellationToken);
        EntryBatch end = new();
        coverage.Add(end, _host.Writer.MarkOf(Source)?.Confirmable ?? Lsn.None);
        if (end.Count > 0) await _host.SealAsync(end, CancellationToken.None);
    }

    /// <inheritdoc/>
    public void Dispose() => _stopBehind.Dispose();

    /// <summary>Ends in good order, once the session has.</summary>
    public async Task StopAsync()
    {
        await _host.Writer.PublishAsync(CancellationToken.None);
        await _host.View.Feed.CatchUpAsync(CancellationToken.None);
        await _stopBehind.CancelAsync();
        await Task.WhenAll(Behind).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        HasFailedToStop = true;
        await _host.DisposeAsync();
        HasFailedToStop = false;
    }

    /// <summary>Lets go of what a process that is gone held. Whatever fails meanwhile fails in no file that counts.</summary>
    public async Task DropAsync()
    {
        await _stopBehind.CancelAsync();
        if (!HasFailedToStop) await _host.Writer.DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _host.View.Dispose();
        _host.Metrics.Dispose();
    }
}
