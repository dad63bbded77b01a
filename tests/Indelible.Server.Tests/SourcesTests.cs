using Indelible.Format.Entries;
using Indelible.Server.Control;
using Indelible.Testing;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>Several sources in one process, and what is done about one that fails.</summary>
public sealed class SourcesTests : IAsyncLifetime
{
    private PeopleLedger _people = null!;

    public async ValueTask InitializeAsync() => _people = await PeopleLedger.StartAsync();

    public ValueTask DisposeAsync() => _people.DisposeAsync();

    [Fact]
    public async Task A_source_that_gives_up_is_shown_with_its_problem_and_does_not_stop_the_others()
    {
        SourceConfig lost = new() { Connection = _people.Database.Replace("test1", "nowhere", StringComparison.Ordinal),
            Protection = _people.Config.Sources["crm"].Protection };
        _people.Config.Sources["lost"] = lost;
        await _people.RunningAsync(async host =>
        {
            await PeopleLedger.UntilAsync(() => StateOf(host, "lost") == "stopped");
            await _people.ExecuteAsync("UPDATE people SET ssn = 'new' WHERE id = 1");
            await _people.CaughtUpAsync(host);
            Assert.Equal("capturing", StateOf(host, "crm"));
            Assert.Contains("attribution secret", Of(host, "lost").Problem, StringComparison.Ordinal);
            using HttpClient http = new();
            HttpResponseMessage ready = await http.GetAsync(new Uri(host.Address + "/readyz"));
            Assert.Equal((503, "source lost is stopped\n"), ((int)ready.StatusCode, await ready.Content.ReadAsStringAsync()));
            Assert.Equal("ok\n", await http.GetStringAsync(new Uri(host.Address + "/healthz")));
        });
        Assert.Equal(1, _people.Entries().Count(entry => entry.Header.Kind == EntryKind.Change));
    }

    [Fact]
    public async Task A_server_that_is_down_for_a_while_holds_no_other_up_and_is_read_on_from_where_it_was()
    {
        await using PostgresServer second = await PostgresServer.StartAsync();
        string other = await second.CreateDatabaseAsync();
        await second.ExecuteAsync(other, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "INSERT INTO people VALUES (1, 'b')");
        await _people.RunningAsync(async host =>
        {
            await _people.ProtectAsync(host, "billing", other);
            await PeopleLedger.UntilAsync(() => StateOf(host, "billing") == "capturing");
            await second.ExecuteAsync(other, "UPDATE people SET ssn = 'b2'");
            await second.Private.KillAsync(CancellationToken.None);
            await PeopleLedger.UntilAsync(() => StateOf(host, "billing") == "waiting");
            await _people.ExecuteAsync("UPDATE people SET ssn = 'a2' WHERE id = 1");
            await _people.CaughtUpAsync(host);
            await second.Private.StartAsync(CancellationToken.None);
            await second.ExecuteAsync(other, "UPDATE people SET ssn = 'b3'");
            await PeopleLedger.UntilAsync(() => _people.Entries().Count(entry => entry.Header.Operation == Operation.Update) == 3);
        });
        Assert.Equal(["billing", "billing", "crm"],
            _people.Entries().Where(entry => entry.Header.Operation == Operation.Update).Select(entry => entry.Header.Source).Order());
        Assert.DoesNotContain(_people.Entries(), entry => entry.Header.Code == GuardCode.Gap);
    }

    [Fact]
    public async Task A_source_protected_while_the_process_runs_is_captured_beside_the_others_under_the_same_table_name()
    {
        string other = await _people.Server.CreateDatabaseAsync();
        await _people.Server.ExecuteAsync(
            other, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "INSERT INTO people VALUES (1, 'b')");
        await _people.RunningAsync(async host =>
        {
            await _people.ProtectAsync(host, "billing", other);
            await PeopleLedger.UntilAsync(() => StateOf(host, "billing") == "capturing" && StateOf(host, "crm") == "capturing");
            await _people.ExecuteAsync("UPDATE people SET ssn = 'a2' WHERE id = 1");
            await _people.Server.ExecuteAsync(other, "UPDATE people SET ssn = 'b2' WHERE id = 1", "DELETE FROM people");
            await PeopleLedger.UntilAsync(() => Of(host, "billing").Changes == 2 && Of(host, "crm").Changes == 1);
        });
        Assert.Equal(["billing Update", "billing Delete"], Changes("billing"));
        Assert.Equal(["crm Update"], Changes("crm"));
    }

