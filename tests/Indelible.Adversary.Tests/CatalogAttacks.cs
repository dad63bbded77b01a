using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>What somebody with the owner's or the superuser's rights can do with DDL, so that values change and
/// no row tells of it.</summary>
[Collection(SharedServerTests.Name)]
public sealed class CatalogAttacks(SharedServer shared)
{
    private const string Visits = """
        CREATE TABLE visits (id int PRIMARY KEY, note text) PARTITION BY RANGE (id);
        CREATE TABLE visits_a PARTITION OF visits FOR VALUES FROM (0) TO (100);
        CREATE TABLE visits_b PARTITION OF visits FOR VALUES FROM (100) TO (200);
        INSERT INTO visits SELECT n, 'v' || n FROM generate_series(1, 10) n;
        INSERT INTO visits SELECT n, 'v' || n FROM generate_series(101, 110) n;
        """;

    [Fact]
    public async Task Publication_dropped_and_added_again_around_an_update()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            $"ALTER PUBLICATION {scene.Slot} DROP TABLE people", "UPDATE people SET ssn = 'forged' WHERE id = 7",
            "DELETE FROM people WHERE id = 8",
            $"ALTER PUBLICATION {scene.Slot} ADD TABLE people");
        Assert.Equal(["found people 7: ssn", "found people 8: ssn,phone"], await scene.FoundAsync("publication-changed"));
        await scene.ToldAsync("identity-changed public.people in publication: oid …");
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET phone = 'next' WHERE id = 7");
        string[] story = await scene.StoryAsync();
        Assert.Equal(["ddl ALTER PUBLICATION by session postgres", "ddl ALTER PUBLICATION by session postgres"], story[..2]);
        Assert.Equal(
            ["found people 7: ssn", "found people 8: ssn,phone", "crosscheck 0 differences", "update people 7 phone by session clerk"],
            story[2..]);
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Publication_written_by_hand_in_the_catalog_around_an_update()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            "CREATE TEMP TABLE kept AS SELECT * FROM pg_publication_rel WHERE prrelid = 'people'::regclass",
            "DELETE FROM pg_publication_rel WHERE prrelid = 'people'::regclass",
            "UPDATE people SET ssn = 'forged' WHERE id = 7",
            "INSERT INTO pg_publication_rel (oid, prpubid, prrelid) SELECT oid, prpubid, prrelid FROM kept");
        Assert.Equal(["found people 7: ssn"], await scene.FoundAsync("publication-changed"));
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Table_declared_unlogged_by_hand_in_the_catalog_around_an_update()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser, Darkness.Sql("people", "UPDATE people SET ssn = 'forged' WHERE id = 7"));
        Assert.Empty(await scene.StoryAsync());
        Assert.Equal(["id=7 ssn: another value than in the ledger"], await scene.CrosscheckAsync());
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET phone = 'next' WHERE id = 7");
        await scene.ToldAsync("continuity people 7 ssn: the value before is not the last one sealed");
        Assert.Equal(["id=7 ssn: another value than in the ledger"], await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Partition_detached_changed_and_attached_again()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server, ["visits.note"], Visits);
        await scene.AttackAsync(SharedServer.Owner,
            "ALTER TABLE visits DETACH PARTITION visits_b", "UPDATE visits_b SET note = 'forged' WHERE id = 107",
            "ALTER TABLE visits ATTACH PARTITION visits_b FOR VALUES FROM (100) TO (200)");
        Assert.Equal(["found public.visits_b 107: note"], await scene.FoundAsync("partition-attached"));
        await scene.ToldAsync("identity-changed partition public.visits_b: attached by transaction …");
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.AttackAsync(SharedServer.Clerk, "DELETE FROM visits WHERE id = 107");
        string[] story = await scene.StoryAsync();
        Assert.Equal(["ddl ALTER TABLE by session crm_owner", "ddl ALTER TABLE by session crm_owner"], story[..2]);
        Assert.Equal("delete public.visits_b 107 note by session clerk", story[^1]);
        Assert.DoesNotContain(story, line => line.StartsWith("continuity", StringComparison.Ordinal));
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Identity_downgraded_around_an_update()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Owner, "ALTER TABLE people REPLICA IDENTITY DEFAULT",
            "UPDATE people SET ssn = 'forged' WHERE id = 7", "ALTER TABLE people REPLICA IDENTITY FULL");
        Assert.Equal(
            ["ddl ALTER TABLE by session crm_owner", "update people 7 ssn,phone by session crm_owner",
                "ddl ALTER TABLE by session crm_owner"], await scene.StoryAsync());
        Assert.Empty(await scene.FoundAsync("identity-changed"));
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Values_rewritten_by_a_change_of_type()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Owner, "ALTER TABLE people ALTER ssn TYPE varchar(40) USING 'forged'");
        Assert.Equal("ddl ALTER TABLE by session crm_owner", (await scene.StoryAsync())[0]);
        await scene.ToldAsync("identity-changed public.people column …");
        await scene.UntilAsync(() => scene.New().Count(entry => entry.Header.Kind == EntryKind.Baseline) == 20, "a new baseline");
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Column_dropped_and_added_again_with_other_values()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(
            SharedServer.Owner, "ALTER TABLE people DROP COLUMN ssn", "ALTER TABLE people ADD COLUMN ssn text DEFAULT 'forged'");
        await scene.ToldAsync("ddl ALTER TABLE by session crm_owner");
        await scene.ToldAsync("identity-changed public.people column …");
        Assert.Equal(["ssn: the column is gone from the database"], await scene.CrosscheckAsync());
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'next' WHERE id = 7");
        await scene.ToldAsync("continuity people 7 ssn: the value before is not the last one sealed");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Table_swapped_by_rename()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Owner,
            "CREATE TABLE people_new (LIKE people INCLUDING ALL)", "INSERT INTO people_new SELECT id, 'forged', phone, note FROM people",
            "BEGIN; ALTER TABLE people RENAME TO people_old; ALTER TABLE people_new RENAME TO people; COMMIT");
        await scene.ToldAsync("ddl ALTER TABLE by session crm_owner");
        await scene.ToldAsync("identity-changed public.people: another table of that name");
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Table_truncated()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Clerk, "TRUNCATE people");
        Assert.Equal(["truncate people by session clerk"], await scene.StoryAsync());
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Table_dropped_and_made_again_from_a_dump()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Owner, "CREATE TABLE dump AS TABLE people", "DROP TABLE people",
            "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, note text)",
            "INSERT INTO people SELECT id, 'forged', phone, note FROM dump");
        await scene.ToldAsync("ddl DROP TABLE by session crm_owner");
        await scene.ToldAsync("identity-changed public.people: another table of that name");
        Assert.Contains("found it dropped", Assert.Single(await scene.CrosscheckAsync()), StringComparison.Ordinal);
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Event_triggers_disabled_around_a_rewrite()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            "ALTER EVENT TRIGGER indelible_ddl DISABLE", "ALTER EVENT TRIGGER indelible_rewrite DISABLE",
            "ALTER TABLE people ALTER ssn TYPE varchar(40) USING 'forged'");
        await scene.ToldAsync("identity-changed event triggers: 1 of 3 on");
        await scene.ToldAsync("identity-changed public.people column …");
        Assert.Equal(Everybody(id => $"found people {id}: ssn"), await scene.FoundAsync("rewrite-unrecorded"));
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Column_renamed_so_that_another_has_its_name()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server, ["people.ssn"], Scene.People);
        await scene.AttackAsync(SharedServer.Owner,
            "BEGIN; ALTER TABLE people RENAME ssn TO memo; ALTER TABLE people RENAME note TO ssn; COMMIT",
            "UPDATE people SET memo = 'forged' WHERE id = 7", "UPDATE people SET ssn = 'a note' WHERE id = 8");
        Assert.Equal(
            ["ddl ALTER TABLE by session crm_owner", "ddl ALTER TABLE by session crm_owner", "update people 7 ssn by session crm_owner"],
            await scene.StoryAsync());
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Leaf_partition_truncated_and_written_directly()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server, ["visits.note"], Visits);
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE visits_a SET note = 'forged' WHERE id = 7", "TRUNCATE visits_b");
        Assert.Equal(
            ["update public.visits_a 7 note by session clerk", "truncate public.visits_b by session clerk"], await scene.StoryAsync());
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Trigger_function_replaced()
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        await scene.AttackAsync(SharedServer.Superuser,
            "CREATE OR REPLACE FUNCTION indelible.attribute() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'",
            "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await scene.ToldAsync("update people 7 ssn by none");
        await scene.ToldAsync("identity-changed functions: …");
        await scene.RequireAlertsAsync();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Everything_put_back_before_anybody_looks(bool isStopped)
    {
        await using Scene scene = await Scene.OpenAsync(shared.Server);
        if (isStopped) await scene.StopAsync();
        await scene.AttackAsync(SharedServer.Superuser,
            "ALTER EVENT TRIGGER indelible_ddl DISABLE", "ALTER EVENT TRIGGER indelible_drop DISABLE",
            $"ALTER PUBLICATION {scene.Slot} DROP TABLE people",
            "UPDATE people SET ssn = 'forged' WHERE id = 7",
            $"ALTER PUBLICATION {scene.Slot} ADD TABLE people", "ALTER EVENT TRIGGER indelible_ddl ENABLE ALWAYS",
            "ALTER EVENT TRIGGER indelible_drop ENABLE ALWAYS");
        if (isStopped) await scene.StartAsync();
        Entry told = await scene.ToldAsync("identity-changed public.people in publication: oid …");
        await scene.ToldAsync("identity-changed event trigger indelible_ddl: oid …");
        Assert.True(Lsn.Parse(told.Header.Facts!["since"]) < Lsn.Parse(told.Header.Facts["until"]));
        Assert.Equal(["found people 7: ssn"], await scene.FoundAsync("event-triggers-changed"));
        Assert.Equal(["found people 7: ssn"], await scene.StoryAsync());
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.RequireAlertsAsync();
    }

    /// <summary>A line for each of the twenty people, in order.</summary>
    private static string[] Everybody(Func<int, string> line) => [.. Enumerable.Range(1, 20).Select(line).Order(StringComparer.Ordinal)];
}
