using System.Diagnostics;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Control;
using Indelible.Server.Replication;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A real PostgreSQL server with twenty people, protected as source <c>crm</c>, and a ledger for them.</summary>
internal sealed class PeopleLedger : IAsyncDisposable
{
    private readonly string _home = Directory.CreateTempSubdirectory("indelible-pipeline-").FullName;

    private PeopleLedger(PostgresServer server, string database, StoreConfig? store)
    {
        (Server, Database) = (server, database);
        Paths = LedgerPaths.For(Path.Combine(_home, "ledger")) with { Store = store?.Place() };
        Config = new() { Listen = "127.0.0.1:0", CoverageIntervalSeconds = 1, Store = store };
    }

    public PostgresServer Server { get; }
    public string Database { get; }
    public LedgerPaths Paths { get; set; }
    public IndelibleConfig Config { get; }

    public static async Task<PeopleLedger> StartAsync(IReadOnlyDictionary<string, string>? settings = null, StoreConfig? store = null)
    {
        PostgresServer server = await PostgresServer.StartAsync(settings: settings);
        PeopleLedger people = new(server, await server.CreateDatabaseAsync(), store);
        await people.ExecuteAsync(
            "CREATE TABLE people (id int PRIMARY KEY, ssn text)", "INSERT INTO people SELECT n, 's' || n FROM generate_series(1, 20) n");
        await NewLedger.CreateAsync(people.Paths, "example.org/t", CancellationToken.None);
        await using LedgerHost host = await people.OpenAsync();
        await people.ProtectAsync(host, "crm", people.Database);
        await host.PublishAsync(CancellationToken.None);
        return people;
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_home, recursive: true);
    }

    public Task ExecuteAsync(params string[] statements) => Server.ExecuteAsync(Database, statements);

    public async Task<string?> AskAsync(string query) => (await Server.QueryAsync(Database, query)).FirstOrDefault();

    public Task<LedgerHost> OpenAsync() =>
        LedgerHost.OpenAsync(Paths, Config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    /// <summary>Protects <c>people.ssn</c> of a database.</summary>
    public Task<ProtectResult> ProtectAsync(LedgerHost host, string source, string database) =>
        new ProtectOperation(host, Path.Combine(_home, "indelible.json"), _ => { })
    {
        Source = source,
        Owner = SourceConnection.Parse(database),
        Columns = [ColumnRequest.Parse("people.ssn")],
        By = "a test",
    }.RunAsync(CancellationToken.None);

    /// <summary>Acts while a host runs, then stops it.</summary>
    public async Task RunningAsync(Func<LedgerHost, Task> act, ControlHandler? control = null)
    {
        await using LedgerHost host = await OpenAsync();
        using CancellationTokenSource stop = new();
        Task running = host.RunAsync(control, stop.Token);
        try
        {
            await Task.WhenAny(host.Listening, running);
            await act(host);
        }
        finally
        {
            await stop.CancelAsync();
            await running.WaitAsync(Patience.Max);
        }
    }

    /// <summary>Waits until everything committed by now is sealed.</summary>
    public async Task CaughtUpAsync(LedgerHost host)
    {
        Lsn end = Lsn.Parse((await AskAsync("SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))!);
        await UntilAsync(() => host.Writer.MarkOf("crm")!.Confirmable >= end);
    }

    /// <summary>Waits until something holds.</summary>
    public static async Task UntilAsync(Func<bool> holds)
    {
        for (Stopwatch waited = Stopwatch.StartNew(); !holds(); await Task.Delay(20))
            Assert.True(waited.Elapsed < Patience.Max, "waited too long");
    }

    /// <summary>Everything published.</summary>
    public List<Entry> Entries()
    {
        LedgerReader reader = LedgerReader.Of(Paths);
        List<Entry> entries = [];
        foreach ((long _, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, reader.ReadCheckpoint().Size))
        {
            Assert.Equal(EntryFault.None, EntryCodec.Decode(bytes, out Entry entry));
            entries.Add(entry);
        }
        return entries;
    }
}