    [Fact]
    public async Task A_password_that_is_changed_later_is_waited_for()
    {
        await _people.RunningAsync(async host =>
        {
            await _people.ExecuteAsync("UPDATE people SET ssn = 'one' WHERE id = 1");
            await _people.CaughtUpAsync(host);
            string password = SourceConnections.Password(_people.Config.Sources["crm"])!;
            await _people.ExecuteAsync(
                "ALTER ROLE indelible_capture PASSWORD 'another'", "UPDATE people SET ssn = 'two' WHERE id = 1", EndSessions("true"));
            await PeopleLedger.UntilAsync(() => StateOf(host, "crm") == "waiting"
                && Of(host, "crm").Problem!.Contains("password was refused", StringComparison.Ordinal));
            await _people.ExecuteAsync($"ALTER ROLE indelible_capture PASSWORD '{password}'");
            await _people.CaughtUpAsync(host);
            Assert.Equal("capturing", StateOf(host, "crm"));
        });
        Assert.Equal(2, Changes("crm").Count());
    }

    [Fact]
    public async Task A_poll_of_sessions_that_is_cut_off_is_made_anew()
    {
        const string Polls = "SELECT pid FROM pg_stat_activity "
            + "WHERE usename = 'indelible_capture' AND query LIKE '-- Every session as it logged in%'";
        await _people.RunningAsync(async host =>
        {
            string? first = null, second = null;
            await PeopleLedger.UntilAsync(() => (first = _people.AskAsync(Polls).GetAwaiter().GetResult()) is not null);
            await _people.ExecuteAsync(EndSessions("backend_type = 'client backend'"));
            await PeopleLedger.UntilAsync(() => (second = _people.AskAsync(Polls).GetAwaiter().GetResult()) is not null && second != first);
            await _people.CaughtUpAsync(host);
        });
    }

    [Fact]
    public async Task A_stop_in_the_middle_of_protecting_is_not_waited_for()
    {
        TaskCompletionSource begun = new();
        ControlHandler protecting = async (_, _, _, cancellationToken) =>
        {
            LedgerHost host = _host!;
            await host.StopSourceAsync("crm");
            begun.SetResult();
            await Task.Delay(Timeout.Infinite, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            await host.StartSourceAsync("crm");
            return 0;
        };
        Task call = Task.CompletedTask;
        await _people.RunningAsync(async host =>
        {
            _host = host;
            ControlRequest request = new() { Arguments = [], Directory = "/", Environment = new Dictionary<string, string>(),
                User = "a test", Terminal = false, Width = 80 };
            await PeopleLedger.UntilAsync(() => Path.Exists(ControlSocket.PathFor(_people.Paths.Journal)));
            call = ControlClient.TryRunAsync(_people.Paths.Journal, request, TextWriter.Null, TextWriter.Null, CancellationToken.None);
            await begun.Task;
        }, protecting);
        await Task.WhenAny(call); // it may have been cut off: what counts is that the process ended
    }

    private LedgerHost? _host;

    private static string EndSessions(string which) =>
        $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'indelible_capture' AND {which}";

    private static SourceStatus Of(LedgerHost host, string source) => host.Sources.Single(status => status.Source == source);

    private static string StateOf(LedgerHost host, string source) =>
        host.Sources.FirstOrDefault(status => status.Source == source)?.State ?? "";

    private IEnumerable<string> Changes(string source) => _people.Entries()
        .Where(entry => entry.Header.Kind == EntryKind.Change && entry.Header.Source == source)
        .Select(entry => $"{source} {entry.Header.Operation}");
}
