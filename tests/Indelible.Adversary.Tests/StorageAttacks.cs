using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Server;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Adversary.Tests;

/// <summary>What somebody with root on a machine can do to files, of the database and of the ledger.</summary>
public sealed class StorageAttacks : IAsyncLifetime
{
    private PostgresServer _server = null!;
    private Scene _scene = null!;

    public async ValueTask InitializeAsync()
    {
        _server = await SharedServer.StartAsync();
        _scene = await Scene.OpenAsync(_server);
    }

    public async ValueTask DisposeAsync()
    {
        await _scene.DisposeAsync();
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Page_of_the_table_edited_while_the_server_is_stopped()
    {
        // as good as right checksums, which 18 writes
        await _server.ExecuteAsync(_scene.Ledger.Database, "ALTER SYSTEM SET ignore_checksum_failure = on", "CHECKPOINT");
        string file = Path.Combine(Data, (await _scene.AskAsync("SELECT pg_relation_filepath('people')"))!);
        await _scene.StopAsync();
        await _server.Private.StopAsync(CancellationToken.None);
        byte[] pages = await File.ReadAllBytesAsync(file);
        int row = pages.AsSpan().IndexOf("\u0007s7\u0007p7"u8);
        "\u0007X7"u8.CopyTo(pages.AsSpan(row));
        await File.WriteAllBytesAsync(file, pages);
        await _server.Private.StartAsync(CancellationToken.None);
        await _scene.StartAsync();

        Assert.Empty(await _scene.StoryAsync());
        Assert.Equal(["id=7 ssn: another value than in the ledger"], await _scene.CrosscheckAsync());
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET phone = 'next' WHERE id = 7");
        await _scene.ToldAsync("continuity people 7 ssn: the value before is not the last one sealed");
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Data_directory_put_back_to_an_earlier_copy()
    {
        string copy = await CopyAsync();
        // More log than a server writes by starting: else the log could end past what is sealed before anybody looks.
        await _server.ExecuteAsync(_scene.Ledger.Database, "SELECT pg_logical_emit_message(false, 'x', repeat('x', 1000000))");
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'undone' WHERE id = 7");
        await _scene.ToldAsync("update people 7 ssn by session clerk");
        await PutBackAsync(copy);
        await _server.Private.StartAsync(CancellationToken.None);
        await _scene.StartAsync();
        Assert.Equal(ExitCode.Finding, Assert.IsType<IndelibleException>(await _scene.FailedAsync()).ExitCode);
        Assert.Equal("gap log-behind", Telling.Of(Assert.Single(_scene.New(), entry => entry.Header.Kind == EntryKind.Guard)));
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Data_directory_put_back_and_its_log_written_on_beyond_what_is_sealed()
    {
        string copy = await CopyAsync();
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'undone' WHERE id = 7");
        await _scene.ToldAsync("update people 7 ssn by session clerk");
        await PutBackAsync(copy);
        await _server.Private.StartAsync(CancellationToken.None);
        await _server.ExecuteAsync(_scene.Ledger.Database, "SELECT pg_logical_emit_message(true, 'x', repeat('x', 100000))");
        await _scene.StartAsync();
        Assert.Empty(await _scene.StoryAsync());
        Assert.Equal(["id=7 ssn: another value than in the ledger"], await _scene.CrosscheckAsync());
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET phone = 'next' WHERE id = 7");
        await _scene.ToldAsync("continuity people 7 ssn: the value before is not the last one sealed");
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Source_replaced_by_another_cluster_with_the_same_tables()
    {
        await using PostgresServer other = await PostgresServer.StartAsync(isFresh: true);
        SourceConfig config = _scene.Ledger.Config.Sources[_scene.Ledger.Source];
        NpgsqlConnectionStringBuilder connection = new(config.Connection);
        string database = other.Private.ConnectionString(connection.Database!);
        await other.ExecuteAsync(other.ConnectionString, $"CREATE DATABASE {connection.Database}",
            $"CREATE ROLE {connection.Username} LOGIN REPLICATION PASSWORD '{(await File.ReadAllTextAsync(config.PasswordFile!)).Trim()}'");
        await other.ExecuteAsync(
            database, Scene.People, $"GRANT SELECT ON people TO {connection.Username}", "UPDATE people SET ssn = 'forged' WHERE id = 7",
            "ALTER TABLE people REPLICA IDENTITY FULL", $"CREATE PUBLICATION {_scene.Slot} FOR TABLE people",
            $"SELECT pg_create_logical_replication_slot('{_scene.Slot}', 'pgoutput')");
        connection.Port = other.Private.Port;
        config.Connection = connection.ConnectionString;    // as if the name now meant another machine
        await _scene.AttackAsync(SharedServer.Superuser, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active");

        IndelibleException ended = Assert.IsType<IndelibleException>(await _scene.FailedAsync());
        Assert.Equal(ExitCode.Finding, ended.ExitCode);
        Entry gap = Assert.Single(_scene.New(), entry => Telling.Of(entry) == "gap system-changed");
        Assert.Contains("expected the cluster with system identifier", gap.Header.Facts!["message"], StringComparison.Ordinal);
        Assert.DoesNotContain(_scene.New(), entry => entry.Header.Kind == EntryKind.Change);
        Assert.Contains("\"reason\":\"system-changed\"", _scene.Alerts, StringComparison.Ordinal);
        Assert.Contains("\"alert\":\"run-ended\"", _scene.Alerts, StringComparison.Ordinal);
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Log_thrown_away_with_pg_resetwal()
    {
        Assert.SkipUnless(File.Exists(_server.Private.ToolPath("pg_resetwal")), "pg_resetwal is not packaged with this server");
        await _scene.StopAsync();
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'forged' WHERE id = 7");
        await _server.Private.StopAsync(CancellationToken.None);
        await _server.Private.RunToolAsync("pg_resetwal", ["-f", "-D", Data], CancellationToken.None);
        await _server.Private.StartAsync(CancellationToken.None);
        await _scene.StartAsync();
        await _scene.ToldAsync("gap log-missing");
        await _scene.ToldAsync("gap slot-missing");
        await _scene.ToldAsync("found people 7: ssn");
        Assert.Empty(await _scene.CrosscheckAsync());
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Ledger_put_back_to_an_earlier_copy()
    {
        await _scene.StopAsync();
        string ledger = _scene.Ledger.Paths.Ledger, journal = _scene.Ledger.Paths.Journal;
        await Copying.AsIsAsync(ledger, ledger + ".copy");
        await Copying.AsIsAsync(journal, journal + ".copy");
        await _scene.StartAsync();
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'unwanted' WHERE id = 7");
        await _scene.ToldAsync("update people 7 ssn by session clerk");
        await _scene.StopAsync();
        Copying.PutBack(ledger + ".copy", ledger);
        Copying.PutBack(journal + ".copy", journal);
        IndelibleException refused = await Assert.ThrowsAnyAsync<IndelibleException>(_scene.StartAsync);
        Assert.StartsWith("the ledger was rolled back: expected at least", refused.Message, StringComparison.Ordinal);
        await _scene.RequireAlertsAsync();
    }

    [Fact]
    public async Task Ledger_put_back_with_its_keyring_and_everything_else()
    {
        await _scene.StopAsync();
        string home = Path.GetDirectoryName(_scene.Ledger.Paths.Ledger)!;
        await Copying.AsIsAsync(home, home + ".copy");
        await _scene.StartAsync();
        await _scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'unwanted' WHERE id = 7");
        await _scene.ToldAsync("update people 7 ssn by session clerk");
        await ConfirmedAsync();     // else the server sends it again, and nothing is missing
        await _scene.StopAsync();
        Copying.PutBack(home + ".copy", home);
        await _scene.StartAsync();
        await _scene.ToldAsync("gap slot-ahead");
        await _scene.ToldAsync("found people 7: ssn");
        Assert.Empty(await _scene.CrosscheckAsync());
        await _scene.RequireAlertsAsync();
    }

    /// <summary>Waits until the server knows that everything committed by now was sealed.</summary>
    private async Task ConfirmedAsync()
    {
        Lsn end = Lsn.Parse((await _scene.AskAsync("SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))!);
        string slot = _scene.Ledger.Config.Sources[_scene.Ledger.Source].Protection.Slot;
        while (Lsn.Parse((await _scene.AskAsync($"SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '{slot}'"))!)
            < end) await Task.Delay(20);
    }

    [Fact(Explicit = true)]
    public async Task Row_too_large_for_the_server_to_deliver()
    {
        await using Scene scene = await Scene.OpenAsync(_server, ["people.ssn"], """
            CREATE TABLE people (id int PRIMARY KEY, ssn text, scan text);
            INSERT INTO people VALUES (7, 's7', repeat('x', 540000000)), (8, 's8', '');
            """);
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'forged', scan = repeat('y', 540000000) WHERE id = 7",
            "UPDATE people SET ssn = 'behind it' WHERE id = 8");
        await scene.ToldAsync("value-too-large");
        await scene.ToldAsync("gap slot-ahead");
        await scene.ToldAsync("found people 7: ssn");
        await scene.ToldAsync("found people 8: ssn");
        Assert.Empty(await scene.CrosscheckAsync());
        await scene.AttackAsync(SharedServer.Clerk, "UPDATE people SET ssn = 'later' WHERE id = 8");
        await scene.ToldAsync("update people 8 ssn by session clerk");
        await scene.RequireAlertsAsync();
    }

    private string Data => _server.Private.DataDirectory;

    /// <summary>As a file system snapshot would, slots included; the collector goes on afterwards.</summary>
    private async Task<string> CopyAsync()
    {
        await _scene.StopAsync();
        await _server.Private.StopAsync(CancellationToken.None);
        await Copying.AsIsAsync(Data, Data + ".copy");
        await _server.Private.StartAsync(CancellationToken.None);
        await _scene.StartAsync();
        return Data + ".copy";
    }

    private async Task PutBackAsync(string copy)
    {
        await _scene.StopAsync();
        await _server.Private.KillAsync(CancellationToken.None);
        Copying.PutBack(copy, Data);
    }
}
