using Indelible.Testing;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>One server for the attacks that leave it whole, with the people who attack:
/// a clerk, the owner of the tables, and <c>postgres</c>, the superuser.</summary>
public sealed class SharedServer : IAsyncLifetime
{
    public const string Clerk = "clerk";
    public const string Owner = "crm_owner";
    public const string Superuser = "postgres";

    public PostgresServer Server { get; private set; } = null!;

    public static async Task<PostgresServer> StartAsync(IReadOnlyDictionary<string, string>? settings = null)
    {
        PostgresServer server = await PostgresServer.StartAsync(
            settings: new Dictionary<string, string>(settings ?? new Dictionary<string, string>())
        {
            ["max_replication_slots"] = "60",
        });
        await server.ExecuteAsync(server.ConnectionString, $"CREATE ROLE {Clerk} LOGIN", $"CREATE ROLE {Owner} LOGIN");
        return server;
    }

    public async ValueTask InitializeAsync() => Server = await StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

[CollectionDefinition(Name)]
public sealed class SharedServerTests : ICollectionFixture<SharedServer>
{
    public const string Name = "shared server";
}
