using Indelible.Testing;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

/// <summary>Each thing the doctor may find, provoked on a server; and its fix, which works when it is copied.</summary>
[Collection(SharedServerTests.Name)]
public sealed class DoctorTests(SharedServer fixture)
{
    /// <summary>What mends each of these is SQL, run here as it stands.</summary>
    [Theory]
    [InlineData("may replicate", CheckStatus.Fail, "ALTER ROLE {role} NOREPLICATION")]
    [InlineData("login roles", CheckStatus.Warn, "REVOKE pg_read_all_stats FROM {role}")]
    [InlineData("public.t readable", CheckStatus.Fail, "REVOKE SELECT ON t FROM {role}")]
    [InlineData("public.t row-level security", CheckStatus.Fail, "ALTER TABLE t ENABLE ROW LEVEL SECURITY")]
    [InlineData("public.t identity", CheckStatus.Fail, "ALTER TABLE t REPLICA IDENTITY DEFAULT")]
    [InlineData("public.t identity", CheckStatus.Fail, "ALTER TABLE t REPLICA IDENTITY NOTHING")]
    [InlineData("public.t trigger", CheckStatus.Fail, "ALTER TABLE t DISABLE TRIGGER ALL")]
    [InlineData("public.t trigger", CheckStatus.Fail, "ALTER TABLE t ENABLE TRIGGER ALL")]
    public async Task A_fault_that_SQL_mends_is_named_and_its_fix_mends_it(string name, CheckStatus status, string fault)
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await db.ExecuteAsync(fault.Replace("{role}", db.CaptureRole, StringComparison.Ordinal));
        SourceCheck ill = (await CheckAsync(db, protection))[name];
        Assert.Equal(status, ill.Status);
        Assert.NotEqual(ill.Expected, ill.Found);
        await db.ExecuteAsync(ill.Fix!.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries));
        Assert.Equal(CheckStatus.Ok, (await CheckAsync(db, protection))[name].Status);
    }

    /// <summary>What mends these is a command that names everything it needs.</summary>
    [Theory]
    [InlineData("publication", CheckStatus.Fail, "ALTER PUBLICATION {publication} DROP TABLE t", "protect")]
    [InlineData("publication", CheckStatus.Fail, "ALTER PUBLICATION {publication} SET (publish = 'insert')", "protect")]
    [InlineData("publication", CheckStatus.Fail, "DROP PUBLICATION {publication}", "protect")]
    [InlineData("public.t trigger", CheckStatus.Fail, "DROP TRIGGER zz_indelible ON t", "protect")]
    [InlineData("event triggers", CheckStatus.Warn, "DROP EVENT TRIGGER indelible_ddl", "protect")]
    [InlineData("public.t primary key", CheckStatus.Fail, "ALTER TABLE t DROP CONSTRAINT t_pkey, ADD PRIMARY KEY (id, x)", "unprotect")]
    [InlineData("public.t column x", CheckStatus.Fail, "ALTER TABLE t DROP COLUMN x", "unprotect")]
    [InlineData("public.t column x", CheckStatus.Note, "ALTER TABLE t RENAME x TO y", "protect")]
    [InlineData("public.t", CheckStatus.Note, "ALTER TABLE t RENAME TO u", "protect")]
    [InlineData("public.t", CheckStatus.Fail, "DROP TABLE t", "unprotect")]
    [InlineData("public.t", CheckStatus.Fail, "ALTER TABLE t RENAME TO u; CREATE TABLE t (id int)", "protect")]
    [InlineData("public.t", CheckStatus.Fail, "DROP TABLE t; CREATE TABLE t (id int)", "protect")]
    public async Task A_fault_that_a_command_mends_is_named_with_the_whole_command(
        string name, CheckStatus status, string fault, string command)
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await db.ExecuteAsync(fault.Replace("{publication}", protection.Publication, StringComparison.Ordinal));
        SourceCheck ill = (await CheckAsync(db, protection))[name];
        Assert.Equal(status, ill.Status);
        string user = name == "event triggers"
            ? "postgres"
            : (await db.QueryAsync("SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = current_database()"))[0]!;
        Assert.StartsWith(
            $"indelible {command} --source 'Host={db.Owner.Host};Port={db.Owner.Port};Database={db.Owner.Database};Username={user}'",
            ill.Fix, StringComparison.Ordinal);
        if (command == "unprotect")
        {
            Assert.Contains(
                name == "public.t column x" ? " public.t.x" : " public.t.x 'public.t.\"we.ird\"'", ill.Fix, StringComparison.Ordinal);
        }
        if (fault.StartsWith("DROP TABLE t; CREATE", StringComparison.Ordinal))
            Assert.EndsWith(" public.t.x 'public.t.\"we.ird\"=digest'", ill.Fix, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_table_that_is_not_published_hides_only_what_happens_to_itself_and_names_that_are_new_are_taken_over()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE TABLE t (id int PRIMARY KEY, x text)", "CREATE TABLE other (id int PRIMARY KEY, x text)");
        Protection protection = (await db.ProtectAsync("t.x", "other.x")).Protection;
        await db.ExecuteAsync($"ALTER PUBLICATION {protection.Publication} DROP TABLE t");
        Assert.Equal(["t"], (await CheckAsync(db, protection))["publication"].Hides.Select(table => table.Name));
        await db.ExecuteAsync($"ALTER PUBLICATION {protection.Publication} SET (publish = 'insert')");
        Assert.Equal(["t", "other"], (await CheckAsync(db, protection))["publication"].Hides.Select(table => table.Name));

        await db.ExecuteAsync("ALTER TABLE other RENAME TO others", "ALTER TABLE t RENAME x TO y");
        CatalogTrace trace = await CatalogTrace.ReadAsync(db.Owner, protection, TestContext.Current.CancellationToken);
        Assert.Contains("trigger on public.other", trace.Lines.Keys);
        Assert.Contains(
            "owner of public.other", (await SourceDoctor.RightsAsync(db.Owner, protection, TestContext.Current.CancellationToken)).Keys);
        Protection again = (await db.ProtectAsync(db.Request() with { Existing = protection })).Protection;
        Assert.DoesNotContain((await CheckAsync(db, again)).Values, check => check.Status is CheckStatus.Note or CheckStatus.Fail);
    }

    [Fact]
    public async Task A_slot_that_is_missing_or_not_read_and_another_cluster_are_named()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        Dictionary<string, SourceCheck> idle = await CheckAsync(db, protection);
        Assert.Equal(
            (CheckStatus.Ok, CheckStatus.Warn, CheckStatus.Ok), (idle["slot"].Status, idle["slot read"].Status, idle["slot lag"].Status));
        Assert.Equal("indelible run", idle["slot read"].Fix);
        await db.ExecuteAsync($"SELECT pg_drop_replication_slot('{protection.Slot}')");
        protection.SystemId++;
        Dictionary<string, SourceCheck> ill = await CheckAsync(db, protection);
        Assert.Equal((CheckStatus.Fail, CheckStatus.Fail), (ill["slot"].Status, ill["system identifier"].Status));
        Assert.StartsWith("indelible run ", ill["slot"].Fix, StringComparison.Ordinal);
        Assert.False(SourceDoctor.IsLagging(new SlotFacts("pgoutput", "db", true, 1, "reserved", "0/0", 1L << 30, null)));
        Assert.True(SourceDoctor.IsLagging(new SlotFacts("pgoutput", "db", true, 1, "extended", "0/0", (1L << 30) + 1, null)));
    }

    [Fact]
    public async Task Lag_of_a_slot_that_is_being_lost_is_never_fine()
    {
        await using PostgresServer server =
            await PostgresServer.StartAsync("logical", new Dictionary<string, string> { ["max_slot_wal_keep_size"] = "16MB" });
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        Protection protection = (await db.ProtectAsync("t.x")).Protection;
        await db.ExecuteAsync([.. Enumerable.Repeat("SELECT pg_logical_emit_message(false, '', 'x'), pg_switch_wal()", 5)]);
        Dictionary<string, SourceCheck> beyond = await CheckAsync(db, protection);
        Assert.Equal(("unreserved", CheckStatus.Warn, CheckStatus.Warn),
            (beyond["slot health"].Found, beyond["slot health"].Status, beyond["slot lag"].Status));
        Assert.StartsWith("indelible run ", beyond["slot lag"].Fix, StringComparison.Ordinal);
        await db.ExecuteAsync("CHECKPOINT");
        Dictionary<string, SourceCheck> lost = await CheckAsync(db, protection);
        Assert.Equal(
            ("lost", CheckStatus.Fail, CheckStatus.Warn), (lost["slot health"].Found, lost["slot health"].Status, lost["slot lag"].Status));
        Assert.Equal("nothing to measure: the slot is lost, see slot health", lost["slot lag"].Found);
        Assert.Equal(lost["slot health"].Fix, lost["slot lag"].Fix);
    }

    [Theory]
    [InlineData(0, CheckStatus.Ok)]
    [InlineData(10, CheckStatus.Warn)]
    [InlineData(-10, CheckStatus.Warn)]
    [InlineData(90, CheckStatus.Fail)]
    public async Task Clocks_that_disagree_are_named(int skewSeconds, CheckStatus status)
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        SourceCheck clock = (await CheckAsync(db, protection, new Skewed(skewSeconds)))["clock"];
        Assert.Equal(status, clock.Status);
        Assert.Equal(status == CheckStatus.Ok, clock.Fix is null);
    }

    [Fact]
    public async Task Settings_of_the_server_are_named_with_the_statement_that_changes_them()
    {
        await using PostgresServer server = await PostgresServer.StartAsync("replica", new Dictionary<string, string>
        {
            ["max_wal_senders"] = "0", ["wal_sender_timeout"] = "0", ["max_replication_slots"] = "0",
        });
        Dictionary<string, SourceCheck> ill = await CheckAsync(SourceConnection.Parse(server.ConnectionString), null, TimeProvider.System);
        Assert.Equal((CheckStatus.Fail, CheckStatus.Fail), (ill["wal_level"].Status, ill["max_wal_senders"].Status));
        foreach (string name in (string[])["wal_sender_timeout", "max_slot_wal_keep_size", "replication slots", "least privilege", "TLS"])
            Assert.Equal(CheckStatus.Warn, ill[name].Status);
        foreach (string name in (string[])["wal_level", "max_wal_senders", "wal_sender_timeout", "max_slot_wal_keep_size"])
        {
            await server.ExecuteAsync(server.ConnectionString, ill[name].Fix!.Split("; ")[0].TrimEnd(';'));
        }
        Assert.Equal(["logical", "10", "60s", "50GB"], await server.QueryAsync(server.ConnectionString,
            "SELECT setting FROM pg_file_settings WHERE sourcefile LIKE '%auto.conf' ORDER BY array_position(ARRAY['wal_level', "
                + "'max_wal_senders', 'wal_sender_timeout', 'max_slot_wal_keep_size'], name)"));

        Dictionary<string, SourceCheck> local =
            await CheckAsync(SourceConnection.Parse(server.Private.SocketConnectionString()), null, TimeProvider.System);
        Assert.EndsWith("MiB free", local["disk of the source"].Found, StringComparison.Ordinal);
        Assert.Contains($"df -h '{server.Private.DataDirectory}'", ill["disk of the source"].Found, StringComparison.Ordinal);
        await server.Private.StopAsync(TestContext.Current.CancellationToken);
        SourceCheck gone =
            Assert.Single((await CheckAsync(SourceConnection.Parse(server.ConnectionString), null, TimeProvider.System)).Values);
        Assert.Equal(("connection", CheckStatus.Fail), (gone.Name, gone.Status));
        Assert.Contains("check host and port, and that the server runs", gone.Found, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_too_old_and_a_standby_are_named()
    {
        await using PostgresServer server = await PostgresServer.StartAsync();
        SessionFacts session = await SessionAsync(server);
        Dictionary<string, SourceCheck> checks = SourceDoctor.Server(session with { VersionNumber = 130014, IsStandby = true })
            .ToDictionary(check => check.Name);
        Assert.Equal((CheckStatus.Fail, "13.14"), (checks["server version"].Status, checks["server version"].Found));
        Assert.Equal((CheckStatus.Fail, "standby"), (checks["primary"].Status, checks["primary"].Found));
        Assert.All(SourceDoctor.Server(session).Where(check => check.Name is "server version" or "primary"),
            check => Assert.Equal(CheckStatus.Ok, check.Status));
    }

    private static async Task<SessionFacts> SessionAsync(PostgresServer server)
    {
        await using Npgsql.NpgsqlConnection connection = await server.ConnectAsync();
        return await new SourceCatalog(connection).SessionAsync(TestContext.Current.CancellationToken);
    }

    private async Task<(ProtectedDatabase, Protection)> ProtectedAsync()
    {
        ProtectedDatabase db =
            await ProtectedDatabase.CreateAsync(fixture.Server, """CREATE TABLE t (id int PRIMARY KEY, x text, "we.ird" text)""");
        return (db, (await db.ProtectAsync("t.x", "t.\"we.ird\"=digest")).Protection);
    }

    private static Task<Dictionary<string, SourceCheck>> CheckAsync(
        ProtectedDatabase db, Protection protection, TimeProvider? time = null) =>
        CheckAsync(db.Owner.As(db.CaptureRole, "capture-password"), protection, time ?? TimeProvider.System);

    private static async Task<Dictionary<string, SourceCheck>> CheckAsync(
        SourceConnection source, Protection? protection, TimeProvider time)
    {
        IReadOnlyList<SourceCheck> checks = await SourceDoctor.CheckAsync(source, protection, time, TestContext.Current.CancellationToken);
        Assert.All(checks.Where(check => check.Status != CheckStatus.Ok && check.Name != "connection"), check => Assert.NotNull(check.Fix));
        return checks.ToDictionary(check => check.Name);
    }

    private sealed class Skewed(int seconds) : TimeProvider
    {
        public override DateTimeOffset GetUtcNow() => base.GetUtcNow().AddSeconds(seconds);
    }
}
