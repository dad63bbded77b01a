using Indelible.Format;
using Indelible.Format.Entries;
using Xunit;

namespace Indelible.Capture.Tests.Reading;

public sealed class StatementTests(ServerFixture fixture) : IClassFixture<ServerFixture>
{
    private const string People = "CREATE TABLE people (id int PRIMARY KEY, ssn text, note text, phone text)";

    private Task<Watched> PeopleAsync(bool fullIdentity = true) =>
        Watched.SetUpAsync(fixture.Server, People, ["public.people.ssn", "public.people.phone"], fullIdentity);

    [Fact]
    public async Task Inserts_updates_key_updates_and_deletes_arrive_in_order_with_before_and_after()
    {
        Watched db = await PeopleAsync();
        await db.ExecuteAsync(
            "INSERT INTO people VALUES (1, 'a', 'x', NULL), (2, 'b', 'y', '22')",
            "INSERT INTO people SELECT i, 's' || i, NULL, NULL FROM generate_series(3, 4) i",
            "UPDATE people SET ssn = 'A' WHERE id = 1",
            "UPDATE people SET note = 'only note' WHERE id = 1",
            "UPDATE people SET phone = phone",
            "UPDATE people SET id = 20 WHERE id = 2",
            "UPDATE people SET id = 21, phone = NULL WHERE id = 20",
            "DELETE FROM people WHERE id = 1");

        List<CapturedChange> changes = await db.ReadAllAsync();

        Assert.Equal(
            [
                "Insert people [1] ssn: (NoRow) > a phone: (NoRow) > NULL",
                "Insert people [2] ssn: (NoRow) > b phone: (NoRow) > 22",
                "Insert people [3] ssn: (NoRow) > s3 phone: (NoRow) > NULL",
                "Insert people [4] ssn: (NoRow) > s4 phone: (NoRow) > NULL",
                "Update people [1] ssn: a > A",
                "Update people [20] was [2]",
                "Update people [21] was [20] phone: 22 > NULL",
                "Delete people [1] ssn: A > (NoRow) phone: NULL > (NoRow)",
            ],
            Show.Lines(changes));
        Assert.Equal(changes.Select(c => c.Position).Order(), changes.Select(c => c.Position));
        Assert.Equal(changes.Count, changes.Select(c => c.Position).Distinct().Count());
        Assert.All(changes, c => Assert.Equal(Grade.None, c.Operator.Grade));
        Assert.Equal([0u, 1u], changes.Take(2).Select(c => c.Position.Ordinal));
    }

