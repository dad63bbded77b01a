using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
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
        await _server.ExecuteAsync(_database, "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "INSERT INTO people SELECT n, 's' || n FROM generate_series(1, 20) n");
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
                Assert.True(Lsn.Parse(confirmed) <= host.Writer.MarkOf("crm")!.Confirmable, $"confirmed {confirmed}, sealed {host.Writer.MarkOf("crm")!.Confirmable}");
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
        Coverage[] stretches = [.. Entries().Where(entry => entry.Header.Kind == EntryKind.Coverage).Select(entry => entry.Header.Coverage!)];
        Assert.True(stretches.Length >= 3);
        for (int i = 1; i < stretches.Length; i++) Assert.Equal(stretches[i - 1].To, stretches[i].From);
    }

    [Fact]
    public async Task A_gap_is_sealed_before_anything_after_it_and_a_baseline_follows()
    {
        await _server.ExecuteAsync(_database, "UPDATE people SET ssn = 'unseen' WHERE id = 1",
            "SELECT pg_replication_slot_advance('indelible_crm', pg_current_wal_lsn())", "UPDATE people SET ssn = 'seen' WHERE id = 2");
        await RunningAsync(CaughtUpAsync);
        List<Entry> entries = Entries();
        int gap = entries.FindIndex(entry => entry.Header.Code == GuardCode.Gap);
        int change = entries.FindIndex(entry => entry.Header.Kind == EntryKind.Change);
        Assert.True(gap > 0 && gap < change, $"gap at {gap}, first change at {change}");
        Assert.Equal(20, entries.Skip(gap).Count(entry => entry.Header.Kind == EntryKind.Baseline));
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
                CrosscheckReport report = await new Crosscheck(host, "crm", _config.Sources["crm"], SourceConnections.Of(_config.Sources["crm"]), _ => { }).RunAsync(CancellationToken.None);
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

    private Task<ProtectResult> ProtectAsync(LedgerHost host) => new ProtectOperation(host, Path.Combine(_home, "indelible.json"), _ => { })
    {
        Source = "crm",
        Owner = SourceConnection.Parse(_database),
        Columns = [ColumnRequest.Parse("people.ssn")],
        By = "a test",
    }.RunAsync(CancellationToken.None);

    private async Task RunningAsync(Func<LedgerHost, Task> act)
    {
        await using LedgerHost host = await OpenAsync();
        using CancellationTokenSource stop = new();
        Task running = host.RunAsync(control: null, stop.Token);
        try
        {
            await Task.WhenAny(host.Listening, running);
            await act(host);
        }
        finally
        {
            await stop.CancelAsync();
            await running;
        }
    }

    /// <summary>Waits until everything committed by now is sealed.</summary>
    private async Task CaughtUpAsync(LedgerHost host)
    {
        Lsn end = Lsn.Parse((await _server.QueryAsync(_database, "SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))[0]!);
        while (host.Writer.MarkOf("crm")!.Confirmable < end) await Task.Delay(20);
    }

    private List<Entry> Entries()
    {
        LedgerReader reader = new(_paths.Ledger);
        List<Entry> entries = [];
        foreach ((long _, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, reader.ReadCheckpoint().Size))
        {
            Assert.Equal(EntryFault.None, EntryCodec.Decode(bytes, out Entry entry));
            entries.Add(entry);
        }
        return entries;
    }
}
