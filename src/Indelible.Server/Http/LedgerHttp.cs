using System.Net;
using Indelible.Format;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry.Metrics;

namespace Indelible.Server.Http;

/// <summary>The HTTP service on loopback: the ledger as tlog-tiles, liveness, readiness, metrics. Nothing here reads a value or changes anything.</summary>
internal sealed class LedgerHttp : IAsyncDisposable
{
    private readonly WebApplication _application;

    private LedgerHttp(WebApplication application) => _application = application;

    /// <summary>Address in use, such as <c>http://127.0.0.1:7171</c>.</summary>
    public string Address { get; private init; } = "";

    /// <summary>Binds and begins to answer.</summary>
    /// <param name="address">Where to listen; port 0 takes a free one.</param>
    /// <param name="ledgerDirectory">What is served.</param>
    /// <param name="notReady">Why the process is not ready; null if it is.</param>
    /// <param name="logger">Told the address.</param>
    /// <param name="cancellationToken">Stops binding.</param>
    /// <exception cref="IndelibleException">The address is in use or not ours.</exception>
    public static async Task<LedgerHttp> StartAsync(
        IPEndPoint address, string ledgerDirectory, Func<string?> notReady, ILogger logger, CancellationToken cancellationToken)
    {
        WebApplication application = Build(address);
        LedgerFiles.Map(application, ledgerDirectory);
        application.MapGet("/healthz", () => Results.Text("ok\n"));
        application.MapGet("/readyz", () => notReady() is { } reason
            ? Results.Text(reason + "\n", statusCode: StatusCodes.Status503ServiceUnavailable)
            : Results.Text("ready\n"));
        application.MapPrometheusScrapingEndpoint("/metrics");
        await BindAsync(application, address, cancellationToken);
        string bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        ServerLog.Listening(logger, bound);
        return new LedgerHttp(application) { Address = bound };
    }

    /// <summary>Stops answering; requests under way are given a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(2));
        await _application.StopAsync(patience.Token);
        await _application.DisposeAsync();
    }

    private static WebApplication Build(IPEndPoint address)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel =>
        {
            kestrel.AddServerHeader = false;
            kestrel.Limits.MaxRequestBodySize = 0;
            kestrel.Listen(address);
        });
        builder.Services.AddRoutingCore();
        builder.Services.AddOpenTelemetry().WithMetrics(metrics => metrics.AddMeter(LedgerMetrics.MeterName).AddPrometheusExporter());
        return builder.Build();
    }

    private static async Task BindAsync(WebApplication application, IPEndPoint address, CancellationToken cancellationToken)
    {
        try
        {
            await application.StartAsync(cancellationToken);
        }
        catch (IOException e) when (e.InnerException is AddressInUseException)
        {
            await application.DisposeAsync();
            throw new IndelibleException(ExitCode.Environment,
                $"{address} is in use by another process\n  set \"listen\" in the configuration to another port, or 127.0.0.1:0 for any free one", e);
        }
    }
}
