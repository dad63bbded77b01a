using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Npgsql;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>People who want to have been nobody, or somebody else.</summary>
[Collection(SharedServerTests.Name)]
public sealed class AttributionAttacks(SharedServer shared)
{
    [Fact]
    public async Task Triggers_disabled()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(
            SharedServer.Owner, "ALTER TABLE people DISABLE TRIGGER USER", "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await scene.ToldAsync("identity-changed public.people trigger: not on public.people");
        await scene.ToldAsync("update people 7 ssn by none");
        await scene.ToldAsync("ddl ALTER TABLE by session crm_owner");
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Session_replication_role_replica()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser, "SET session_replication_role = replica",
            "UPDATE people SET ssn = 'forged' WHERE id = 7", "DELETE FROM people WHERE id = 8");
        Assert.Equal(
            ["update people 7 ssn by session postgres", "delete people 8 ssn,phone by session postgres"], await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Triggers_disabled_and_enabled_again_so_that_they_are_ordinary()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            "ALTER TABLE people DISABLE TRIGGER ALL", "ALTER TABLE people ENABLE TRIGGER ALL", "SET session_replication_role = replica",
            "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await scene.ToldAsync("identity-changed public.people trigger: not on public.people");
        Assert.Equal(
            ["ddl ALTER TABLE by session postgres", "ddl ALTER TABLE by session postgres", "update people 7 ssn by none"],
            await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Operator_set_by_hand()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Clerk, "SELECT set_config('indelible.operator', E'dr.house\\x1fa visit\\x1fa proof', false)",
            "UPDATE people SET ssn = 'forged' WHERE id = 7");
        // A claim, and never more; the database's own facts stand beside it.
        Assert.Equal(["update people 7 ssn by asserted 'dr.house' clerk"], await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Attribution_message_forged_and_copied()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await using (NpgsqlConnection session = await scene.LogInAsync(SharedServer.Clerk))
        {
            await scene.AttackAsync(session, "BEGIN");
            string xid = await ScalarAsync(session, "SELECT pg_current_xact_id()::text");
            await scene.AttackAsync(session,
                Emit(Message("F/0", xid, "postgres", new byte[32])),
                "UPDATE people SET ssn = 'a' WHERE id = 7",
                Emit(Message("FFFFFF/0", xid, "postgres", new byte[32])),
                "UPDATE people SET ssn = 'b' WHERE id = 8",
                "COMMIT");
        }
        Assert.Equal(["update people 7 ssn by session clerk", "update people 8 ssn by session clerk"], await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Attribution_message_forged_with_the_stolen_secret()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        byte[] secret = scene.Host.Keyring.AttributionSecret(scene.Ledger.Source)!;     // as a superuser could work it out from its pads
        await using (NpgsqlConnection session = await scene.LogInAsync(SharedServer.Superuser))
        {
            await scene.AttackAsync(session, "BEGIN", "ALTER TABLE people DISABLE TRIGGER zz_indelible");
            string xid = await ScalarAsync(session, "SELECT pg_current_xact_id()::text");
            await scene.AttackAsync(session,
                Emit(Message("F/0", xid, SharedServer.Clerk, secret)), "UPDATE people SET ssn = 'forged' WHERE id = 7",
                "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible", "COMMIT");
        }
        // The change is sealed. That it was the clerk is a lie that only the report of the DDL, by the superuser in the
        // same transaction, stands against.
        await scene.ToldAsync("identity-changed trigger on public.people: oid …");
        Assert.Equal(
            ["ddl ALTER TABLE by session postgres", "update people 7 ssn by session clerk", "ddl ALTER TABLE by session postgres"],
            await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Session_authorization_of_another_role()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await using NpgsqlConnection session = await scene.LogInAsync(SharedServer.Superuser);
        await Task.Delay(TimeSpan.FromMilliseconds(600));      // sessions are looked at four times a second
        await scene.AttackAsync(
            session, $"SET SESSION AUTHORIZATION {SharedServer.Clerk}", "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await scene.ToldAsync("login-mismatch postgres as clerk");
        Assert.Equal(["update people 7 ssn by session clerk", "login-mismatch postgres as clerk"], await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Changes_applied_by_a_subscription()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        string upstream = await shared.Server.CreateDatabaseAsync(), from = new NpgsqlConnectionStringBuilder(upstream).Database!;
        await shared.Server.ExecuteAsync(upstream, Scene.People, "CREATE PUBLICATION up FOR TABLE people",
            "SELECT pg_create_logical_replication_slot('up', 'pgoutput')");
        await scene.AttackAsync(SharedServer.Superuser,
            $"CREATE SUBSCRIPTION up CONNECTION 'host={shared.Server.Private.SocketDirectory} port={shared.Server.Private.Port} "
                + $"dbname={from} user=postgres' PUBLICATION up WITH (create_slot = false, slot_name = up, copy_data = false)");
        try
        {
            await shared.Server.ExecuteAsync(upstream, "UPDATE people SET ssn = 'forged' WHERE id = 7", "DELETE FROM people WHERE id = 8");
            await scene.ToldAsync("delete people 8 ssn,phone by session from a subscription");
            // Apply workers fire no statement triggers; the origin says that it was nobody at this server.
            Assert.Equal(
                ["update people 7 ssn by session from a subscription", "delete people 8 ssn,phone by session from a subscription"],
                await scene.StoryAsync());
        }
        finally
        {
            await scene.AttackAsync(SharedServer.Superuser, "ALTER SUBSCRIPTION up DISABLE", "ALTER SUBSCRIPTION up SET (slot_name = NONE)",
                "DROP SUBSCRIPTION up");
        }
        await scene.RequireAlertsAsync();
    }

    private static string Message(string at, string xid, string who, byte[] secret) =>
        Signed(Encoding.UTF8.GetBytes($"{at}'{xid}','{who}','none','',NULL,'1',NULL"), secret);

    private static string Signed(byte[] body, byte[] secret) => Convert.ToHexString([.. HMACSHA256.HashData(secret, body), .. body]);

    private static string Emit(string payload) => $"SELECT pg_logical_emit_message(true, 'indelible', '\\x{payload}'::bytea)";

    private static async Task<string> ScalarAsync(NpgsqlConnection session, string query)
    {
        await using NpgsqlCommand command = new(query, session);
        return Convert.ToString(await command.ExecuteScalarAsync(), CultureInfo.InvariantCulture)!;
    }
}
