using System.Text.RegularExpressions;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

[Collection(SharedServerTests.Name)]
public sealed partial class ProtectorTests(SharedServer fixture)
{
    private const string People = "CREATE TABLE people (id int PRIMARY KEY, name text, ssn text, note text)";
    private const string Visits = """
        CREATE TABLE visits (day date, id int, finding text, PRIMARY KEY (day, id)) PARTITION BY RANGE (day);
        CREATE TABLE visits_2025 PARTITION OF visits FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
        CREATE TABLE visits_2026 PARTITION OF visits FOR VALUES FROM ('2026-01-01') TO ('2027-01-01') PARTITION BY RANGE (day);
        CREATE TABLE visits_2026a PARTITION OF visits_2026 FOR VALUES FROM ('2026-01-01') TO ('2026-07-01')
        """;

    private PostgresServer Server => fixture.Server;

    [Fact]
    public async Task Protecting_a_table_leaves_publication_identity_trigger_role_and_slot_and_names_the_columns()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, People);
        ProtectOutcome outcome = await db.ProtectAsync("people.ssn", "public.people.note=digest");

        ProtectedTable table = Assert.Single(outcome.Protection.Tables);
        Assert.Equal(("public", "people", 1u, false), (table.Schema, table.Name, table.Id, table.Partitioned));
        Assert.Equal(["id"], table.Key);
        Assert.Equal([("ssn", (short)3, "text", ColumnPolicy.Sealed), ("note", (short)4, "text", ColumnPolicy.Digest)],
            table.Columns.Select(c => (c.Name, c.Number, c.Type, c.Policy)));
        Assert.Equal([1u], outcome.BaselineTables);
        Assert.True(outcome.CaptureRoleCreated);
        Assert.True(outcome.SlotStart > Lsn.None);
        Assert.Empty(outcome.Warnings);
        Assert.Equal(["f"], await db.QueryAsync("SELECT relreplident::text FROM pg_class WHERE relname = 'people'"));
        Assert.Equal(["A"], await db.QueryAsync("SELECT tgenabled::text FROM pg_trigger WHERE tgrelid = 'people'::regclass"));
        Assert.Equal(["A", "A", "A"], await db.QueryAsync("SELECT evtenabled::text FROM pg_event_trigger"));
    }

    [Fact]
    public async Task The_capture_role_logs_in_with_its_password_reads_the_table_and_may_not_write_or_read_the_secret()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, People, "INSERT INTO public.people VALUES (1, 'n', 's', 'x')");
        await db.ProtectAsync("people.ssn");
        string capture = db.Owner.As(db.CaptureRole, "capture-password").ReplicationText();
        Assert.Equal(["s"], await Server.QueryAsync(capture, "SELECT ssn FROM public.people"));
        foreach (string forbidden in new[] { "UPDATE public.people SET ssn = 'y'", "SELECT * FROM indelible.source",
            "SELECT * FROM indelible.relation", "CREATE TABLE indelible.mine ()", "SELECT indelible.adopt(1, 1)" })
        {
            PostgresException refused = await Assert.ThrowsAsync<PostgresException>(() => Server.QueryAsync(capture, forbidden));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
        Assert.Equal(["f"], await db.QueryAsync($"SELECT rolsuper FROM pg_roles WHERE rolname = '{db.CaptureRole}'"));
    }

    [Fact]
    public async Task Protecting_again_does_nothing_and_adding_a_column_keeps_ids_and_asks_for_a_baseline()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, People, "CREATE TABLE other (id int PRIMARY KEY, secret text)");
        ProtectOutcome first = await db.ProtectAsync("people.ssn");
        ProtectRequest again = db.Request("people.ssn") with { Existing = first.Protection };
        ProtectOutcome second = await db.ProtectAsync(again);
        Assert.Equal(0, second.StepCount);
        Assert.Empty(second.BaselineTables);
        Assert.Equal("", (await Protector.PlanAsync(db.Owner, again, TestContext.Current.CancellationToken)).ToSql());

        ProtectOutcome third = await db.ProtectAsync(db.Request("people.name", "other.secret") with { Existing = first.Protection });
        Assert.Equal([1u, 2u], third.BaselineTables);
        Assert.Equal([(1u, "people"), (2u, "other")], third.Protection.Tables.Select(t => (t.Id, t.Name)));
        Assert.Equal(["name", "ssn"], third.Protection.Tables[0].Columns.Select(c => c.Name));
    }

    [Fact]
    public async Task A_dry_run_changes_nothing_and_shows_no_secret()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, People);
        ProtectPlan plan = await Protector.PlanAsync(db.Owner, db.Request("people.ssn"), TestContext.Current.CancellationToken);
        string sql = plan.ToSql();
        Assert.Contains("REPLICA IDENTITY FULL", sql);
        Assert.Contains("pg_create_logical_replication_slot", sql);
        Assert.DoesNotContain("SCRAM-SHA-256$", sql);
        Assert.DoesNotContain("capture-password", sql);
        Assert.Equal(["0"], await db.QueryAsync("SELECT count(*) FROM pg_namespace WHERE nspname = 'indelible'"));
        Assert.Equal(["d"], await db.QueryAsync("SELECT relreplident::text FROM pg_class WHERE relname = 'people'"));
    }

    [Fact]
    public async Task Every_member_of_a_partitioned_table_is_protected_and_new_or_attached_partitions_by_themselves()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, Visits);
        ProtectOutcome outcome = await db.ProtectAsync("visits.finding");
        Assert.True(outcome.Protection.Tables[0].Partitioned);
        Assert.Equal(["day", "id"], outcome.Protection.Tables[0].Key);
        await db.ExecuteAsync(
            "CREATE TABLE visits_2026b PARTITION OF visits_2026 FOR VALUES FROM ('2026-07-01') TO ('2027-01-01')",
            "CREATE TABLE visits_2027 (LIKE visits INCLUDING ALL)",
            "ALTER TABLE visits ATTACH PARTITION visits_2027 FOR VALUES FROM ('2027-01-01') TO ('2028-01-01')");
        List<string?> unprotected = await db.QueryAsync("""
            SELECT p.relid::text FROM pg_partition_tree('visits') p JOIN pg_class c ON c.oid = p.relid
            WHERE c.relreplident <> 'f' OR NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = p.relid AND t.tgenabled = 'A')
            """);
        Assert.Empty(unprotected);
        Assert.Equal(["6"], await db.QueryAsync("SELECT count(*) FROM indelible.relation"));
        Assert.Equal(0, (await db.ProtectAsync(db.Request("visits.finding") with { Existing = outcome.Protection })).StepCount);
    }

    [Fact]
    public async Task Unprotecting_restores_what_was_there_and_removes_what_was_made()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            Server, People, Visits, "CREATE UNIQUE INDEX by_name ON visits_2025 (day, id)",
            "ALTER TABLE visits_2025 REPLICA IDENTITY USING INDEX by_name", "ALTER TABLE people REPLICA IDENTITY NOTHING");
        string state =
            "SELECT string_agg(concat(relname, ' ', relreplident, relacl), ',' ORDER BY relname) "
                + "FROM pg_class WHERE relnamespace = 'public'::regnamespace";
        List<string?> before = await db.QueryAsync(state);
        ProtectOutcome outcome = await db.ProtectAsync("visits.finding", "people.ssn");

        Protection half = await Protector.UnprotectAsync(db.Owner, outcome.Protection, [ColumnRequest.Parse("visits.finding")],
            static _ => { }, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(["people"], half.Tables.Select(t => t.Name));
        Assert.Equal(2u, half.LastTableId);

        Protection none = await Protector.UnprotectAsync(
            db.Owner, half, null, static _ => { }, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Empty(none.Tables);
        Assert.Equal(before, (await db.QueryAsync(state)).Select(s => OwnersRights().Replace(s!, "")));
        Assert.Equal(["0"], await db.QueryAsync($"""
            SELECT (SELECT count(*) FROM pg_trigger WHERE NOT tgisinternal) + (SELECT count(*) FROM pg_publication)
                 + (SELECT count(*) FROM pg_event_trigger)
                 + (SELECT count(*) FROM pg_namespace WHERE nspname = 'indelible')
                 + (SELECT count(*) FROM pg_roles WHERE rolname = '{db.CaptureRole}')
                 + (SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'indelible_{db.Source}')
            """));
    }

    [Fact]
    public async Task A_table_whose_lock_is_not_to_be_had_is_left_whole_and_protected_once_it_is_free()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, People);
        await using NpgsqlConnection blocker = await Server.ConnectAsync(db.ConnectionString);
        await using (NpgsqlTransaction open = await blocker.BeginTransactionAsync(TestContext.Current.CancellationToken))
        {
            await using var insert = new NpgsqlCommand("INSERT INTO people VALUES (1)", blocker);
            await insert.ExecuteNonQueryAsync(TestContext.Current.CancellationToken);
            IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => db.ProtectAsync("people.ssn"));
            Assert.Equal(ExitCode.Environment, refused.ExitCode);
            Assert.Contains("nothing of this table was changed", refused.Message);
            Assert.Equal(["d"], await db.QueryAsync("SELECT relreplident::text FROM pg_class WHERE relname = 'people'"));
        }
        Assert.Equal([1u], (await db.ProtectAsync("people.ssn")).BaselineTables);
    }

    /// <summary>What was granted and taken back leaves the owner's own rights spelled out; which they are depends on the version.</summary>
    [GeneratedRegex(@"\{postgres=\w+/postgres\}")]
    private static partial Regex OwnersRights();
}
