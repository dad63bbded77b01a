using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

/// <summary>Who a captured row belongs to, from the trigger in the database to the grade in the change.</summary>
[Collection(SharedServerTests.Name)]
public sealed class OperatorTests(SharedServer fixture)
{
    private const string Table = "CREATE TABLE people (id int PRIMARY KEY, ssn text)";
    private const string Rows = "INSERT INTO people SELECT i, 's' FROM generate_series(1, 9) i";

    private readonly SessionTable _sessions = new();

    [Fact]
    public async Task Rows_are_asserted_where_an_operator_is_named_session_where_none_is_and_none_where_the_trigger_is_off()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await db.ExecuteAsync(
            "UPDATE people SET ssn = 'a' WHERE id = 1",
            "SELECT indelible.operator('ann', 'a call', 'no proof at all'); UPDATE people SET ssn = 'b' WHERE id = 1",
            "BEGIN; SET LOCAL session_replication_role = replica; UPDATE people SET ssn = 'c' WHERE id = 1; COMMIT",
            "ALTER TABLE people DISABLE TRIGGER zz_indelible", "UPDATE people SET ssn = 'd' WHERE id = 1",
            "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible");
        List<CapturedChange> rows = await RowsAsync(db, protection);
        Assert.Equal(["Session", "Asserted ann", "Session", "None"], rows.Select(Who));
        Assert.Equal("a call", rows[1].Reason);
        Assert.Null(rows[2].Reason);
        Assert.Equal(("postgres", "127.0.0.1"), (rows[0].Operator.SessionUser, rows[0].Operator.Address));
    }

    [Fact]
    public async Task Transactions_of_different_operators_over_one_connection_as_a_pooler_makes_them_stay_apart()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await db.ExecuteAsync(
            "BEGIN; SELECT indelible.operator('ann'); UPDATE people SET ssn = '1' WHERE id = 1; COMMIT",
            "BEGIN; SELECT indelible.operator('bob'); UPDATE people SET ssn = '2' WHERE id = 1; COMMIT",
            "BEGIN; UPDATE people SET ssn = '3' WHERE id = 1; COMMIT",
            "SELECT indelible.operator('eve')",
            "UPDATE people SET ssn = '4' WHERE id = 1");
        Assert.Equal(["Asserted ann", "Asserted bob", "Session", "Session"], (await RowsAsync(db, protection)).Select(Who));
    }

    [Fact]
    public async Task Several_operators_in_one_transaction_are_noted_and_a_rolled_back_savepoint_leaves_none_behind()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await db.ExecuteAsync("""
            BEGIN;
            SELECT indelible.operator('ann'); UPDATE people SET ssn = '1' WHERE id = 1;
            SAVEPOINT s; SELECT indelible.operator('eve'); UPDATE people SET ssn = '2' WHERE id = 2; ROLLBACK TO s;
            UPDATE people SET ssn = '3' WHERE id = 3;
            DO $$ BEGIN
                PERFORM indelible.operator('bob'); UPDATE people SET ssn = '4' WHERE id = 4; RAISE division_by_zero;
            EXCEPTION WHEN division_by_zero THEN NULL; END $$;
            UPDATE people SET ssn = '5' WHERE id = 5;
            SELECT indelible.operator('bob'); UPDATE people SET ssn = '6' WHERE id = 6;
            SELECT indelible.operator('ann'); UPDATE people SET ssn = '7' WHERE id = 7;
            COMMIT
            """);
        List<CapturedChange> rows = await RowsAsync(db, protection);
        Assert.Equal(["Asserted ann", "Asserted ann", "Asserted ann", "Asserted bob", "Asserted ann"], rows.Select(Who));
        Assert.Equal([1u, 1u, 1u, 2u, 2u], rows.Select(row => row.Operator.OperatorCount));
    }

    [Theory]
    [InlineData(@"o'neil, \ \' ''", "E'x', NULL")]
    [InlineData("NULL", "'")]
    [InlineData("Zoë ☃", @"\")]
    public async Task Names_are_read_as_they_are_whatever_quotes_they_hold(string id, string reason)
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync();
        await using NpgsqlConnection session = await fixture.Server.ConnectAsync(db.ConnectionString);
        await RunAsync(
            session, $"BEGIN; SELECT indelible.operator($q${id}$q$, $q${reason}$q$); UPDATE people SET ssn = 'x' WHERE id = 1; COMMIT");
        CapturedChange row = Assert.Single(await RowsAsync(db, protection));
        Assert.Equal((id, reason), (row.Operator.Id, row.Reason));
    }

    [Fact]
    public async Task A_forged_message_a_copy_from_another_transaction_and_one_from_earlier_in_the_same_say_nothing()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync("CREATE ROLE mallory LOGIN", "GRANT ALL ON people TO mallory");
        await using NpgsqlConnection session = await fixture.Server.ConnectAsync(db.ConnectionString);
        await RunAsync(session, "BEGIN; SET LOCAL ROLE mallory");
        long xid = Convert.ToInt64((await ScalarAsync(session, "SELECT pg_current_xact_id()::text"))!, CultureInfo.InvariantCulture);
        await EmitAsync(session, Message("0/1", xid, "ann", new byte[32]));                          // another secret
        await EmitAsync(session, Message("F/0", xid + 1, "ann", ProtectedDatabase.Secret));          // another transaction
        await EmitAsync(session, Encoding.UTF8.GetBytes("\0\0garbage"));
        await RunAsync(session, "SELECT indelible.operator('bob'); UPDATE people SET ssn = '1' WHERE id = 1");
        await EmitAsync(session, Message("0/1", xid, "ann", ProtectedDatabase.Secret));              // as emitted earlier
        await RunAsync(session, "UPDATE people SET ssn = '2' WHERE id = 2; COMMIT");
        await db.ExecuteAsync(
            "ALTER TABLE people DISABLE TRIGGER zz_indelible",
            "BEGIN; SELECT pg_logical_emit_message(true, 'indelible', $m$0/1'1','ann','none','',NULL,'1','ann'$m$); "
                + "UPDATE people SET ssn = '3' WHERE id = 3; COMMIT");
        List<CapturedChange> rows = await RowsAsync(db, protection);
        Assert.Equal(["Asserted bob", "Asserted bob", "None"], rows.Select(Who));
        Assert.Equal("mallory", rows[1].Operator.Role);
    }

    [Fact]
    public async Task The_triggers_memory_can_neither_be_found_nor_written_so_a_session_cannot_silence_it()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync("CREATE ROLE eve1 LOGIN", "GRANT ALL ON people TO eve1");
        string eve =
            fixture.Server.Private.SocketConnectionString(new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!, "eve1");
        await using NpgsqlConnection session = await fixture.Server.ConnectAsync(eve);
        await RunAsync(session, "BEGIN; UPDATE people SET ssn = '1' WHERE id = 1");
        Assert.Equal(0L, await ScalarAsync(session, "SELECT count(*) FROM pg_settings WHERE name LIKE 'indelible%'"));
        await RunAsync(session, "RESET ALL; UPDATE people SET ssn = '2' WHERE id = 2; COMMIT");
        foreach (string secret in new[] { "memory", "inner_pad" })
        {
            PostgresException denied =
                await Assert.ThrowsAsync<PostgresException>(() => ScalarAsync(session, $"SELECT {secret} FROM indelible.source"));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, denied.SqlState);
        }
        List<CapturedChange> rows = await RowsAsync(db, protection);
        Assert.Equal(["Session", "Session"], rows.Select(Who));
        Assert.All(rows, row => Assert.Equal("eve1", row.Operator.SessionUser));
    }

    [Fact]
    public async Task Set_role_and_set_session_authorization_are_seen_through()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync("CREATE ROLE nurse1", "GRANT ALL ON people TO nurse1");
        await using NpgsqlConnection session = await fixture.Server.ConnectAsync(db.ConnectionString);
        MicroTime start = MicroTime.From(DateTimeOffset.UtcNow.AddMinutes(-1));
        _sessions.Saw([(session.ProcessID, start, "postgres")], MicroTime.From(DateTimeOffset.UtcNow));
        await RunAsync(session, "SET ROLE nurse1; UPDATE people SET ssn = '1' WHERE id = 1; RESET ROLE");
        await RunAsync(session, "SET SESSION AUTHORIZATION nurse1; UPDATE people SET ssn = '2' WHERE id = 2; RESET SESSION AUTHORIZATION");
        List<CapturedChange> rows = await RowsAsync(db, protection);
        Assert.Equal([("postgres", "nurse1", "postgres"), ("nurse1", null, "postgres")],
            rows.Select(row => (row.Operator.SessionUser!, row.Operator.Role, row.Operator.LoginRole!)));
        Assert.All(rows, row => Assert.Equal(start, row.Operator.BackendStart));
    }

    [Fact]
    public void A_process_id_used_again_is_another_session_and_unknown_until_it_is_seen()
    {
        _sessions.Saw([(7, new MicroTime(100), "ann"), (8, new MicroTime(100), "bob")], new MicroTime(200));
        _sessions.Saw([(8, new MicroTime(100), "bob")], new MicroTime(300));
        Assert.Equal("ann", _sessions.Find(7, new MicroTime(250))?.LoginRole);
        Assert.Null(_sessions.Find(7, new MicroTime(350)));
        Assert.Null(_sessions.Find(7, new MicroTime(50)));
        _sessions.Saw([(7, new MicroTime(340), "eve"), (8, new MicroTime(100), "bob")], new MicroTime(400));
        Assert.Equal(("eve", "ann"), (_sessions.Find(7, new MicroTime(350))?.LoginRole, _sessions.Find(7, new MicroTime(250))?.LoginRole));
        Assert.Equal("bob", _sessions.Find(8, new MicroTime(999))?.LoginRole);
    }

    private async Task<(ProtectedDatabase, Protection)> ProtectedAsync(params string[] statements)
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(fixture.Server, [Table, Rows, .. statements]);
        ProtectOutcome outcome = await db.ProtectAsync("people.ssn");
        return (db, outcome.Protection);
    }

    /// <summary>Every row captured since protection began.</summary>
    private async Task<List<CapturedChange>> RowsAsync(ProtectedDatabase db, Protection protection)
    {
        // flushes what apply workers, who commit without waiting, left
        await db.ExecuteAsync("SELECT pg_logical_emit_message(true, 'test', '')");
        Lsn end = Lsn.Parse((await db.QueryAsync("SELECT pg_current_wal_flush_lsn()::text"))[0]!);
        await using SourceCapture capture = await SourceCapture.OpenAsync(
            db.Owner, protection, ProtectedDatabase.Secret, static (_, _) => new byte[16], null, _sessions, TimeProvider.System,
            NullLogger.Instance, TestContext.Current.CancellationToken);
        List<CapturedChange> changes = [];
        await foreach (CapturedBatch batch in capture.ReadAsync(TestContext.Current.CancellationToken))
        {
            changes.AddRange(batch.Changes.Where(change => change is CapturedChange.Row));
            if (batch.Confirmable >= end) break;
        }
        return changes;
    }

    private static string Who(CapturedChange change) => $"{change.Operator.Grade} {change.Operator.Id}".TrimEnd();

    /// <summary>An attribution message as the trigger would make it.</summary>
    private static byte[] Message(string at, long xid, string who, byte[] secret)
    {
        byte[] body = Encoding.UTF8.GetBytes($"{at}'{xid}','{who}','none','',NULL,'1','{who}'");
        return [.. HMACSHA256.HashData(secret, body), .. body];
    }

    private static Task EmitAsync(NpgsqlConnection session, byte[] payload) =>
        RunAsync(session, $"SELECT pg_logical_emit_message(true, 'indelible', '\\x{Convert.ToHexString(payload)}'::bytea)");

    private static async Task RunAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection session, string sql)
    {
        await using var command = new NpgsqlCommand(sql, session);
        return await command.ExecuteScalarAsync();
    }
}
