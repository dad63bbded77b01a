using System.Net;
using Indelible.Ledger;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace Indelible.Server.Http;

/// <summary>The HTTP service on loopback: the ledger as tlog-tiles, liveness, readiness, metrics.
/// Nothing here reads a value or changes anything.</summary>
internal static class LedgerHttp
{
    /// <summary>Binds and begins to answer.</summary>
    /// <param name="address">Where to listen; port 0 takes a free one.</param>
    /// <param name="ledger">What is served.</param>
    /// <param name="notReady">Why the process is not ready; null if it is.</param>
    /// <param name="logger">Told the address.</param>
    /// <param name="cancellationToken">Stops binding.</param>
    /// <exception cref="Format.IndelibleException">The address is in use or not ours.</exception>
    public static Task<LoopbackService> StartAsync(
        IPEndPoint address, LedgerReader ledger, Func<string?> notReady, ILogger logger, CancellationToken cancellationToken)
    {
        WebApplication application = Build(address);
        LedgerFiles.Map(application, ledger.LedgerDirectory, ledger.Stored);
        application.MapGet("/healthz", () => Results.Text("ok\n"));
        application.MapGet("/readyz", () => notReady() is { } reason
            ? Results.Text(reason + "\n", statusCode: StatusCodes.Status503ServiceUnavailable)
            : Results.Text("ready\n"));
        application.MapPrometheusScrapingEndpoint("/metrics");
        return LoopbackService.StartAsync(application, address, logger, cancellationToken);
    }

    /// <summary>An application with routes and metrics and nothing else.</summary>
    /// <param name="address">Where it will listen.</param>
    /// <param name="requestLengthMax">Longest request body, in bytes.</param>
    public static WebApplication Build(IPEndPoint address, long requestLengthMax = 0)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = requestLengthMax;
            kestrel.Listen(address);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(LedgerMetrics.MeterName).AddPrometheusExporter());
        return builder.Build();
    }
}
