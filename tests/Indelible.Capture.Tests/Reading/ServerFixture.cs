using Indelible.Testing;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

/// <summary>One server for a class of tests; every test has its own database.</summary>
public sealed class ServerFixture : IAsyncLifetime
{
    public PostgresServer Server { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Server = await PostgresServer.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}
