using System.Text;
using Indelible.Format;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

[Collection(SharedServerTests.Name)]
public sealed class LiveTests(SharedServer fixture)
{
    private static string Text(CapturedValue value) => value.IsNull ? "NULL" : Encoding.UTF8.GetString(value.Text.Span);

    private static async Task<List<LiveChunk>> ReadAllAsync(
        SourceConnection source, ProtectedTable table, IReadOnlyList<string>? after = null)
    {
        var chunks = new List<LiveChunk>();
        await using LiveTable live = await LiveTable.OpenAsync(source, table, TestContext.Current.CancellationToken);
        await foreach (LiveChunk chunk in live.ReadAsync(after, TestContext.Current.CancellationToken)) chunks.Add(chunk);
        return chunks;
    }

    [Fact]
    public async Task A_baseline_reads_every_row_once_in_key_order_across_chunks_and_goes_on_after_any_key()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE TABLE \"Großes\" (a text, b int, \"Wert\" text, who text, PRIMARY KEY (a, b))",
            "INSERT INTO \"Großes\" SELECT chr(97 + i % 7), i, CASE WHEN i % 3 > 0 THEN repeat('v', i % 50) END, "
                + "'p' || i FROM generate_series(1, 12000) i");
        ProtectedTable table =
            (await db.ProtectAsync(db.Request("Großes.Wert") with { Subjects = [ColumnRequest.Parse("Großes.who")] })).Protection.Tables[0];
        List<LiveChunk> chunks = await ReadAllAsync(db.Owner, table);
        Assert.True(chunks.Count >= 3);
        List<LiveRow> rows = [.. chunks.SelectMany(c => c.Rows)];
        Assert.Equal(12000, rows.Select(r => string.Join('|', r.Key)).Distinct().Count());
        Assert.Equal(
            await db.QueryAsync("SELECT a || '|' || b || '|' || coalesce(\"Wert\", 'NULL') || '|' || who FROM \"Großes\" ORDER BY a, b"),
            rows.Select(r => $"{r.Key[0]}|{r.Key[1]}|{Text(r.Values[0])}|{r.Subject}"));
        Assert.Equal(12000 - 100, (await ReadAllAsync(db.Owner, table, rows[99].Key)).Sum(c => c.Rows.Count));
    }

    [Fact]
    public async Task Keys_are_compared_as_their_index_does_wherever_their_type_lives()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE SCHEMA ext", "CREATE EXTENSION citext SCHEMA ext", "CREATE TABLE t (id ext.citext PRIMARY KEY, x text)",
            "INSERT INTO t SELECT CASE WHEN i % 2 = 0 THEN 'a' ELSE 'B' END || i, 'x' FROM generate_series(1, 11000) i");
        ProtectedTable table = (await db.ProtectAsync("t.x")).Protection.Tables[0];
        List<LiveRow> rows = [.. (await ReadAllAsync(db.Owner, table)).SelectMany(chunk => chunk.Rows)];
        Assert.Equal((11000, 11000), (rows.Count, rows.Select(row => row.Key[0]).Distinct().Count()));
        await using LiveTable live = await LiveTable.OpenAsync(db.Owner, table, TestContext.Current.CancellationToken);
        Assert.Equal(2, (await live.ReadKeysAsync([["a2"], ["B3"], ["gone"]], TestContext.Current.CancellationToken)).Rows.Count);
        IndelibleException refused = await Assert.ThrowsAsync<IndelibleException>(() =>
            LiveTable.OpenAsync(db.Owner.As(db.CaptureRole, "capture-password"), table, TestContext.Current.CancellationToken));
        Assert.Contains("GRANT USAGE ON SCHEMA \"ext\"", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Names_print_the_same_from_the_log_and_from_the_table_whatever_the_search_paths()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE SCHEMA app", "CREATE TABLE app.other ()",
            "CREATE FUNCTION app.f() RETURNS int LANGUAGE sql AS 'SELECT 1'", "CREATE TYPE app.mood AS ENUM ('ok')",
            "CREATE TABLE t (id regclass PRIMARY KEY, f regproc, p regprocedure, y regtype)");
        Protection protection = (await db.ProtectAsync("t.f", "t.p", "t.y")).Protection;
        await db.ExecuteAsync(
            $"ALTER ROLE {db.CaptureRole} SET search_path = app, public", "SET search_path = app",
            "INSERT INTO public.t VALUES ('app.other', 'app.f', 'app.f()', 'app.mood')");
        CapturedChange.Row change = Assert.IsType<CapturedChange.Row>(Assert.Single(await db.ReadAllAsync(protection)));
        LiveRow live =
            Assert.Single(Assert.Single(await ReadAllAsync(db.Owner.As(db.CaptureRole, "capture-password"), protection.Tables[0])).Rows);
        string[] expected = ["app.other", "app.f", "app.f()", "app.mood"];
        Assert.Equal(expected, live.Key.Concat(live.Values.Select(Text)));
        Assert.Equal(expected, change.Key.Concat(change.Fields.Select(field => Text(field.After))));
    }

    [Theory]
    [InlineData("DROP TABLE b")]
    [InlineData("ALTER TABLE b RENAME TO c")]
    [InlineData("ALTER TABLE b RENAME TO c; CREATE TABLE b (id int PRIMARY KEY, x text)")]
    public async Task A_baseline_tells_of_a_table_that_went_after_it_was_looked_up_and_never_reads_another_under_its_name(string statements)
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE TABLE a (id int PRIMARY KEY, x text)", "INSERT INTO a VALUES (1, 'a')",
            "CREATE TABLE b (id int PRIMARY KEY, x text)", "INSERT INTO b VALUES (2, 'b')");
        Protection protection = (await db.ProtectAsync("a.x", "b.x")).Protection;
        List<string> read = [];
        await foreach ((ProtectedTable table, LiveChunk chunk) in Baseline.ReadAsync(
            db.Owner, protection.Tables, static (_, _, _) => { }, TestContext.Current.CancellationToken))
        {
            Assert.True(chunk.IsLast);
            read.Add($"{table.Name} {Text(Assert.Single(chunk.Rows).Values[0])}");
        }
        Assert.Equal(["a a", "b b"], read);
        IndelibleException gone = await Assert.ThrowsAsync<IndelibleException>(async () =>
        {
            await foreach ((ProtectedTable table, _) in Baseline.ReadAsync(
                db.Owner, protection.Tables, static (_, _, _) => { }, TestContext.Current.CancellationToken))
            {
                Assert.Equal("a", table.Name);
                await db.ExecuteAsync(statements);
            }
        });
        Assert.Equal(
            $"expected protected table public.b (oid {protection.Tables[1].Oid}), found that it was dropped or renamed this moment; "
                + "run this again", gone.Message);
    }

    [Fact]
    public async Task A_partitioned_table_is_read_through_its_root_with_the_leaf_of_each_row_and_large_values_make_small_chunks()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE TABLE p (id int PRIMARY KEY, x text) PARTITION BY RANGE (id)",
            "CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (10)", "CREATE TABLE p2 PARTITION OF p DEFAULT",
            "INSERT INTO p SELECT i, repeat('x', 3000000) FROM generate_series(1, 12) i");
        ProtectedTable table = (await db.ProtectAsync("p.x")).Protection.Tables[0];
        List<LiveChunk> chunks = await ReadAllAsync(db.Owner, table);
        Assert.All(chunks, c => Assert.InRange(c.Rows.Count, 0, 5));
        List<LiveRow> rows = [.. chunks.SelectMany(c => c.Rows)];
        Assert.Equal(Enumerable.Range(1, 12).Select(i => $"{i} {(i < 10 ? "\"public\".\"p1\"" : "\"public\".\"p2\"")}"),
            rows.Select(r => $"{r.Key[0]} {r.Leaf}"));
    }

    [Fact]
    public async Task What_a_chunk_shows_is_exactly_what_the_transactions_its_snapshot_sees_left_while_others_write()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, "CREATE TABLE t (id int PRIMARY KEY, x text)", "INSERT INTO t SELECT i, '0' FROM generate_series(1, 200) i");
        ProtectedTable table = (await db.ProtectAsync("t.x")).Protection.Tables[0];
        using var stop = new CancellationTokenSource();
        // Every transaction writes its own id, so a row says which transaction it is from.
        Task[] writers = [.. Enumerable.Range(0, 3).Select(_ => WriteAsync(db, stop.Token))];
        await using LiveTable live = await LiveTable.OpenAsync(db.Owner, table, TestContext.Current.CancellationToken);
        for (int i = 0; i < 40; i++)
        {
            await foreach (LiveChunk chunk in live.ReadAsync(null, TestContext.Current.CancellationToken))
            {
                Assert.True(chunk.ReadBefore <= chunk.ReadAfter);
                Assert.All(chunk.Rows,
                    row => Assert.True(
                        chunk.Snapshot.Sees(uint.Parse(Text(row.Values[0]), System.Globalization.CultureInfo.InvariantCulture))));
                List<string?> committed =
                    await db.QueryAsync($"SELECT pg_visible_in_snapshot(x::xid8, '{chunk.SnapshotText}')::text FROM t WHERE x <> '0'");
                List<string?> ids = await db.QueryAsync("SELECT x FROM t WHERE x <> '0'");
                Assert.NotEmpty(committed);
                foreach (string? id in ids)
                {
                    string visible =
                        (await db.QueryAsync($"SELECT pg_visible_in_snapshot('{id}'::xid8, '{chunk.SnapshotText}')::text"))[0]!;
                    Assert.Equal(
                        visible == "true", chunk.Snapshot.Sees(uint.Parse(id!, System.Globalization.CultureInfo.InvariantCulture)));
                    if (i % 10 != 0) break;
                }
            }
        }
        await stop.CancelAsync();
        await Task.WhenAll(writers);
    }

    private async Task WriteAsync(ProtectedDatabase db, CancellationToken stop)
    {
        await using NpgsqlConnection connection = await fixture.Server.ConnectAsync(db.ConnectionString);
        while (!stop.IsCancellationRequested)
        {
            await using var command =
                new NpgsqlCommand("UPDATE t SET x = pg_current_xact_id()::text WHERE id = 1 + (random() * 199)::int", connection);
            await command.ExecuteNonQueryAsync(CancellationToken.None);
        }
    }

    [Fact]
    public void A_commit_that_was_logged_and_not_finished_when_the_snapshot_was_taken_is_not_seen()
    {
        PgSnapshot snapshot = PgSnapshot.Parse("8589934600:8589934610:8589934600,8589934604");
        Lsn readBefore = new(1UL << 40), just = new(readBefore.Bytes - 100), longAgo = new(readBefore.Bytes - (80UL << 30));
        Assert.True(snapshot.Sees(9, just, readBefore));
        Assert.False(snapshot.Sees(12, just, readBefore), "listed as running");
        Assert.False(snapshot.Sees(18, just, readBefore), "the highest id completed was 17");
        Assert.False(snapshot.Sees(19, just, readBefore));
        Assert.True(snapshot.Sees(19, longAgo, readBefore), "an id of an earlier round");
        Assert.False(snapshot.Sees(12, longAgo, readBefore));
    }

    [Fact]
    public void A_snapshot_sees_by_full_id_by_32_bits_near_it_and_by_position_however_old()
    {
        PgSnapshot snapshot = PgSnapshot.Parse("8589934600:8589934610:8589934600,8589934604");
        Assert.True(snapshot.Sees(8589934599UL));
        Assert.False(snapshot.Sees(8589934604UL));
        Assert.False(snapshot.Sees(8589934610UL));
        Assert.True(snapshot.Sees(9u));
        Assert.False(snapshot.Sees(12u));
        Assert.False(snapshot.Sees(18u));
        Assert.True(snapshot.Sees(uint.MaxValue));
        Assert.True(snapshot.Sees(4_000_000u, new Lsn(5), new Lsn(1UL << 40)));
        Assert.False(snapshot.Sees(12u, new Lsn(5), new Lsn(1UL << 40)));
        Assert.Throws<FormatException>(() => PgSnapshot.Parse("1:2"));
    }

    [Fact]
    public async Task The_doctor_finds_a_protected_source_well_and_names_each_fault_with_its_fix()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(fixture.Server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        ProtectOutcome outcome = await db.ProtectAsync("t.x");
        SourceConnection capture = db.Owner.As(db.CaptureRole, "capture-password");
        async Task<Dictionary<string, SourceCheck>> CheckAsync() =>
            (await SourceDoctor.CheckAsync(capture, outcome.Protection, TimeProvider.System, TestContext.Current.CancellationToken))
                .ToDictionary(c => c.Name);
        Dictionary<string, SourceCheck> well = await CheckAsync();
        Assert.DoesNotContain(well.Values, c => c.Status == CheckStatus.Fail);
        Assert.Equal(
            ["TLS", "max_slot_wal_keep_size", "slot read"], well.Values.Where(c => c.Status == CheckStatus.Warn).Select(c => c.Name));

        await db.ExecuteAsync(
            "ALTER TABLE t DISABLE TRIGGER ALL", "ALTER TABLE t ENABLE TRIGGER ALL", "ALTER TABLE t REPLICA IDENTITY DEFAULT",
            $"ALTER PUBLICATION indelible_{db.Source} DROP TABLE t", "ALTER EVENT TRIGGER indelible_ddl DISABLE",
            $"REVOKE SELECT ON t FROM {db.CaptureRole}",
            $"SELECT pg_drop_replication_slot('indelible_{db.Source}')");
        Dictionary<string, SourceCheck> ill = await CheckAsync();
        foreach (string name in new[] { "public.t trigger", "public.t identity", "publication", "public.t readable", "slot" })
            Assert.Equal(CheckStatus.Fail, ill[name].Status);
        Assert.Equal(CheckStatus.Warn, ill["event triggers"].Status);
        Assert.All(ill.Values.Where(c => c.Status != CheckStatus.Ok), c => Assert.NotNull(c.Fix));

        await db.ExecuteAsync(
            [.. ill.Values.Where(c => c.Name.StartsWith("public.t", StringComparison.Ordinal) && c.Fix is not null).Select(c => c.Fix!)]);
        await db.ProtectAsync(db.Request() with { Existing = outcome.Protection });
        Assert.DoesNotContain((await CheckAsync()).Values, c => c.Status == CheckStatus.Fail);
    }

    [Fact]
    public async Task The_session_poll_learns_who_logged_in()
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(fixture.Server, "CREATE TABLE t (id int PRIMARY KEY, x text)");
        await db.ProtectAsync("t.x");
        var sessions = new SessionTable();
        using var stop = new CancellationTokenSource();
        Task poll = SessionPoll.RunAsync(db.Owner.As(db.CaptureRole, "capture-password"), sessions, static _ => { }, TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance, stop.Token);
        await using NpgsqlConnection session = await fixture.Server.ConnectAsync(db.ConnectionString);
        SessionTable.Session? found = null;
        for (int i = 0; i < 200 && found is null; i++)
        {
            await Task.Delay(50, TestContext.Current.CancellationToken);
            found = sessions.Find(session.ProcessID, MicroTime.From(DateTimeOffset.UtcNow.AddMinutes(1)));
        }
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => poll);
        Assert.Equal("postgres", found?.LoginRole);
    }
}
