using System.Diagnostics;
using Indelible.Format.Entries;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Every attribute of the catalog that could weaken the record, changed while the collector runs:
/// what was, and what is, are sealed. One server, one run.</summary>
public sealed class CatalogWatchTests(CatalogWatchTests.Running running) : IClassFixture<CatalogWatchTests.Running>
{
    private const string RightTrigger =
        "DROP TRIGGER zz_indelible ON people; CREATE TRIGGER zz_indelible BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON people FOR EACH "
            + "STATEMENT EXECUTE FUNCTION indelible.attribute(); ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible";

    [Theory]
    [InlineData("ALTER PUBLICATION {pub} DROP TABLE people", "ALTER PUBLICATION {pub} ADD TABLE ONLY people", "publication",
        "every protected table", "without public.people")]
    [InlineData("ALTER PUBLICATION {pub} SET (publish = 'insert, update')",
        "ALTER PUBLICATION {pub} SET (publish = 'insert, update, delete, truncate')", "publication", "every protected table",
        "only insert, update")]
    [InlineData("ALTER PUBLICATION {pub} SET (publish_via_partition_root = true)",
        "ALTER PUBLICATION {pub} SET (publish_via_partition_root = false)", "publication", "every protected table", "via root")]
    [InlineData("ALTER PUBLICATION {pub} SET TABLE ONLY people WHERE (id > 0)", "ALTER PUBLICATION {pub} SET TABLE ONLY people",
        "publication", "every protected table", "public.people with a row filter")]
    [InlineData("ALTER PUBLICATION {pub} SET TABLE ONLY people (id, ssn)", "ALTER PUBLICATION {pub} SET TABLE ONLY people", "publication",
        "every protected table", "public.people with a column list")]
    [InlineData("ALTER TABLE people REPLICA IDENTITY DEFAULT", "ALTER TABLE people REPLICA IDENTITY FULL", "public.people identity", "FULL",
        "not on public.people (DEFAULT)")]
    [InlineData("ALTER TABLE people REPLICA IDENTITY NOTHING", "ALTER TABLE people REPLICA IDENTITY FULL", "public.people identity", "FULL",
        "not on public.people (NOTHING)")]
    [InlineData("ALTER TABLE people DISABLE TRIGGER zz_indelible", "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible",
        "public.people trigger", "attribution trigger, ENABLE ALWAYS", "not on public.people (disabled)")]
    [InlineData("ALTER TABLE people ENABLE TRIGGER zz_indelible", "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible",
        "public.people trigger", "attribution trigger, ENABLE ALWAYS", "not on public.people (ENABLE)")]
    [InlineData("ALTER TABLE people ENABLE REPLICA TRIGGER zz_indelible", "ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible",
        "public.people trigger", "attribution trigger, ENABLE ALWAYS", "not on public.people (ENABLE REPLICA)")]
    [InlineData("DROP TRIGGER zz_indelible ON people",
        "CREATE TRIGGER zz_indelible BEFORE INSERT ON people FOR EACH STATEMENT EXECUTE FUNCTION indelible.attribute(); "
            + RightTrigger, "public.people trigger", "attribution trigger, ENABLE ALWAYS", "not on public.people (missing)")]
    [InlineData("DROP TRIGGER zz_indelible ON people; CREATE TRIGGER zz_indelible BEFORE UPDATE OF ssn ON people FOR EACH STATEMENT "
        + "EXECUTE FUNCTION indelible.attribute(); ALTER TABLE people ENABLE ALWAYS TRIGGER zz_indelible", RightTrigger,
        "public.people trigger", "attribution trigger, ENABLE ALWAYS", "not on public.people (another trigger of that name)")]
    [InlineData("ALTER EVENT TRIGGER indelible_ddl DISABLE", "ALTER EVENT TRIGGER indelible_ddl ENABLE ALWAYS", "event triggers",
        "3 on, ENABLE ALWAYS", "2 of 3 on")]
    [InlineData("ALTER EVENT TRIGGER indelible_drop ENABLE", "ALTER EVENT TRIGGER indelible_drop ENABLE ALWAYS", "event triggers",
        "3 on, ENABLE ALWAYS", "2 of 3 on")]
    [InlineData("CREATE OR REPLACE FUNCTION indelible.attribute() "
        + "RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NULL; END'", "{attribute}", "functions", "as installed",
        "attribute has another body")]
    [InlineData("ALTER FUNCTION indelible.attribute() SECURITY INVOKER", "ALTER FUNCTION indelible.attribute() SECURITY DEFINER",
        "functions", "as installed", "attribute runs with other rights or settings")]
    [InlineData("CREATE FUNCTION indelible.extra() RETURNS int LANGUAGE sql AS 'SELECT 1'", "DROP FUNCTION indelible.extra()", "functions",
        "as installed", "extra is not ours")]
    [InlineData("ALTER TABLE people RENAME ssn TO note", "ALTER TABLE people RENAME note TO ssn", "public.people column ssn", "ssn text",
        "note text")]
    [InlineData("ALTER TABLE people ALTER ssn TYPE varchar(100)", "ALTER TABLE people ALTER ssn TYPE text", "public.people column ssn",
        "ssn text", "ssn character varying(100)")]
    [InlineData("CREATE TABLE people_child () INHERITS (people)", "DROP TABLE people_child", "public.people inheritance", "none",
        "has children, whose rows are not protected")]
    [InlineData("ALTER TABLE people OWNER TO other_owner", "ALTER TABLE people OWNER TO postgres", "owner of public.people", "postgres",
        "other_owner")]
    [InlineData("ALTER TABLE people ENABLE ROW LEVEL SECURITY", "ALTER TABLE people DISABLE ROW LEVEL SECURITY",
        "row security of public.people", "off", "on")]
    [InlineData("ALTER TABLE people ENABLE ROW LEVEL SECURITY", "ALTER TABLE people DISABLE ROW LEVEL SECURITY",
        "public.people row-level security", "off, or a role that may bypass it", "on")]
    [InlineData("CREATE ROLE mallory LOGIN SUPERUSER", "DROP ROLE mallory", "role mallory", "nothing", "login, superuser")]
    [InlineData("ALTER ROLE {role} BYPASSRLS", "ALTER ROLE {role} NOBYPASSRLS", "role {role}", "login, replication",
        "login, replication, bypassrls")]
    public async Task What_was_and_what_is_are_sealed_and_that_it_is_mended(
        string change, string undo, string what, string expected, string found)
    {
        what = running.Named(what);
        await running.Ledger.ExecuteAsync(running.Named(change));
        IReadOnlyDictionary<string, string> facts = await running.NewestAsync(what, facts => facts["found"] == found);
        Assert.StartsWith(expected, facts["expected"], StringComparison.Ordinal);
        Assert.Equal(what.Contains(" column ", StringComparison.Ordinal) ? "note" : facts["weight"], facts["weight"]);
        await running.Ledger.ExecuteAsync(running.Named(undo));
        IReadOnlyDictionary<string, string> mended = await running.NewestAsync(what, facts => facts["found"] != found);
        Assert.True(mended["expected"] == mended["found"] || mended["expected"] == found);
    }

