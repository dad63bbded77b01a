using Indelible.Testing;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

/// <summary>One server for all tests of protection; every test makes its own database.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    private PostgresServer? _server;

    public PostgresServer Server => _server ?? throw new InvalidOperationException("the fixture was not initialised");

    public async ValueTask InitializeAsync() => _server = await PostgresServer.StartAsync(
        settings: new Dictionary<string, string> { ["max_replication_slots"] = "200", ["max_prepared_transactions"] = "5" });

    public ValueTask DisposeAsync() => _server?.DisposeAsync() ?? ValueTask.CompletedTask;
}

[CollectionDefinition(Name)]
public sealed class SharedServerTests : ICollectionFixture<SharedServer>
{
    public const string Name = "shared server";
}
