using Indelible.Capture.Tests.Reading;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

[Collection(SharedServerTests.Name)]
public sealed class BadInputTests(SharedServer fixture)
{
    private PostgresServer Server => fixture.Server;

    private async Task<IndelibleException> RefusedAsync(string statement, string column)
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, statement);
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => db.ProtectAsync(column));
        Assert.Equal(["0"],
            await db.QueryAsync(
                "SELECT (SELECT count(*) FROM pg_namespace WHERE nspname = 'indelible') + (SELECT count(*) FROM pg_publication)"));
        return refused;
    }

    [Theory]
    [InlineData("CREATE TABLE t (id int, x text)", "t.x", "no primary key")]
    [InlineData("CREATE TABLE patients (id int PRIMARY KEY, address text)", "patients.adress", "did you mean address?")]
    [InlineData("CREATE TABLE patients (id int PRIMARY KEY, address text)", "patient.address", "did you mean public.patients?")]
    [InlineData("CREATE SCHEMA ward; CREATE TABLE ward.patients (id int PRIMARY KEY, address text)", "patients.address",
        "did you mean ward.patients?")]
    [InlineData("CREATE SCHEMA ward; CREATE TABLE ward.patients (id int PRIMARY KEY, address text)", "ward.patients",
        "ward.patients is a table; expected one of its columns: ward.patients.COLUMN")]
    [InlineData("CREATE UNLOGGED TABLE t (id int PRIMARY KEY, x text)", "t.x", "SET LOGGED")]
    [InlineData("CREATE VIEW t AS SELECT 1 AS id, 'x' AS x", "t.x", "is a view")]
    [InlineData("CREATE TABLE p (id int PRIMARY KEY, x text) PARTITION BY RANGE (id); CREATE TABLE t PARTITION OF p DEFAULT", "t.x",
        "is a partition of p")]
    [InlineData("CREATE TABLE p (id int PRIMARY KEY, x text) PARTITION BY RANGE (id); CREATE UNLOGGED TABLE t PARTITION OF p DEFAULT",
        "p.x", "unlogged partition")]
    [InlineData("CREATE EXTENSION postgres_fdw; CREATE SERVER s FOREIGN DATA WRAPPER postgres_fdw; CREATE FOREIGN TABLE t (id int, x text) "
        + "SERVER s", "t.x", "foreign")]
    [InlineData("CREATE TABLE t (id int PRIMARY KEY DEFERRABLE, x text)", "t.x", "ADD PRIMARY KEY (\"id\")")]
    public async Task What_cannot_be_protected_is_refused_before_anything_is_changed(string statement, string column, string message)
    {
        IndelibleException refused = await RefusedAsync(statement, column);
        Assert.Equal(ExitCode.Usage, refused.ExitCode);
        Assert.Contains(message, refused.Message);
    }

    [Fact]
    public async Task A_stored_generated_column_is_refused_before_18_and_captured_since()
    {
        const string table = "CREATE TABLE t (id int PRIMARY KEY, a text, x text GENERATED ALWAYS AS (a || 'x') STORED)";
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, table);
        if (await Server.MajorVersionAsync() < 18)
        {
            Assert.Contains("generated", (await RefusedAsync(table, "t.x")).Message, StringComparison.Ordinal);
            return;
        }
        ProtectOutcome plain = await db.ProtectAsync("t.a");      // the publication is there before it must publish more
        ProtectOutcome both = await db.ProtectAsync(db.Request("t.x") with { Existing = plain.Protection });
        await db.ExecuteAsync("INSERT INTO t VALUES (1, 'b')");
        Assert.Equal("Insert t [1] a: (NoRow) > b x: (NoRow) > bx",
            Show.Line(Assert.Single((await db.ReadAllAsync(both.Protection)).OfType<CapturedChange.Row>())));
        await db.ExecuteAsync($"ALTER PUBLICATION {both.Protection.Publication} SET (publish_generated_columns = none)");
        SourceCheck check = (await SourceDoctor.CheckAsync(db.Owner, both.Protection, TimeProvider.System, CancellationToken.None))
            .Single(one => one.Name == "publication");
        Assert.Equal((CheckStatus.Fail, "public.t without its generated columns"), (check.Status, check.Found));
    }

    [Fact]
    public async Task A_wrong_password_database_or_port_says_so()
    {
        foreach ((string connection, string message) in new[]
        {
            (Server.Private.ConnectionString(user: "postgres", password: "wrong"), "password"),
            (Server.Private.ConnectionString("nowhere"), "no such database"),
            ("Host=127.0.0.1;Port=1;Username=x;Database=y;Password=z", "no PostgreSQL server can be reached"),
        })
        {
            var request =
                new ProtectRequest { Source = "s", Columns = [ColumnRequest.Parse("a.b")], AttributionSecret = ProtectedDatabase.Secret };
            IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(
                () => Protector.PlanAsync(SourceConnection.Parse(connection), request, TestContext.Current.CancellationToken));
            Assert.Equal(ExitCode.Environment, refused.ExitCode);
            Assert.Contains(message, refused.Message);
            Assert.DoesNotContain("Password=", refused.Message);
        }
    }

    [Fact]
    public async Task Row_level_security_gives_the_capture_role_the_right_to_bypass_it_or_is_refused_with_the_fix()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            Server, "CREATE ROLE rls_owner LOGIN REPLICATION", "CREATE TABLE t (id int PRIMARY KEY, x text)",
            "ALTER TABLE t ENABLE ROW LEVEL SECURITY", "ALTER TABLE t OWNER TO rls_owner", "INSERT INTO t VALUES (1, 'a')");
        await db.ExecuteAsync($"GRANT CREATE ON DATABASE {new NpgsqlConnectionStringBuilder(db.ConnectionString).Database} TO rls_owner",
            $"CREATE ROLE {db.CaptureRole} LOGIN REPLICATION");
        SourceConnection owner = SourceConnection.Parse(
            Server.Private.SocketConnectionString(new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!, "rls_owner"));
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(
            () => Protector.PlanAsync(owner, db.Request("t.x"), TestContext.Current.CancellationToken));
        Assert.Contains("BYPASSRLS", refused.Message);

        ProtectOutcome outcome = await db.ProtectAsync("t.x");
        SourceConnection capture = SourceConnection.Parse(
            Server.Private.SocketConnectionString(new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!, db.CaptureRole));
        await using LiveTable live =
            await LiveTable.OpenAsync(capture, outcome.Protection.Tables[0], TestContext.Current.CancellationToken);
        Assert.Single((await live.ReadKeysAsync([["1"]], TestContext.Current.CancellationToken)).Rows);
    }

    [Fact]
    public async Task An_owner_without_superuser_protects_and_is_told_what_is_left_out_and_what_is_missing()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, "CREATE ROLE plain_owner LOGIN",
            "CREATE TABLE t (id int PRIMARY KEY, x text)", "CREATE TABLE foreigners (id int PRIMARY KEY, x text)",
            "ALTER TABLE t OWNER TO plain_owner");
        string name = new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!;
        SourceConnection owner = SourceConnection.Parse(Server.Private.SocketConnectionString(name, "plain_owner"));
        async Task<string> MessageAsync(params string[] columns) =>
            (await Assert.ThrowsAsync<IndelibleException>(
                () => Protector.PlanAsync(owner, db.Request(columns), TestContext.Current.CancellationToken))).Message;

        Assert.Contains("GRANT CREATE ON DATABASE", await MessageAsync("t.x"));
        await db.ExecuteAsync($"GRANT CREATE ON DATABASE {name} TO plain_owner");
        Assert.Contains("belongs to postgres", await MessageAsync("foreigners.x"));
        Assert.Contains("then run this again with --capture-password-file FILE", await MessageAsync("t.x"));
        await db.ExecuteAsync($"CREATE ROLE {db.CaptureRole} LOGIN REPLICATION");
        Assert.Contains("REPLICATION", await MessageAsync("t.x"));

        SourceConnection capture = SourceConnection.Parse(Server.Private.SocketConnectionString(name, db.CaptureRole));
        ProtectOutcome outcome = await ProtectedDatabase.ProtectAsync(owner, db.Request("t.x") with { Capture = capture });
        Assert.Equal(2, outcome.Warnings.Count);
        Assert.Contains("event triggers", outcome.Warnings[1]);
        await db.ExecuteAsync("INSERT INTO t VALUES (1, 'a')");
        Assert.Equal("MI", string.Concat((await db.DrainAsync()).Select(i => i.Kind)));
        SourceCheck weaker = Assert.Single(
            await SourceDoctor.ProtectionAsync(capture, outcome.Protection, TestContext.Current.CancellationToken),
            check => check.Status != CheckStatus.Ok);
        Assert.Equal(("event triggers", CheckStatus.Warn), (weaker.Name, weaker.Status));
        Assert.Contains("DDL is noticed only by comparing the catalog", weaker.Expected);
        await db.ExecuteAsync("ALTER TABLE t DISABLE TRIGGER zz_indelible", "ALTER TABLE t REPLICA IDENTITY DEFAULT");
        IReadOnlyList<SourceCheck> found =
            await SourceDoctor.ProtectionAsync(capture, outcome.Protection, TestContext.Current.CancellationToken);
        Assert.Equal(["event triggers", "public.t identity", "public.t trigger"],
            found.Where(check => check.Status != CheckStatus.Ok).Select(check => check.Name));
    }

    [Fact]
    public async Task A_superuser_who_adds_event_triggers_takes_over_the_functions_that_they_run()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            Server, "CREATE ROLE weak_owner LOGIN", "CREATE TABLE t (id int PRIMARY KEY, x text)", "ALTER TABLE t OWNER TO weak_owner");
        string name = new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!;
        await db.ExecuteAsync($"GRANT CREATE ON DATABASE {name} TO weak_owner", $"CREATE ROLE {db.CaptureRole} LOGIN REPLICATION");
        SourceConnection owner = SourceConnection.Parse(Server.Private.SocketConnectionString(name, "weak_owner")),
            capture = SourceConnection.Parse(Server.Private.SocketConnectionString(name, db.CaptureRole));
        ProtectRequest request = db.Request("t.x") with { Capture = capture };
        Protection protection = (await ProtectedDatabase.ProtectAsync(owner, request)).Protection;

        // An owner who hopes for a superuser's rights: the version still says that all is as installed.
        await db.ExecuteAsync(
            "SET ROLE weak_owner; CREATE OR REPLACE FUNCTION indelible.adopt(member pg_catalog.oid, root pg_catalog.oid) "
                + "RETURNS void LANGUAGE sql AS 'SELECT'",
            "SET ROLE weak_owner; CREATE SCHEMA weak; CREATE FUNCTION weak.mine() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; "
                + "END'; CREATE TRIGGER mine BEFORE INSERT ON indelible.relation FOR EACH ROW EXECUTE FUNCTION weak.mine()");
        ProtectRequest again = request with { Columns = [], Existing = protection };
        Assert.Empty((await db.ProtectAsync(again)).Warnings);
        Assert.Equal(["postgres"], await db.QueryAsync("""
            SELECT DISTINCT pg_get_userbyid(owner) FROM (
                SELECT proowner AS owner FROM pg_proc WHERE pronamespace = 'indelible'::regnamespace
                UNION ALL SELECT relowner FROM pg_class WHERE relnamespace = 'indelible'::regnamespace
                UNION ALL SELECT nspowner FROM pg_namespace WHERE nspname = 'indelible') all_owners
            """));
        Assert.DoesNotContain(await SourceDoctor.ProtectionAsync(capture, protection, TestContext.Current.CancellationToken),
            check => check.Status != CheckStatus.Ok);
        Assert.Equal(["0"],
            await db.QueryAsync(
                "SELECT count(*)::text FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE c.relnamespace = "
                    + "'indelible'::regnamespace AND NOT t.tgisinternal"));
        Assert.Equal(0, (await db.ProtectAsync(again)).StepCount);
        await db.ExecuteAsync("SET ROLE weak_owner; INSERT INTO t VALUES (1, 'a')");
        IndelibleException refused =
            await Assert.ThrowsAsync<IndelibleException>(() => Protector.PlanAsync(owner, again, TestContext.Current.CancellationToken));
        Assert.EndsWith("connect as postgres", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_ledgers_source_or_slot_is_left_alone()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(Server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        await db.ProtectAsync("t.x");
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(
            () => db.ProtectAsync(db.Request("t.x") with { AttributionSecret = new byte[32] }));
        Assert.Contains("another ledger", refused.Message);

        ProtectedDatabase slotted = await ProtectedDatabase.CreateAsync(Server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        await slotted.ExecuteAsync($"SELECT pg_create_logical_replication_slot('indelible_{slotted.Source}', 'pgoutput')");
        refused = await Assert.ThrowsAsync<IndelibleException>(() => slotted.ProtectAsync("t.x"));
        Assert.Contains("was not made by this ledger", refused.Message);
    }

    [Fact]
    public async Task A_server_whose_log_is_not_logical_is_refused_with_the_fix()
    {
        await using PostgresServer server = await PostgresServer.StartAsync("replica");
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() => db.ProtectAsync("t.x"));
        Assert.Contains("ALTER SYSTEM SET wal_level = 'logical'", refused.Message);
        IReadOnlyList<SourceCheck> checks =
            await SourceDoctor.CheckAsync(db.Owner, null, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Equal(CheckStatus.Fail, checks.Single(c => c.Name == "wal_level").Status);
    }

    [Theory]
    [InlineData("t.c", null, "t", "c", ColumnPolicy.Sealed)]
    [InlineData("s.t.c=plain", "s", "t", "c", ColumnPolicy.Plain)]
    [InlineData("\"S.1\".\"Ta\"\"b\".\"c=d\"=digest", "S.1", "Ta\"b", "c=d", ColumnPolicy.Digest)]
    [InlineData("Größe.Straße", null, "Größe", "Straße", ColumnPolicy.Sealed)]
    public void A_column_is_named_with_or_without_schema_quotes_and_policy(
        string text, string? schema, string table, string column, ColumnPolicy policy) =>
        Assert.Equal(new ColumnRequest(schema, table, column, policy), ColumnRequest.Parse(text));

    [Theory]
    [InlineData("t")]
    [InlineData("a.b.c.d")]
    [InlineData("t.")]
    [InlineData("t.c=clear")]
    [InlineData("\"t.c")]
    public void Anything_else_is_no_column(string text) =>
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => ColumnRequest.Parse(text)).ExitCode);
}
