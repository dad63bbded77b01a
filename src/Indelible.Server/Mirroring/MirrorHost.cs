using System.Diagnostics.Metrics;
using System.Net;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Ledger;
using Indelible.Server.Alerts;
using Indelible.Server.Http;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Mirroring;

/// <summary>The process of a mirror: follows every configured ledger, serves the copies, tells what is wrong.</summary>
public sealed class MirrorHost : IDisposable
{
    private readonly IndelibleConfig _config;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Conditions _conditions;
    private readonly NoteSigner? _cosigner;
    private readonly List<MirroredLedger> _ledgers = [];
    private readonly CancellationTokenSource _stop;
    private readonly Meter _meter = new(LedgerMetrics.MeterName);
    private readonly TaskCompletionSource<string> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private MirrorHost(
        IndelibleConfig config, MirrorConfig mirror, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        (_config, _time, _logger) = (config, time, loggers.CreateLogger("Indelible.Mirror"));
        _conditions = new Conditions(time);
        _stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        if (mirror.Name is { } name) _cosigner = CosignerKeyFile.Open(mirror.KeyFile!, name);
        _meter.CreateObservableGauge("indelible_mirror_size", () => Gauges(status => status.Size), null, "Entries stored, by ledger");
        _meter.CreateObservableGauge("indelible_mirror_well", () => Gauges(status => status.Problem is null ? 1 : 0), null,
            "Whether the ledger is followed, by ledger");
    }

    /// <summary>Completes with the HTTP address once <see cref="RunAsync"/> answers there.</summary>
    public Task<string> Listening => _listening.Task;

    /// <summary>The key this mirror cosigns with; null if it does not.</summary>
    public VerifierKey? Key => _cosigner?.VerifierKey;

    /// <summary>How each copy stands.</summary>
    public IReadOnlyList<MirrorStatus> Status() => [.. _ledgers.Select(ledger => ledger.Status())];

    /// <summary>Where alerts go that are meant for standard error.</summary>
    public TextWriter StandardError { get; set; } = TextWriter.Null;

    /// <summary>Opens every copy.</summary>
    /// <param name="config">What to run with; its mirror has at least one ledger.</param>
    /// <param name="time">The clock.</param>
    /// <param name="loggers">Where it logs.</param>
    /// <param name="cancellationToken">Ends it, and every request under way.</param>
    /// <exception cref="IndelibleException">Usage: nothing to mirror, a key that is none, a copy of another ledger.
    /// Environment: a copy is in use.</exception>
    public static MirrorHost Open(IndelibleConfig config, TimeProvider time, ILoggerFactory loggers, CancellationToken cancellationToken)
    {
        if (config.Mirror is not { Ledgers.Count: > 0 } mirror)
        {
            throw new IndelibleException(ExitCode.Usage,
                "expected ledgers to mirror, found none: "
                    + "name one with --from and --key and --to, or in the configuration under mirror.ledgers");
        }
        MirrorHost host = new(config, mirror, time, loggers, cancellationToken);
        try
        {
            foreach ((string name, MirroredLedgerConfig ledger) in mirror.Ledgers)
            {
                host._ledgers.Add(
                    new MirroredLedger(name, ledger, mirror, host._cosigner, host._conditions, time, host._logger, host._stop.Token));
            }
            if (host._ledgers.GroupBy(ledger => ledger.Origin).FirstOrDefault(same => same.Count() > 1) is { } twice)
            {
                throw new IndelibleException(ExitCode.Usage,
                    $"expected each ledger once, found {twice.Key} as {string.Join(" and ", twice.Select(ledger => ledger.Name))}");
            }
            return host;
        }
        catch
        {
            host.Dispose();
            throw;
        }
    }

    /// <summary>Looks at every ledger once and stores what is new; the worst that happened.</summary>
    public async Task<ExitCode> OnceAsync(CancellationToken cancellationToken)
    {
        ExitCode[] outcomes = await Task.WhenAll(_ledgers.Select(ledger => ledger.LookAsync(TimeSpan.Zero, cancellationToken)));
        return outcomes.Contains(ExitCode.Finding) ? ExitCode.Finding : outcomes.Max();
    }

    /// <summary>Follows, serves and tells until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        WebApplication application = LedgerHttp.Build(ConfigFile.ListenAddress(_config));
        Map(application);
        await using LoopbackService http =
            await LoopbackService.StartAsync(application, ConfigFile.ListenAddress(_config), _logger, cancellationToken);
        _listening.TrySetResult(http.Address);
        ConditionDelivery alerts = new(_config.Alerts, _conditions, OriginOf, StandardError, _time, _logger);
        using CancellationTokenSource stopAlerts = new();
        Task telling = alerts.RunAsync(stopAlerts.Token);
        try
        {
            Task[] following = [.. _ledgers.Select(ledger => ledger.RunAsync(_stop.Token))];
            // they end when told to, or by a bug
            await (await Task.WhenAny(following)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await _stop.CancelAsync();
            await EndedAsync(following);
        }
        finally
        {
            await stopAlerts.CancelAsync();
            await telling;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (MirroredLedger ledger in _ledgers) ledger.Dispose();
        _cosigner?.Dispose();
        _meter.Dispose();
        _stop.Dispose();
    }

    /// <summary>Each copy below its name, and below the hash of its origin. c2sp.org/tlog-mirror.</summary>
    private void Map(WebApplication application)
    {
        foreach (MirroredLedger ledger in _ledgers)
        {
            foreach (string path in (string[])[ledger.Name, ledger.OriginHash])
                Http.LedgerFiles.Map(application.MapGroup("/" + path), ledger.Directory);
        }
        application.MapGet("/healthz", () => Results.Text("ok\n"));
        application.MapGet("/readyz", () => Status().FirstOrDefault(status => status.Problem is not null) is { } lame
            ? Results.Text($"{lame.Ledger} is {lame.State}\n", statusCode: (int)HttpStatusCode.ServiceUnavailable)
            : Results.Text("ready\n"));
        application.MapPrometheusScrapingEndpoint("/metrics");
    }

    private string OriginOf(string? ledger) => _ledgers.First(one => one.Name == ledger).Origin;

    private IEnumerable<Measurement<long>> Gauges(Func<MirrorStatus, long> value) =>
        Status().Select(status => new Measurement<long>(value(status), new KeyValuePair<string, object?>("ledger", status.Ledger)));

    private static async Task EndedAsync(Task[] tasks)
    {
        foreach (Task task in tasks)
        {
            try
            {
                await task;
            }
            catch (OperationCanceledException)
            {
                continue; // told to
            }
        }
    }
}
