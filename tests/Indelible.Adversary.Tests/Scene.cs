using System.Diagnostics;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Server;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>Protected tables, a collector that runs as <c>run</c> does, somebody who attacks, and what the record
/// comes to say of it.</summary>
internal sealed class Scene : IAsyncDisposable
{
    /// <summary>Twenty people; <c>ssn</c> and <c>phone</c> are protected.</summary>
    public const string People = """
        CREATE TABLE people (id int PRIMARY KEY, ssn text, phone text, note text);
        INSERT INTO people SELECT n, 's' || n, 'p' || n, 'n' FROM generate_series(1, 20) n;
        """;

    private const string Owned = $"""
        DO $$ DECLARE name regclass; BEGIN
            FOR name IN SELECT oid FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') LOOP
                EXECUTE format('ALTER TABLE %s OWNER TO {SharedServer.Owner}', name);
                EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON %s TO {SharedServer.Clerk}', name);
            END LOOP;
        END $$;
        GRANT CREATE ON SCHEMA public TO {SharedServer.Owner}
        """;

    private static readonly string[] Looked = ["identity-changed", "gap publication-changed", "gap partition-attached",
        "gap event-triggers-changed", "gap identity-changed", "gap rewrite-unrecorded"];

    private readonly StringWriter _alerts = new();
    private LedgerHost? _host;
    private CancellationTokenSource _stop = new();
    private Task _running = Task.CompletedTask;
    private int _known;
    private DateTimeOffset _attackedAt;

    private Scene(LiveLedger ledger) => Ledger = ledger;

    public LiveLedger Ledger { get; }

    /// <summary>The process; only between <see cref="StartAsync"/> and <see cref="StopAsync"/>.</summary>
    public LedgerHost Host => _host ?? throw new InvalidOperationException("the collector does not run");

    /// <summary>Alerts told since the scene was opened, each a line of JSON.</summary>
    public string Alerts => _alerts.ToString();

    /// <summary>Name of the source's slot and publication.</summary>
    public string Slot => $"indelible_{Ledger.Source}";

    public static Task<Scene> OpenAsync(PostgresServer server) => OpenAsync(server, ["people.ssn", "people.phone"], People);

    /// <summary>Makes the tables, gives them to their owner and the clerk, protects them, and starts the collector.</summary>
    public static async Task<Scene> OpenAsync(PostgresServer server, string[] columns, string schema)
    {
        Scene scene = new(await LiveLedger.CreateAsync(server, columns, schema, Owned));
        await scene.StartAsync();
        return scene;
    }

