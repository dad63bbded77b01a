using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>What somebody with the right to replicate can do to the slot, so that part of the log is never read.</summary>
[Collection(SharedServerTests.Name)]
public sealed class SlotAttacks(SharedServer shared)
{
    private const string Unseen =
        "UPDATE people SET ssn = 'forged' WHERE id = 7; DELETE FROM people WHERE id = 8; INSERT INTO people VALUES (21, 'ghost')";

    [Fact]
    public async Task Slot_advanced_while_nobody_reads()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.StopAsync();
        await scene.AttackAsync(
            SharedServer.Superuser, Unseen, $"SELECT pg_replication_slot_advance('{scene.Slot}', pg_current_wal_lsn())");
        await scene.StartAsync();
        await AssertFoundAsync(scene, "slot-ahead");
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET phone = 'later' WHERE id = 9");
        Assert.Contains("update people 9 phone by session clerk", await scene.StoryAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Slot_advanced_the_moment_its_reader_is_thrown_out()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            ThrowOut(scene), $"BEGIN; {Unseen}; COMMIT", $"SELECT pg_replication_slot_advance('{scene.Slot}', pg_current_wal_lsn())");
        await AssertFoundAsync(scene, "slot-ahead");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Slot_dropped_and_made_again_under_its_name()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            ThrowOut(scene), $"SELECT pg_drop_replication_slot('{scene.Slot}')", Unseen,
            $"SELECT pg_create_logical_replication_slot('{scene.Slot}', 'pgoutput')");
        await AssertFoundAsync(scene, "slot-ahead");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Log_kept_too_short_while_nobody_reads()
    {
        await using PostgresServer server =
            await SharedServer.StartAsync(new Dictionary<string, string> { ["max_slot_wal_keep_size"] = "16MB" });
        await using Scene scene = await Scene.OpenAsync(server);
        await scene.StopAsync();
        string segment = "SELECT pg_logical_emit_message(false, '', 'x'), pg_switch_wal()";
        await scene.AttackAsync(SharedServer.Superuser, [Unseen, .. Enumerable.Repeat(segment, 5), "CHECKPOINT"]);
        Assert.Equal("lost", await scene.AskAsync("SELECT wal_status FROM pg_replication_slots"));
        await scene.StartAsync();
        await AssertFoundAsync(scene, "slot-lost");
        await scene.RequireAlertsAsync();
    }

    /// <summary>The gap, with its positions, is sealed before anything after it; then what it hid, by nobody;
    /// and nothing differs any more.</summary>
    private static async Task AssertFoundAsync(Scene scene, string reason)
    {
        Entry gap = await scene.ToldAsync($"gap {reason}");
        Assert.True(Lsn.Parse(gap.Header.Facts!["to"]) > Lsn.Parse(gap.Header.Facts["from"]));
        await scene.ToldAsync("found people 8: ssn,phone");
        Assert.Equal([$"gap {reason}", "found people 7: ssn", "found people 21: ssn,phone", "found people 8: ssn,phone"],
            (await scene.StoryAsync())[..4]);
        Assert.All(scene.New().Where(entry => entry.Header.Operation == Operation.Found),
            found => Assert.Equal(Grade.None, found.Header.Operator!.Grade));
        Assert.Empty(await scene.CrosscheckAsync());
    }

    private static string ThrowOut(Scene scene) => $"""
        DO $$ BEGIN
            LOOP
                PERFORM pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = '{scene.Slot}';
                EXIT WHEN NOT (SELECT active FROM pg_replication_slots WHERE slot_name = '{scene.Slot}');
                PERFORM pg_sleep(0.001);
            END LOOP;
        END $$
        """;
}
