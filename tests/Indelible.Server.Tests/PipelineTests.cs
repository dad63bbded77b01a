using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>The pipeline against a real PostgreSQL server.</summary>
public sealed class PipelineTests : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("indelible-pipeline-").FullName;
    private PostgresServer _server = null!;
    private string _database = "";
    private LedgerPaths _paths = null!;
    private IndelibleConfig _config = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await PostgresServer.StartAsync();
        _database = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(_database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)",
            "INSERT INTO people SELECT n, 's' || n FROM generate_series(1, 20) n");
        _paths = LedgerPaths.For(Path.Combine(_home, "ledger"));
        _config = new IndelibleConfig { Listen = "127.0.0.1:0", CoverageIntervalSeconds = 1 };
        await NewLedger.CreateAsync(_paths, "example.org/t", CancellationToken.None);
        await using LedgerHost host = await OpenAsync();
        await ProtectAsync(host);
        await host.PublishAsync(CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await _server.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    [Fact]
    public async Task The_slot_is_never_confirmed_beyond_what_is_sealed()
    {
        await RunningAsync(async host =>
        {
            for (int i = 0; i < 40; i++)
            {
                await _server.ExecuteAsync(_database, $"UPDATE people SET ssn = 'x{i}' WHERE id = {1 + (i % 20)}");
                string confirmed = (await _server.QueryAsync(_database, "SELECT confirmed_flush_lsn FROM pg_replication_slots"))[0]!;
                Assert.True(Lsn.Parse(confirmed) <= host.Writer.MarkOf("crm")!.Confirmable,
                    $"confirmed {confirmed}, sealed {host.Writer.MarkOf("crm")!.Confirmable}");
            }
            await CaughtUpAsync(host);
        });
        Assert.Equal(40, Entries().Count(entry => entry.Header.Kind == EntryKind.Change));
    }

    [Fact]
    public async Task Coverage_goes_on_without_a_break_from_one_run_to_the_next()
    {
        for (int run = 0; run < 3; run++)
        {
            await RunningAsync(async host =>
            {
                await _server.ExecuteAsync(_database, $"UPDATE people SET ssn = 'run{run}' WHERE id = 1");
                await CaughtUpAsync(host);
            });
        }
        Coverage[] stretches =
            [.. Entries().Where(entry => entry.Header.Kind == EntryKind.Coverage).Select(entry => entry.Header.Coverage!)];
        Assert.True(stretches.Length >= 3);
        for (int i = 1; i < stretches.Length; i++) Assert.Equal(stretches[i - 1].To, stretches[i].From);
    }

    [Fact]
    public async Task What_a_gap_hid_is_found_and_the_record_is_whole_again()
    {
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'unseen' WHERE id = 1", "DELETE FROM people WHERE id = 2",
            "INSERT INTO people VALUES (21, 'new')",
            "SELECT pg_replication_slot_advance('indelible_crm', pg_current_wal_lsn())", "UPDATE people SET ssn = 'seen' WHERE id = 3");
        await RunningAsync(async host =>
        {
            await CaughtUpAsync(host);
            await LiveLedger.WholeAsync(host);
            CrosscheckReport report = await CrosscheckAsync(host);
            Assert.Empty(report.Differences);
            Entry[] found = [.. Entries().Where(entry => entry.Header.Operation == Operation.Found)];
            Assert.Equal(["1", "21", "2"], found.Select(entry => entry.Header.Key!.Columns[0].Value));
            Assert.All(found, entry => Assert.Equal(Grade.None, entry.Header.Operator!.Grade));
            Assert.Equal("s1 > unseen", Show(host, found[0]));
            Assert.Equal("(NoRow) > new", Show(host, found[1]));
            Assert.Equal("s2 > (NoRow)", Show(host, found[2]));
        });
    }

    [Fact]
    public async Task Values_rewritten_by_ddl_are_stated_anew_and_alarm_nobody()
    {
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "ALTER TABLE people ALTER ssn TYPE varchar(30) USING upper(ssn)",
                "UPDATE people SET ssn = 'after' WHERE id = 1");
            await UntilAsync(host, () => Entries().Count(entry => entry.Header.Code == GuardCode.BaselineComplete) == 2);
            await CaughtUpAsync(host);
            CrosscheckReport report = await CrosscheckAsync(host);
            Assert.Empty(report.Differences);
        });
        await RunningAsync(CaughtUpAsync);
        Assert.Equal(2, Entries().Count(entry => entry.Header.Code == GuardCode.BaselineComplete));   // owed once, paid once
    }

    [Fact]
    public async Task A_type_that_prints_the_same_bytes_otherwise_is_stated_anew_and_a_wider_one_is_not()
    {
        await _server.ExecuteAsync(_database, "CREATE TABLE seen (id int PRIMARY KEY, at timestamp, name varchar(10))",
            "INSERT INTO seen SELECT n, '2026-01-01', 'n' FROM generate_series(1, 3) n");
        await using (LedgerHost host = await OpenAsync())
        {
            await ProtectAsync(host, "crm", _database, columns: ["seen.at", "seen.name"]);
        }
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "ALTER TABLE seen ALTER name TYPE varchar(20)", "ALTER TABLE seen ALTER name TYPE text",
                "SET TimeZone = 'UTC'", "ALTER TABLE seen ALTER at TYPE timestamptz",
                "UPDATE seen SET at = '2026-02-02' WHERE id = 1");
            await UntilAsync(host,
                () => Entries()
                    .Count(entry => entry.Header.Code == GuardCode.BaselineComplete && entry.Header.Relation!.Name == "seen") == 2);
            await CaughtUpAsync(host);
            Assert.Empty((await CrosscheckAsync(host)).Differences);
        });
        Assert.Equal("2", Assert.Single(Entries(), entry => entry.Header.Facts?.ContainsKey("retyped") == true).Header.Facts!["retyped"]);
        Assert.DoesNotContain(Entries(), entry => entry.Header.Code == GuardCode.Continuity);
        Assert.Equal(2, Entries().Count(entry => entry.Header.Code == GuardCode.BaselineComplete && entry.Header.Relation!.Name == "seen"));
    }

    [Fact]
    public async Task What_is_not_as_protected_is_sealed_even_when_nothing_reports_it_and_so_is_its_mending()
    {
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "DROP EVENT TRIGGER indelible_ddl", "ALTER TABLE people REPLICA IDENTITY DEFAULT",
                "ALTER TABLE people DISABLE TRIGGER zz_indelible");
            await UntilAsync(host,
                () => Found("public.people identity") is ["not on public.people (DEFAULT)"]
                    && Found("public.people trigger") is [.., "not on public.people (disabled)"]);
            await _server.ExecuteAsync(_database, "ALTER TABLE people REPLICA IDENTITY FULL");
            await UntilAsync(host, () => Found("public.people identity") is [_, "all 1 relations"]);
        });
        string[] Found(string what) => [.. Entries()
            .Where(entry => entry.Header.Code == GuardCode.IdentityChanged && entry.Header.Facts!["what"] == what)
            .Select(entry => entry.Header.Facts!["found"])];
    }

    [Fact]
    public async Task Unprotecting_through_a_running_process_seals_what_was_changed_before_it()
    {
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'last' WHERE id = 1");
            Assert.Equal(0, await UnprotectAsync(host));
        });
        List<Entry> entries = Entries();
        int change = entries.FindIndex(entry => entry.Header.Kind == EntryKind.Change);
        int stopped = entries.FindIndex(entry => entry.Header.Code == GuardCode.ProtectionStopped);
        Assert.True(change > 0 && change < stopped, $"change at {change}, end of protection at {stopped}");
        Assert.Equal(["0"], await _server.QueryAsync(_database, "SELECT count(*) FROM pg_replication_slots"));
    }

    [Fact]
    public async Task Protected_again_after_all_was_unprotected_a_table_goes_on_under_its_number_and_another_gets_a_new_one()
    {
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'last' WHERE id = 1");
            Assert.Equal(0, await UnprotectAsync(host));
        });
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'unseen' WHERE id = 2", "DELETE FROM people WHERE id = 3",
            "CREATE TABLE visits (id int PRIMARY KEY, note text)");
        await using (LedgerHost host = await OpenAsync())
            await ProtectAsync(host, "crm", _database, columns: ["visits.note", "people.ssn"]);
        await RunningAsync(async host =>
        {
            await LiveLedger.WholeAsync(host);
            await _server.ExecuteAsync(_database, "INSERT INTO visits VALUES (1, 'first')", "INSERT INTO people VALUES (3, 'again')",
                "UPDATE people SET ssn = 'seen' WHERE id = 2");
            await CaughtUpAsync(host);
            Assert.Empty((await CrosscheckAsync(host)).Differences);
        });
        List<Entry> entries = Entries();
        Assert.Equal([("people", 1u), ("visits", 2u)],
            entries.Where(entry => entry.Header.Key is not null).Select(entry => (entry.Header.Relation!.Name, entry.Header.Relation.Id))
                .Distinct().Order());
        Assert.Single(entries, entry => entry.Header.Code == GuardCode.Gap);
        Assert.Equal(["2", "3"],
            entries.Where(entry => entry.Header.Operation == Operation.Found).Select(entry => entry.Header.Key!.Columns[0].Value));
        Assert.DoesNotContain(entries, entry => entry.Header.Code == GuardCode.Continuity);
    }

    [Fact]
    public async Task Of_many_tables_each_baseline_is_whole_where_the_ledger_says_that_it_is_complete()
    {
        const int tables = 40, large = 7;
        await _server.ExecuteAsync(_database,
            [.. Enumerable.Range(0, tables)
                .Select(n =>
                    $"CREATE TABLE small{n} (id int PRIMARY KEY, x text); INSERT INTO small{n} SELECT i, 'v' FROM generate_series(1, "
                        + $"{(n == large ? 12_000 : n % 3)}) i")]);
        await using (LedgerHost host = await OpenAsync())
            await ProtectAsync(host, "crm", _database, columns: [.. Enumerable.Range(0, tables).Select(n => $"small{n}.x")]);
        List<Entry> entries = Entries();
        for (int n = 0; n < tables; n++)
        {
            string name = $"small{n}";
            int complete =
                entries.FindIndex(entry => entry.Header.Code == GuardCode.BaselineComplete && entry.Header.Relation!.Name == name);
            int rows = n == large ? 12_000 : n % 3;
            Assert.Equal($"{rows}", entries[complete].Header.Facts!["rows"]);
            Assert.All(entries[(complete - rows)..complete],
                entry => Assert.Equal((EntryKind.Baseline, name), (entry.Header.Kind, entry.Header.Relation!.Name)));
        }
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "UPDATE small5 SET x = 'w'", $"UPDATE small{large} SET x = 'w' WHERE id % 1000 = 0");
            await CaughtUpAsync(host);
            Assert.Empty((await CrosscheckAsync(host)).Differences);
        });
        Assert.DoesNotContain(Entries(), entry => entry.Header.Code is GuardCode.Continuity or GuardCode.Gap);
    }

    [Fact]
    public async Task Two_databases_of_one_server_are_captured_by_one_role()
    {
        string second = await _server.CreateDatabaseAsync();
        await _server.ExecuteAsync(second, "CREATE TABLE people (id int PRIMARY KEY, ssn text)");
        await using (LedgerHost host = await OpenAsync()) await ProtectAsync(host, "second", second);
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "INSERT INTO people VALUES (101, 'x')");
            await _server.ExecuteAsync(second, "INSERT INTO people VALUES (101, 'y')");
            await UntilAsync(host, () => Entries().Count(entry => entry.Header.Kind == EntryKind.Change) == 2);
        });
        Assert.Equal(["crm", "second"],
            Entries().Where(entry => entry.Header.Kind == EntryKind.Change).Select(entry => entry.Header.Source!).Order());
    }

    [Fact]
    public async Task Under_default_identity_the_before_is_the_ledgers_last_value_and_says_from_where()
    {
        await using (LedgerHost host = await OpenAsync()) await ProtectAsync(host, "crm", _database, defaultIdentity: true);
        Assert.Equal(["d"], await _server.QueryAsync(_database, "SELECT relreplident::text FROM pg_class WHERE relname = 'people'"));
        await RunningAsync(async host =>
        {
            await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'other' WHERE id = 5");
            await CaughtUpAsync(host);
            await host.PublishAsync(CancellationToken.None);
            List<Entry> entries = Entries();
            int change = entries.FindIndex(entry => entry.Header.Kind == EntryKind.Change);
            Assert.Equal("(NotCaptured) > other", Show(host, entries[change]));
            StateField earlier = EarlierValue.Of(host.View, change, entries[change], entries[change].Fields[0])!;
            Assert.Equal("s5", Text(host, earlier.Entry, earlier.Field, earlier.Side));
            Assert.Equal(EntryKind.Baseline, entries[(int)earlier.EntryIndex].Header.Kind);
        });
    }

    [Fact]
    public async Task A_crosscheck_raises_no_false_alarm_while_rows_change()
    {
        await RunningAsync(async host =>
        {
            using CancellationTokenSource stop = new();
            Task traffic = TrafficAsync(stop.Token);
            for (int i = 0; i < 5; i++)
            {
                CrosscheckReport report = await CrosscheckAsync(host);
                Assert.Empty(report.Differences);
                Assert.True(report.Rows > 0);
            }
            await stop.CancelAsync();
            await traffic;
        });
    }

    private async Task TrafficAsync(CancellationToken cancellationToken)
    {
        for (int i = 0; !cancellationToken.IsCancellationRequested; i++)
        {
            await _server.ExecuteAsync(_database,
                $"UPDATE people SET ssn = 't{i}' WHERE id = {1 + (i % 20)}",
                $"INSERT INTO people VALUES ({100 + i}, 'new')",
                $"UPDATE people SET id = id + 100000 WHERE id = {100 + i}",
                $"DELETE FROM people WHERE id = {100100 + i - 3}");
        }
    }

    private Task<LedgerHost> OpenAsync() =>
        LedgerHost.OpenAsync(_paths, _config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    private string ConfigPath => Path.Combine(_home, "indelible.json");

    private Task<ProtectResult> ProtectAsync(LedgerHost host) => ProtectAsync(host, "crm", _database);

    private Task<ProtectResult> ProtectAsync(LedgerHost host, string source, string database, bool? defaultIdentity = null,
        string[]? columns = null) => new ProtectOperation(host, ConfigPath, _ => { })
    {
        Source = source,
        Owner = SourceConnection.Parse(database),
        Columns = [.. (columns ?? ["people.ssn"]).Select(ColumnRequest.Parse)],
        DefaultIdentity = defaultIdentity,
        By = "a test",
    }.RunAsync(CancellationToken.None);

    private Task<int> UnprotectAsync(LedgerHost host) => new UnprotectOperation(host, ConfigPath, _ => { })
    {
        Source = "crm",
        Owner = SourceConnection.Parse(_database),
        Columns = [],
        Reason = "a test",
        By = "a test",
    }.RunAsync(CancellationToken.None);

    private Task<CrosscheckReport> CrosscheckAsync(LedgerHost host) =>
        new Crosscheck(host, "crm", _config.Sources["crm"], _ => { }).RunAsync(CancellationToken.None);

    /// <summary>Waits until what is published is as wanted.</summary>
    private static async Task UntilAsync(LedgerHost host, Func<bool> isReached)
    {
        using CancellationTokenSource limit = new(Patience.Max);
        while (!isReached())
        {
            await Task.Delay(100, limit.Token);
            await host.PublishAsync(limit.Token);
        }
    }

    private static string Show(LedgerHost host, Entry entry) =>
        $"{Text(host, entry, entry.Fields[0], Side.Before)} > {Text(host, entry, entry.Fields[0], Side.After)}";

    private static string Text(LedgerHost host, Entry entry, Field field, Side side)
    {
        OpenedValue opened = host.View.Values.Open(entry, field, side);
        Assert.Equal(OpenFault.None, opened.Fault);
        return opened.Value.IsMissing ? $"({opened.Value.Reason})" : opened.Value.IsNull
            ? "NULL"
            : System.Text.Encoding.UTF8.GetString(opened.Value.Bytes.Span);
    }

    private Task RunningAsync(Func<LedgerHost, Task> act) => LiveLedger.RunningAsync(OpenAsync(), act);

    /// <summary>Waits until everything committed by now is sealed.</summary>
    private async Task CaughtUpAsync(LedgerHost host)
    {
        Lsn end = Lsn.Parse(
            (await _server.QueryAsync(_database, "SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))[0]!);
        while (host.Writer.MarkOf("crm")!.Confirmable < end) await Task.Delay(20);
    }

    private List<Entry> Entries() => LiveLedger.EntriesOf(_paths);
}
