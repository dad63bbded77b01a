using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

[Collection(SharedServerTests.Name)]
public sealed class AttributionTests(SharedServer fixture)
{
    private const string Table = "CREATE TABLE people (id int PRIMARY KEY, ssn text)";

    private async Task<ProtectedDatabase> ProtectedAsync(params string[] statements)
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(
            fixture.Server, [Table, "CREATE TABLE log (id serial PRIMARY KEY, note text)", .. statements]);
        await db.ProtectAsync("people.ssn");
        await db.DrainAsync();
        return db;
    }

    private static string Shape(IEnumerable<StreamItem> items) => string.Concat(items.Select(i => i.Kind));

    [Fact]
    public async Task An_autocommit_statement_says_who_once_before_its_rows_with_facts_that_hold()
    {
        ProtectedDatabase db = await ProtectedAsync();
        await db.ExecuteAsync("SET application_name = 'reg%\"ister'", "INSERT INTO people SELECT i, 's' FROM generate_series(1, 3) i");
        List<StreamItem> items = await db.DrainAsync();
        Assert.Equal("MIII", Shape(items));
        Assert.True(items[0].IsGenuine);
        string?[] facts = items[0].Facts;
        Assert.Equal([$"{items[1].Xid}", "postgres", "none", "reg%\"ister", "127.0.0.1"], facts.Take(5));
        Assert.Equal("", items[0].Operator);
    }

    [Fact]
    public async Task A_transaction_says_who_once_and_again_only_when_operator_or_facts_change()
    {
        ProtectedDatabase db = await ProtectedAsync("CREATE ROLE clerk1", "GRANT ALL ON people TO clerk1");
        await db.ExecuteAsync("""
            BEGIN;
            INSERT INTO people VALUES (1, 'a'); UPDATE people SET ssn = 'b';
            SELECT indelible.operator('alice', E'ticket\n12', 'p%1'); UPDATE people SET ssn = 'c'; UPDATE people SET ssn = 'd';
            SELECT indelible.operator('bob'); UPDATE people SET ssn = 'e';
            SET LOCAL ROLE clerk1; UPDATE people SET ssn = 'f';
            RESET ROLE; SELECT indelible.operator(NULL); UPDATE people SET ssn = 'g';
            COMMIT
            """);
        List<StreamItem> items = await db.DrainAsync();
        Assert.Equal("MIUMUUMUMUMU", Shape(items));
        List<StreamItem> messages = [.. items.Where(i => i.Kind == 'M')];
        Assert.All(messages, m => Assert.True(m.IsGenuine));
        Assert.Equal(["", "alice\u001fticket\n12\u001fp%1", "bob\u001f\u001f", "bob\u001f\u001f", ""], messages.Select(m => m.Operator));
        Assert.Equal(["none", "none", "none", "clerk1", "none"], messages.Select(m => m.Role));
        Assert.All(messages, m => Assert.Equal("postgres", m.Facts[1]));
    }

    [Fact]
    public async Task The_operator_of_one_transaction_is_not_that_of_the_next()
    {
        ProtectedDatabase db = await ProtectedAsync();
        await db.ExecuteAsync(
            "BEGIN; SELECT indelible.operator('alice'); INSERT INTO people VALUES (1, 'a'); COMMIT", "INSERT INTO people VALUES (2, 'b')");
        List<StreamItem> items = await db.DrainAsync();
        Assert.Equal("MIMI", Shape(items));
        Assert.StartsWith("alice", items[0].Operator);
        Assert.Equal("", items[2].Operator);
    }

    [Fact]
    public async Task A_rolled_back_savepoint_takes_its_message_along_and_the_next_statement_says_it_again()
    {
        ProtectedDatabase db = await ProtectedAsync();
        await db.ExecuteAsync("""
            BEGIN; SAVEPOINT a; INSERT INTO people VALUES (1, 'a'); ROLLBACK TO a;
            INSERT INTO people VALUES (2, 'b');
            SAVEPOINT b; SELECT indelible.operator('eve'); INSERT INTO people VALUES (3, 'c'); ROLLBACK TO b;
            INSERT INTO people VALUES (4, 'd'); COMMIT
            """);
        List<StreamItem> items = await db.DrainAsync();
        Assert.Equal("MII", Shape(items));
        Assert.Equal("", items[0].Operator);
    }

    [Fact]
    public async Task A_security_definer_function_and_a_hostile_search_path_change_neither_facts_nor_validity()
    {
        ProtectedDatabase db = await ProtectedAsync(
            "CREATE ROLE app1 LOGIN", "GRANT ALL ON people TO app1", "CREATE SCHEMA evil AUTHORIZATION app1",
            "CREATE FUNCTION touch() RETURNS void LANGUAGE sql SECURITY DEFINER AS $$ UPDATE public.people SET ssn = ssn || 'x' $$",
            "INSERT INTO people VALUES (1, 'a')");
        await db.DrainAsync();
        string app =
            fixture.Server.Private.SocketConnectionString(new NpgsqlConnectionStringBuilder(db.ConnectionString).Database!, "app1");
        await fixture.Server.ExecuteAsync(
            app,
            "CREATE FUNCTION evil.replace(text, text, text) RETURNS text LANGUAGE sql AS $$ SELECT 'root'::text $$",
            "CREATE FUNCTION evil.gt(int, int) RETURNS bool LANGUAGE sql AS $$ SELECT false $$",
            "CREATE OPERATOR evil.> (LEFTARG = int, RIGHTARG = int, FUNCTION = evil.gt)",
            "SET search_path = evil, pg_catalog",
            "SELECT indelible.operator('carol')",
            "BEGIN; SELECT indelible.operator('carol'); SELECT public.touch(); UPDATE public.people SET ssn = 'z'; COMMIT");
        List<StreamItem> items = await db.DrainAsync();
        Assert.Equal("MUU", Shape(items));
        Assert.True(items[0].IsGenuine);
        Assert.Equal(("app1", null), (items[0].Facts[1], items[0].Facts[4]));
        Assert.StartsWith("carol", items[0].Operator);
    }

    [Fact]
    public async Task The_operator_may_be_named_in_a_read_only_transaction_and_writes_nothing()
    {
        ProtectedDatabase db = await ProtectedAsync();
        await db.ExecuteAsync("BEGIN READ ONLY; SELECT indelible.operator('reader', 'looking'); SELECT * FROM people; COMMIT");
        Assert.Empty(await db.DrainAsync());
    }

    [Fact]
    public async Task Copy_truncate_cascade_merge_and_a_session_in_replica_mode_are_all_attributed()
    {
        ProtectedDatabase db = await ProtectedAsync("CREATE TABLE owners (id int PRIMARY KEY)",
            "CREATE TABLE pets (id int PRIMARY KEY, owner int REFERENCES owners ON DELETE CASCADE, name text)");
        await db.ProtectAsync(db.Request("people.ssn", "pets.name"));
        await db.ExecuteAsync("INSERT INTO owners VALUES (1)", "INSERT INTO pets VALUES (1, 1, 'rex')");
        await db.DrainAsync();
        await db.ExecuteAsync("DELETE FROM owners");
        Assert.Equal("MD", Shape(await db.DrainAsync()));
        await db.ExecuteAsync("COPY people FROM PROGRAM 'printf ''1\\ta\\n2\\tb\\n'''");
        Assert.Equal("MII", Shape(await db.DrainAsync()));
        await db.ExecuteAsync(await fixture.Server.MajorVersionAsync() < 15
            ? "INSERT INTO people VALUES (2, 'm'), (3, 'n') ON CONFLICT (id) DO UPDATE SET ssn = 'm'"
            : "MERGE INTO people p USING (VALUES (2), (3)) v(id) ON p.id = v.id WHEN MATCHED THEN UPDATE SET ssn = 'm' WHEN NOT MATCHED "
                + "THEN INSERT VALUES (v.id, 'n')");
        Assert.Equal(['I', 'M', 'U'], Shape(await db.DrainAsync()).Order());
        await db.ExecuteAsync("SET session_replication_role = replica", "UPDATE people SET ssn = 'r' WHERE id = 1");
        Assert.Equal("MU", Shape(await db.DrainAsync()));
        await db.ExecuteAsync("TRUNCATE people");
        Assert.Equal("MT", Shape(await db.DrainAsync()));
    }

    [Fact]
    public async Task Ddl_on_a_protected_table_is_reported_with_its_columns_and_ddl_elsewhere_is_not()
    {
        ProtectedDatabase db = await ProtectedAsync();
        await db.ExecuteAsync("ALTER TABLE log ADD COLUMN more int", "CREATE TABLE unrelated ()");
        Assert.Empty(await db.DrainAsync());
        await db.ExecuteAsync("ALTER TABLE people RENAME COLUMN ssn TO tax_id");
        StreamItem renamed = Assert.Single(await db.DrainAsync());
        Assert.True(renamed.IsGenuine);
        Assert.Equal("indelible.ddl", renamed.Prefix);
        using var json = System.Text.Json.JsonDocument.Parse(renamed.Body);
        Assert.Equal("ALTER TABLE", json.RootElement.GetProperty("tag").GetString());
        Assert.Equal("tax_id", json.RootElement.GetProperty("columns")[1].GetProperty("name").GetString());

        await db.ExecuteAsync(
            "ALTER TABLE people ALTER COLUMN tax_id TYPE varchar(20) USING 'x'", "ALTER TABLE people ALTER COLUMN tax_id TYPE int USING 1");
        Assert.Contains(await db.DrainAsync(), m => m.Kind == 'M' && m.Body.Contains("\"table_rewrite\"", StringComparison.Ordinal));
        await db.ExecuteAsync($"ALTER PUBLICATION indelible_{db.Source} DROP TABLE people");
        Assert.Contains(await db.DrainAsync(), m => m.Kind == 'M' && m.Body.Contains("in publication", StringComparison.Ordinal));
        await db.ExecuteAsync("DROP TRIGGER zz_indelible ON people");
        Assert.Contains(await db.DrainAsync(), m => m.Kind == 'M' && m.Body.Contains("DROP TRIGGER", StringComparison.Ordinal));
        await db.ExecuteAsync("DROP TABLE people");
        Assert.Contains(
            await db.DrainAsync(), m => m.IsGenuine && m.Kind == 'M' && m.Body.Contains("DROP TABLE", StringComparison.Ordinal));
    }
}
