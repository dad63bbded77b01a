using System.Net;
using Indelible.Format;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Http;

/// <summary>A web application that answers at an address until disposed.</summary>
internal sealed class LoopbackService : IAsyncDisposable
{
    private readonly WebApplication _application;

    private LoopbackService(WebApplication application) => _application = application;

    /// <summary>Address in use, such as <c>http://127.0.0.1:7171</c>.</summary>
    public string Address { get; private init; } = "";

    /// <summary>Binds and begins to answer.</summary>
    /// <exception cref="IndelibleException">The address is in use or not ours.</exception>
    public static async Task<LoopbackService> StartAsync(
        WebApplication application, IPEndPoint address, ILogger logger, CancellationToken cancellationToken)
    {
        await BindAsync(application, address, cancellationToken);
        string bound = application.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();
        ServerLog.Listening(logger, bound);
        return new LoopbackService(application) { Address = bound };
    }

    /// <summary>Stops answering; requests under way are given a moment.</summary>
    public async ValueTask DisposeAsync()
    {
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(2));
        await _application.StopAsync(patience.Token);
        await _application.DisposeAsync();
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
                $"{address} is in use by another process\n  set \"listen\" in the configuration to another port, "
                    + "or 127.0.0.1:0 for any free one", e);
        }
    }
}