    /// <summary>The same, protected by an owner who is no superuser: nothing reports DDL.</summary>
    public static async Task<Scene> OpenManagedAsync(PostgresServer server)
    {
        Scene scene = new(await LiveLedger.CreateManagedAsync(server, SharedServer.Owner, ["people.ssn", "people.phone"], People, Owned));
        await scene.StartAsync();
        return scene;
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null) await StopAsync();
        _stop.Dispose();
        await _alerts.DisposeAsync();
        await Ledger.DisposeAsync();
    }

    public async Task StartAsync()
    {
        _known = Ledger.Entries().Count;
        _stop = new CancellationTokenSource();
        _host = await Ledger.OpenAsync();
        _host.StandardError = TextWriter.Synchronized(_alerts);
        _running = _host.RunAsync(control: null, _stop.Token);
        await UntilAsync(() => _running.IsCompleted || Host.Sources is [{ State: "capturing" or "stopped" }], "the source to be captured");
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        await Host.DisposeAsync();
        _host = null;
    }

    /// <summary>The failure the collector ended with by itself.</summary>
    public async Task<Exception> FailedAsync()
    {
        Exception failure = await Assert.ThrowsAnyAsync<Exception>(() => _running.WaitAsync(Patience.Max));
        await Host.DisposeAsync();
        _host = null;
        return failure;
    }

    /// <summary>What somebody does, in one session, each statement a transaction of its own. Detection is measured from its end.</summary>
    public async Task AttackAsync(string role, params string[] statements)
    {
        await using NpgsqlConnection session = await LogInAsync(role);
        await AttackAsync(session, statements);
    }

    /// <inheritdoc cref="AttackAsync(string, string[])"/>
    public async Task AttackAsync(NpgsqlConnection session, params string[] statements)
    {
        foreach (string statement in statements)
        {
            await using NpgsqlCommand command = new(statement, session) { CommandTimeout = 0 };
            await command.ExecuteNonQueryAsync();
        }
        _attackedAt = DateTimeOffset.UtcNow;
    }

    /// <summary>A session of a role, over the Unix socket.</summary>
    public Task<NpgsqlConnection> LogInAsync(string role) =>
        Ledger.Server.ConnectAsync(
            Ledger.Server.Private.SocketConnectionString(new NpgsqlConnectionStringBuilder(Ledger.Database).Database!, role));

    public async Task<string?> AskAsync(string query) => (await Ledger.Server.QueryAsync(Ledger.Database, query)).FirstOrDefault();

    /// <summary>What the record says since the collector was started, when everything committed by now is sealed;
    /// without coverage and baselines, and without what a look at the catalog found, and what came of that:
    /// it comes when somebody looks.</summary>
    public async Task<string[]> StoryAsync()
    {
        Lsn end = Lsn.Parse((await AskAsync("SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))!);
        await UntilAsync(() => Host.Writer.MarkOf(Ledger.Source)!.Confirmable >= end, $"everything up to {end} to be sealed");
        await Host.PublishAsync(CancellationToken.None);
        return [.. New().Select(Telling.Of).OfType<string>()
            .Where(line => !Looked.Any(look => line.StartsWith(look, StringComparison.Ordinal)))];
    }

    /// <summary>Waits until the record says something (what it begins with, if it ends in …), and notes how long after the
    /// attack it was sealed.</summary>
    public async Task<Entry> ToldAsync(string expected)
    {
        Entry? told = null;
        await UntilAsync(() => (told = New().FirstOrDefault(entry => IsTold(entry, expected))) is not null, $"'{expected}'");
        double seconds = (told!.Header.SealedAt.Micros - new DateTimeOffset(_attackedAt.Ticks, TimeSpan.Zero)
            .Subtract(DateTimeOffset.UnixEpoch).TotalMicroseconds) / 1e6;
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{seconds,5:F1} s  {expected}"));
        return told;
    }

    private static bool IsTold(Entry entry, string expected) =>
        expected.EndsWith('…')
            ? Telling.Of(entry)?.StartsWith(expected[..^1], StringComparison.Ordinal) == true
            : Telling.Of(entry) == expected;

    /// <summary>Waits until a gap was told and everything it hid is found.</summary>
    public async Task<string[]> FoundAsync(string gap)
    {
        Entry told = await ToldAsync($"gap {gap}");
        Assert.True(Lsn.Parse(told.Header.Facts!["to"]) > Lsn.Parse(told.Header.Facts["from"]));
        await UntilAsync(() => LedgerStatus.Of(Host).Sources is [{ OpenGaps.Count: 0 }], "the record to be whole again");
        return [.. New().Where(entry => entry.Header.Operation == Operation.Found).Select(Telling.Of).OfType<string>()
            .Order(StringComparer.Ordinal)];
    }

    /// <summary>What people were told since the scene was opened, once each, is what the threat model says of this attack.</summary>
    public async Task RequireAlertsAsync([CallerMemberName] string attack = "")
    {
        if (_host is not null)
        {
            await Host.PublishAsync(CancellationToken.None);
            long published = Host.Writer.PublishedSize;
            await UntilAsync(() => Host.AlertTargets is [{ } target] && target.DeliveredTo >= published, "everything to be told");
        }
        IEnumerable<JsonNode> alerts = Alerts.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonNode.Parse(line)!);
        (string[] always, string[] maybe) = AttackTable.AlertsOf(attack);
        Assert.Equal(always, alerts.Select(alert => (string?)alert["code"] ?? (string)alert["alert"]!).Distinct().Except(maybe)
            .Order(StringComparer.Ordinal));
    }

    /// <summary>The differences a crosscheck lists now.</summary>
    public async Task<string[]> CrosscheckAsync()
    {
        CrosscheckReport report = await Ledger.CrosscheckAsync(Host);
        await Host.PublishAsync(CancellationToken.None);
        return [.. report.Differences.Select(found => $"{found.Row} {found.Column}: {found.What}".Trim()).Order(StringComparer.Ordinal)];
    }

    /// <summary>What was sealed and published since the collector was started.</summary>
    public IEnumerable<Entry> New() => Ledger.Entries().Skip(_known);

    /// <summary>Waits until something holds; a collector that failed meanwhile fails the test.</summary>
    public async Task UntilAsync(Func<bool> holds, string what)
    {
        long begun = Stopwatch.GetTimestamp();
        while (!holds())
        {
            if (_running.IsFaulted) await _running;
            if (Stopwatch.GetElapsedTime(begun) > Patience.Max)
            {
                string state =
                    string.Join("; ", Host.Sources.Select(source => $"{source.State} {source.Problem ?? source.LastError?.Message}"));
                Assert.Fail(
                    $"waited {Patience.Max.TotalSeconds} s for {what}; the source is {state}; the record "
                        + $"says:\n{string.Join('\n', New().Select(Telling.Of).OfType<string>())}");
            }
            await Task.Delay(50);
        }
    }
}