    /// <summary>A ledger that is being written.</summary>
    public sealed class Running : IAsyncLifetime
    {
        private readonly CancellationTokenSource _stop = new();
        private PostgresServer _server = null!;
        private LedgerHost _host = null!;
        private Task _running = Task.CompletedTask;
        private string _attribute = "";

        internal LiveLedger Ledger { get; private set; } = null!;

        public async ValueTask InitializeAsync()
        {
            _server = await PostgresServer.StartAsync();
            Ledger = await LiveLedger.CreateAsync(_server, ["people.ssn"], "CREATE TABLE people (id int PRIMARY KEY, ssn text)",
                "INSERT INTO people VALUES (1, 'a')", "CREATE ROLE other_owner");
            await Ledger.ExecuteAsync("ALTER TABLE people OWNER TO postgres");
            _attribute =
                (await _server.QueryAsync(Ledger.Database, "SELECT pg_get_functiondef('indelible.attribute()'::regprocedure)"))[0]!;
            _host = await Ledger.OpenAsync();
            _running = _host.RunAsync(control: null, _stop.Token);
            await Task.WhenAny(_host.Listening, _running);
            while (Guards(GuardCode.Rights).FirstOrDefault() is null) await Task.Delay(20);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _running;
            await _host.DisposeAsync();
            await Ledger.DisposeAsync();
            await _server.DisposeAsync();
            _stop.Dispose();
        }

        internal string Named(string text) => text.Replace("{pub}", $"indelible_{Ledger.Source}", StringComparison.Ordinal)
            .Replace("{role}", $"capture_{Ledger.Source}", StringComparison.Ordinal)
            .Replace("{attribute}", _attribute, StringComparison.Ordinal);

        /// <summary>Waits for the newest entry about something to be as wanted.</summary>
        internal async Task<IReadOnlyDictionary<string, string>> NewestAsync(
            string what, Func<IReadOnlyDictionary<string, string>, bool> isWanted)
        {
            for (Stopwatch waited = Stopwatch.StartNew(); ; await Task.Delay(20))
            {
                IReadOnlyDictionary<string, string>? facts = Guards(GuardCode.IdentityChanged).Select(header => header.Facts!)
                    .FirstOrDefault(facts => facts["what"] == what);
                if (facts is not null && isWanted(facts)) return facts;
                Assert.True(waited.Elapsed < Patience.Max, $"{what}: {facts?["found"] ?? "nothing"}");
            }
        }

        private IEnumerable<EntryHeader> Guards(string code) =>
            _host.View.NewestFirst(Ledger.Source, EntryKind.Guard).Where(header => header.Code == code);
    }
}