    [Fact]
    public async Task Composite_and_text_keys_are_in_key_order()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server,
            "CREATE TABLE visits (at date, v text, room int, clinic text, PRIMARY KEY (clinic, room))", ["public.visits.v"]);
        await db.ExecuteAsync(
            "INSERT INTO visits VALUES ('2026-01-02', 'one', 7, 'no|rth')",
            "UPDATE visits SET clinic = 'south'",
            "DELETE FROM visits");

        Assert.Equal(
            [
                "Insert visits [no|rth|7] v: (NoRow) > one",
                "Update visits [south|7] was [no|rth|7]",
                "Delete visits [south|7] v: one > (NoRow)",
            ],
            Show.Lines(await db.ReadAllAsync()));
    }

    [Fact]
    public async Task Copy_on_conflict_and_merge_arrive_as_rows()
    {
        Watched db = await PeopleAsync();
        await using (Npgsql.NpgsqlConnection connection = await fixture.Server.ConnectAsync(db.Database))
        await using (TextWriter copy = await connection.BeginTextImportAsync("COPY people (id, ssn) FROM STDIN"))
        {
            await copy.WriteAsync("1\ta\n2\tb\n3\t\\N\n");
        }
        string merge = await fixture.Server.MajorVersionAsync() < 15
            ? "DELETE FROM people WHERE id = 3; UPDATE people SET ssn = 'B' WHERE id = 2; INSERT INTO people (id, ssn) VALUES (10, 'new')"
            : "MERGE INTO people p USING (VALUES (2, 'B'), (3, ''), (10, 'new')) s(id, ssn) ON p.id = s.id "
                + "WHEN MATCHED AND s.ssn = '' THEN DELETE WHEN MATCHED THEN UPDATE SET ssn = s.ssn WHEN NOT MATCHED THEN INSERT (id, ssn) "
                + "VALUES (s.id, s.ssn)";
        await db.ExecuteAsync(
            "INSERT INTO people (id, ssn) VALUES (1, 'A'), (9, 'n') ON CONFLICT (id) DO UPDATE SET ssn = excluded.ssn",
            "INSERT INTO people (id, ssn) VALUES (1, 'never') ON CONFLICT DO NOTHING",
            merge);

        List<CapturedChange> changes = await db.ReadAllAsync();

        Assert.Equal(
            [
                "Insert people [1] ssn: (NoRow) > a phone: (NoRow) > NULL",
                "Insert people [2] ssn: (NoRow) > b phone: (NoRow) > NULL",
                "Insert people [3] ssn: (NoRow) > NULL phone: (NoRow) > NULL",
                "Update people [1] ssn: a > A",
                "Insert people [9] ssn: (NoRow) > n phone: (NoRow) > NULL",
            ],
            Show.Lines(changes).Take(5));
        Assert.Equal(
            [
                "Delete people [3] ssn: NULL > (NoRow) phone: NULL > (NoRow)",
                "Insert people [10] ssn: (NoRow) > new phone: (NoRow) > NULL",
                "Update people [2] ssn: b > B",
            ],
            Show.Lines(changes).Skip(5).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Cascades_and_truncate_cascade_reach_the_tables_they_reach()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server,
            People + "; CREATE TABLE letters (id int PRIMARY KEY, person int REFERENCES people ON DELETE CASCADE ON UPDATE CASCADE, "
                + "body text)",
            ["public.people.ssn", "public.letters.body"]);
        await db.ExecuteAsync(
            "INSERT INTO people (id, ssn) VALUES (1, 'a'), (2, 'b')",
            "INSERT INTO letters VALUES (10, 1, 'dear'), (11, 1, 'sir'), (12, 2, 'madam')",
            "DELETE FROM people WHERE id = 1",
            "TRUNCATE people CASCADE");

        List<CapturedChange> changes = await db.ReadAllAsync();

        Assert.Equal(
            [
                "Delete people [1] ssn: a > (NoRow)",
                "Delete letters [10] body: dear > (NoRow)",
                "Delete letters [11] body: sir > (NoRow)",
                "Truncate people",
                "Truncate letters",
            ],
            Show.Lines(changes).Skip(5));
        Assert.Equal([0u, 1u], changes.TakeLast(2).Select(c => c.Position.Ordinal));
    }

    [Fact]
    public async Task Unchanged_toast_is_no_change_and_its_before_value_is_there_when_it_changes()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server,
            "CREATE TABLE notes (id int PRIMARY KEY, n int, body text); ALTER TABLE notes ALTER body SET STORAGE EXTERNAL",
            ["public.notes.body", "public.notes.n"]);
        await db.ExecuteAsync(
            "INSERT INTO notes VALUES (1, 1, repeat('x', 100000))",
            "UPDATE notes SET n = 2",
            "UPDATE notes SET body = 'short'");

        List<CapturedChange> changes = await db.ReadAllAsync();

        CapturedField[] second = [.. ((CapturedChange.Row)changes[1]).Fields];
        Assert.Equal("n", Assert.Single(second).Column.Name);
        CapturedField third = Assert.Single(((CapturedChange.Row)changes[2]).Fields);
        Assert.Equal(new string('x', 100_000), Show.Value(third.Before));
        Assert.Equal("short", Show.Value(third.After));
    }

    [Fact]
    public async Task Under_default_identity_the_before_is_missing_and_says_so()
    {
        Watched db = await PeopleAsync(fullIdentity: false);
        await db.ExecuteAsync(
            "INSERT INTO people VALUES (1, 'a', 'x', NULL)",
            "UPDATE people SET ssn = 'A' WHERE id = 1",
            "UPDATE people SET id = 2",
            "DELETE FROM people");

        Assert.Equal(
            [
                "Insert people [1] ssn: (NoRow) > a phone: (NoRow) > NULL",
                "Update people [1] ssn: (NotCaptured) > A phone: (NotCaptured) > NULL",
                "Update people [2] was [1] ssn: (NotCaptured) > A phone: (NotCaptured) > NULL",
                "Delete people [2] ssn: (NotCaptured) > (NoRow) phone: (NotCaptured) > (NoRow)",
            ],
            Show.Lines(await db.ReadAllAsync()));
    }

    [Fact]
    public async Task Names_are_taken_as_they_are_and_equal_names_in_two_schemas_stay_apart()
    {
        Watched db = await Watched.SetUpAsync(fixture.Server,
            "CREATE SCHEMA \"Süd\"; CREATE TABLE \"Süd\".\"Küche \"\"x\" (\"Nr.\" int PRIMARY KEY, \"ge heim\" text); CREATE TABLE "
                + "public.\"Küche \"\"x\" (\"Nr.\" int PRIMARY KEY, \"ge heim\" text)",
            ["\"Süd\".\"Küche \"\"x\".\"ge heim\"", "public.\"Küche \"\"x\".\"ge heim\""]);
        await db.ExecuteAsync(
            "INSERT INTO \"Süd\".\"Küche \"\"x\" VALUES (1, 'süß 🗝')",
            "INSERT INTO public.\"Küche \"\"x\" VALUES (1, 'öffentlich')");

        List<CapturedChange> changes = await db.ReadAllAsync();

        Assert.Equal(["Süd", "public"], changes.Cast<CapturedChange.Row>().Select(r => r.Table.Schema));
        Assert.Equal("Insert Küche \"x [1] ge heim: (NoRow) > süß 🗝", Show.Line(changes[0]));
        Assert.Equal("Insert Küche \"x [1] ge heim: (NoRow) > öffentlich", Show.Line(changes[1]));
    }

    [Fact]
    public async Task A_rolled_back_savepoint_leaves_nothing_and_positions_have_no_holes()
    {
        Watched db = await PeopleAsync();
        await db.ExecuteAsync(
            "BEGIN; INSERT INTO people (id, ssn) VALUES (1, 'a'); SAVEPOINT s; INSERT INTO people (id, ssn) VALUES (2, 'gone'); ROLLBACK "
                + "TO s; INSERT INTO people (id, ssn) VALUES (3, 'c'); COMMIT",
            "BEGIN; INSERT INTO people (id, ssn) VALUES (4, 'never'); ROLLBACK");

        List<CapturedChange> changes = await db.ReadAllAsync();

        Assert.Equal(["1", "3"], changes.Cast<CapturedChange.Row>().Select(r => r.Key[0]));
        Assert.Equal([0u, 1u], changes.Select(c => c.Position.Ordinal));
        Assert.Single(changes.Select(c => c.Position.CommitLsn).Distinct());
    }
}
