using Indelible.Testing;
using Xunit;

namespace Indelible.Capture.Tests;

public sealed class PostgresServerTests
{
    [Fact]
    public async Task The_server_starts_survives_a_kill_and_a_restart_and_asks_for_a_password_over_TCP()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        string database = await server.CreateDatabaseAsync();
        await server.ExecuteAsync(database, "CREATE TABLE t (id int PRIMARY KEY)", "INSERT INTO t VALUES (1)", "CHECKPOINT");

        await server.Private.KillAsync(TestContext.Current.CancellationToken);
        await server.Private.StartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["1"], await server.QueryAsync(database, "SELECT id FROM t"));

        await server.Private.RestartAsync(TestContext.Current.CancellationToken);
        Assert.Equal(["logical"], await server.QueryAsync(server.Private.SocketConnectionString(), "SHOW wal_level"));
        await Assert.ThrowsAsync<Npgsql.PostgresException>(
            () => server.QueryAsync(server.Private.ConnectionString(user: "postgres", password: "wrong"), "SELECT 1"));
    }
}
