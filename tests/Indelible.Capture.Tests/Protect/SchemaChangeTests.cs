using Indelible.Capture.Tests.Reading;
using Indelible.Format.Entries;
using Xunit;

namespace Indelible.Capture.Tests.Protect;

/// <summary>What happens to the record when tables change their shape while they are protected, all of it read from a backlog.</summary>
[Collection(SharedServerTests.Name)]
public sealed class SchemaChangeTests(SharedServer fixture)
{
    private const string People = "CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text)";
    private const string Swap = """
        BEGIN;
        ALTER TABLE people RENAME ssn TO note;
        ALTER TABLE people RENAME phone TO ssn;
        UPDATE people SET note = 'ssn-2', ssn = 'phone-2';
        COMMIT
        """;

    private async Task<(ProtectedDatabase Database, Protection Protection)> ProtectedAsync(string[] schema, params string[] columns)
    {
        ProtectedDatabase db = await ProtectedDatabase.CreateAsync(fixture.Server, schema);
        return (db, (await db.ProtectAsync(columns)).Protection);
    }

    private static string[] Rows(IEnumerable<CapturedChange> changes) => Show.Lines(changes.Where(change => change is CapturedChange.Row));

    [Fact]
    public async Task A_protected_column_stays_protected_under_its_name_when_it_changes_names_with_another()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync([People], "people.ssn");
        await db.ExecuteAsync("INSERT INTO people VALUES (1, 'ssn-1', 'phone-1')", Swap, "UPDATE people SET ssn = 'phone-3'",
            "UPDATE people SET note = 'ssn-3'");
        List<CapturedChange> changes = await db.ReadAllAsync(protection);
        // The column that was called ssn when it was protected, and no other, whatever it is called.
        Assert.Equal(
            ["Insert people [1] ssn: (NoRow) > ssn-1", "Update people [1] ssn: ssn-1 > ssn-2", "Update people [1] ssn: ssn-2 > ssn-3"],
            Rows(changes.Where(change => change is not CapturedChange.Row { Unmapped: true })).Concat(Unmapped(changes)).Order());
    }

    /// <summary>Rows from before the first report of DDL that do not fit the catalog any more: every column is sealed.</summary>
    private static IEnumerable<string> Unmapped(IEnumerable<CapturedChange> changes) =>
        changes.OfType<CapturedChange.Row>().Where(row => row.Unmapped)
        .Select(row => $"Insert people [1] ssn: (NoRow) > {Show.Value(row.Fields.Single(field => field.Column.Name == "ssn").After)}");

    [Fact]
    public async Task Without_reports_of_ddl_rows_that_fit_no_known_shape_are_sealed_whole()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync([People], "people.ssn");
        await db.ExecuteAsync("DROP EVENT TRIGGER indelible_ddl", "INSERT INTO people VALUES (1, 'ssn-1', 'phone-1')", Swap,
            "UPDATE people SET note = 'ssn-3'");
        CapturedChange.Row[] rows = [.. (await db.ReadAllAsync(protection)).OfType<CapturedChange.Row>()];
        Assert.True(rows[0].Unmapped);
        Assert.Equal(["id", "ssn", "phone"], rows[0].Fields.Select(field => field.Column.Name));
        Assert.All(rows[0].Fields, field => Assert.Equal(ColumnPolicy.Sealed, field.Column.Policy));
        Assert.Equal(["Update people [1] ssn: ssn-1 > ssn-2", "Update people [1] ssn: ssn-2 > ssn-3"], Rows(rows[1..]));
    }

    [Fact]
    public async Task Columns_come_and_go_and_change_their_type_mid_stream()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync([People], "people.ssn", "people.phone");
        await db.ExecuteAsync(
            "INSERT INTO people VALUES (1, 'a', '1')",
            "ALTER TABLE people ADD COLUMN extra int DEFAULT 7",
            "UPDATE people SET ssn = 'b', extra = 8",
            "ALTER TABLE people ALTER phone TYPE int USING phone::int",
            "UPDATE people SET phone = 2",
            "ALTER TABLE people DROP COLUMN phone",
            "INSERT INTO people (id, ssn) VALUES (2, 'c')",
            "DELETE FROM people WHERE id = 1");
        List<CapturedChange> changes = await db.ReadAllAsync(protection);
        Assert.Equal("Update people [1] ssn: a > b", Rows(changes)[1]);
        Assert.Equal("Update people [1] phone: 1 > 2", Rows(changes)[2]);
        Assert.Equal("Insert people [2] ssn: (NoRow) > c", Rows(changes)[3]);
        Assert.Equal("Delete people [1] ssn: b > (NoRow)", Rows(changes)[4]);
        CapturedChange.Ddl[] ddl = [.. changes.OfType<CapturedChange.Ddl>()];
        Assert.Contains(ddl, d => d.Facts["event"] == "table_rewrite");
        Assert.All(ddl, d => Assert.Equal("postgres", d.Operator.SessionUser));
    }

    [Fact]
    public async Task Direct_writes_to_leaves_and_to_leaves_that_came_later_are_captured_with_their_leaf()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync(
            ["CREATE TABLE visits (id int PRIMARY KEY, v text) PARTITION BY RANGE (id); "
                + "CREATE TABLE v1 PARTITION OF visits FOR VALUES FROM (0) TO (10)"], "visits.v");
        await db.ExecuteAsync(
            "INSERT INTO v1 VALUES (1, 'direct')",
            "CREATE TABLE v2 PARTITION OF visits FOR VALUES FROM (10) TO (20)",
            "INSERT INTO visits VALUES (11, 'through the root')",
            "UPDATE v2 SET v = 'in the new leaf'",
            "UPDATE visits SET id = 2 WHERE id = 11",
            "CREATE TABLE v3 (v text, extra int, id int PRIMARY KEY); ALTER TABLE v3 DROP COLUMN extra",
            "ALTER TABLE visits ATTACH PARTITION v3 FOR VALUES FROM (20) TO (30)",
            "INSERT INTO v3 (id, v) VALUES (21, 'attached')",
            "TRUNCATE v3",
            "DROP TABLE v2");
        List<CapturedChange> changes = [.. (await db.ReadAllAsync(protection)).Where(change => change is not CapturedChange.Ddl)];
        Assert.Equal(
            [
                "Insert \"public\".\"v1\" [1] v: (NoRow) > direct",
                "Insert \"public\".\"v2\" [11] v: (NoRow) > through the root",
                "Update \"public\".\"v2\" [11] v: through the root > in the new leaf",
                "Delete \"public\".\"v2\" [11] v: in the new leaf > (NoRow)",
                "Insert \"public\".\"v1\" [2] v: (NoRow) > in the new leaf",
                "Insert \"public\".\"v3\" [21] v: (NoRow) > attached",
                "Truncate \"public\".\"v3\"",
            ],
            Show.Lines(changes));
        Assert.All(changes, change => Assert.Equal(Grade.Session, change.Operator.Grade));
    }

    [Fact]
    public async Task Rows_of_a_table_that_is_protected_no_more_are_not_taken_for_rows_of_another()
    {
        (ProtectedDatabase db, Protection protection) =
            await ProtectedAsync([People, "CREATE TABLE other (id int PRIMARY KEY, x text)"], "people.ssn", "other.x");
        await db.ExecuteAsync("INSERT INTO other VALUES (1, 'before')", "INSERT INTO people VALUES (1, 'a', 'b')");
        Protection left = await Protector.UnprotectAsync(
            db.Owner, protection, [ColumnRequest.Parse("other.x")], static _ => { }, TimeProvider.System,
            TestContext.Current.CancellationToken);
        Assert.Equal(["Insert people [1] ssn: (NoRow) > a"], Rows(await db.ReadAllAsync(left)));
    }

    [Fact]
    public async Task A_protected_table_that_was_dropped_gives_its_last_rows_under_its_own_name()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync(
            [People, "CREATE TABLE visits (id int PRIMARY KEY, ssn text) PARTITION BY RANGE (id)"], "people.ssn", "visits.ssn");
        await db.ExecuteAsync("INSERT INTO people VALUES (1, 'last', 'x')", "DROP TABLE people");
        CapturedChange.Row row = Assert.Single((await db.ReadAllAsync(protection)).OfType<CapturedChange.Row>());
        Assert.Equal(("people", "last"), (row.Table.Name, Show.Value(row.Fields.Single(field => field.Column.Name == "ssn").After)));
    }

    [Fact]
    public async Task Protecting_again_takes_over_new_names_and_asks_for_a_baseline_under_them()
    {
        (ProtectedDatabase db, Protection protection) = await ProtectedAsync([People], "people.ssn");
        await db.ExecuteAsync(Swap, "ALTER TABLE people RENAME TO persons");
        ProtectOutcome again = await db.ProtectAsync(db.Request("persons.ssn") with { Existing = protection });
        ProtectedTable table = Assert.Single(again.Protection.Tables);
        Assert.Equal((1u, "persons"), (table.Id, table.Name));
        Assert.Equal([("note", (short)2), ("ssn", (short)3)], table.Columns.Select(column => (column.Name, column.Number)));
        Assert.Equal([1u], again.BaselineTables);
        Assert.Empty((await db.ProtectAsync(db.Request("persons.ssn") with { Existing = again.Protection })).BaselineTables);
        Protection none = await Protector.UnprotectAsync(
            db.Owner, protection, null, static _ => { }, TimeProvider.System, TestContext.Current.CancellationToken);
        Assert.Empty(none.Tables);
    }

    [Fact]
    public async Task A_table_made_anew_under_its_name_takes_the_place_of_the_one_that_was_dropped()
    {
        (ProtectedDatabase db, Protection protection) =
            await ProtectedAsync([People, "CREATE TABLE other (id int PRIMARY KEY, x text)"], "people.ssn", "other.x");
        await db.ExecuteAsync(
            "CREATE TABLE people_new (LIKE people INCLUDING ALL)", "DROP TABLE people", "ALTER TABLE people_new RENAME TO people");
        Protection left = await Protector.UnprotectAsync(
            db.Owner, protection, [ColumnRequest.Parse("people.ssn")], static _ => { }, TimeProvider.System,
            TestContext.Current.CancellationToken);
        Assert.Equal(["other"], left.Tables.Select(table => table.Name));

        ProtectOutcome again = await db.ProtectAsync(db.Request("people.ssn") with { Existing = protection });
        Assert.Equal([(2u, "other"), (3u, "people")], again.Protection.Tables.Select(table => (table.Id, table.Name)));
        Assert.Contains("takes its place", Assert.Single(again.Warnings), StringComparison.Ordinal);
        Assert.DoesNotContain(await SourceDoctor.ProtectionAsync(db.Owner, again.Protection, TestContext.Current.CancellationToken),
            check => check.Status != CheckStatus.Ok);
    }

    [Fact]
    public async Task A_live_table_is_read_by_its_key_when_the_keys_columns_were_renamed()
    {
        (ProtectedDatabase db, Protection protection) =
            await ProtectedAsync([People, "INSERT INTO people VALUES (1, 'a', 'b')"], "people.ssn");
        await db.ExecuteAsync("ALTER TABLE people RENAME id TO number", "ALTER TABLE people RENAME ssn TO note");
        await using LiveTable live = await LiveTable.OpenAsync(db.Owner, protection.Tables[0], TestContext.Current.CancellationToken);
        LiveRow row = Assert.Single((await live.ReadKeysAsync([["1"]], TestContext.Current.CancellationToken)).Rows);
        Assert.Equal("a", Show.Value(row.Values[0]));
    }
}
