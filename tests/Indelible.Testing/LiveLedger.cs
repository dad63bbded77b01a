using System.Diagnostics;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Alerts;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;

namespace Indelible.Testing;

/// <summary>A ledger over a database of a real PostgreSQL server, with what a test wants protected.</summary>
public sealed class LiveLedger : IAsyncDisposable
{
    private static int _count;
    private readonly string _role;
    private readonly string _home = Directory.CreateTempSubdirectory("indelible-live-").FullName;

    private LiveLedger(PostgresServer server, string database)
    {
        (Server, Database, Owner) = (server, database, database);
        // Slots and roles belong to the whole server.
        Source = $"crm{Interlocked.Increment(ref _count)}";
        _role = $"capture_{Source}";
        Paths = LedgerPaths.For(Path.Combine(_home, "ledger"));
    }

    public PostgresServer Server { get; }
    public string Database { get; }
    public string Source { get; }
    public LedgerPaths Paths { get; }
    /// <summary>Connection of whoever protects.</summary>
    public string Owner { get; private set; }
    public IndelibleConfig Config { get; } =
        new() { Listen = "127.0.0.1:0", CoverageIntervalSeconds = 1, Alerts = new AlertsConfig { IntervalSeconds = 1 } };

    /// <summary>Runs the statements, then protects the columns of the source.</summary>
    public static async Task<LiveLedger> CreateAsync(PostgresServer server, string[] columns, params string[] statements)
    {
        LiveLedger ledger = new(server, await server.CreateDatabaseAsync());
        await server.ExecuteAsync(ledger.Database, statements);
        await NewLedger.CreateAsync(ledger.Paths, "example.org/t", CancellationToken.None);
        await ledger.ProtectAsync(columns);
        return ledger;
    }

    /// <summary>The same where the owner of the database's objects may make no event trigger, as on managed services;
    /// somebody else has made the capture role.</summary>
    public static async Task<LiveLedger> CreateManagedAsync(
        PostgresServer server, string owner, string[] columns, params string[] statements)
    {
        LiveLedger ledger = new(server, await server.CreateDatabaseAsync());
        string name = new NpgsqlConnectionStringBuilder(ledger.Database).Database!;
        await server.ExecuteAsync(ledger.Database,
            [.. statements, $"GRANT CREATE ON DATABASE {name} TO {owner}", $"CREATE ROLE {ledger._role} LOGIN REPLICATION"]);
        ledger.Owner = server.Private.SocketConnectionString(name, owner);
        await NewLedger.CreateAsync(ledger.Paths, "example.org/t", CancellationToken.None);
        await ledger.ProtectAsync(columns);
        return ledger;
    }

    /// <summary>Protects columns besides those that are; seals a baseline of their tables.</summary>
    public async Task ProtectAsync(params string[] columns)
    {
        await using LedgerHost host = await OpenAsync();
        await new ProtectOperation(host, Path.Combine(_home, "indelible.json"), _ => { })
        {
            Source = Source,
            Owner = SourceConnection.Parse(Owner),
            Columns = [.. columns.Select(ColumnRequest.Parse)],
            CaptureRole = _role,
            By = "a test",
        }.RunAsync(CancellationToken.None);
        await host.PublishAsync(CancellationToken.None);
    }

    public Task ExecuteAsync(params string[] statements) => Server.ExecuteAsync(Database, statements);

    public Task<LedgerHost> OpenAsync() =>
        LedgerHost.OpenAsync(Paths, Config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    /// <summary>Runs, executes the statements, and stops when everything committed is sealed and published.</summary>
    public Task SealAsync(params string[] statements) => RunningAsync(async host =>
    {
        if (statements.Length > 0) await ExecuteAsync(statements);
        await CaughtUpAsync(host);
    });

    public Task RunningAsync(Func<LedgerHost, Task> act) => RunningAsync(OpenAsync(), act);

    /// <summary>Acts while a process runs, and stops it.</summary>
    public static async Task RunningAsync(Task<LedgerHost> opening, Func<LedgerHost, Task> act)
    {
        await using LedgerHost host = await opening;
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
    public async Task CaughtUpAsync(LedgerHost host)
    {
        Lsn end = Lsn.Parse(
            (await Server.QueryAsync(Database, "SELECT pg_current_wal_lsn() FROM pg_logical_emit_message(true, 'test', '')"))[0]!);
        while (host.Writer.MarkOf(Source)!.Confirmable < end) await Task.Delay(20);
    }

    /// <summary>Waits until the record is whole again after every gap: what it hid is found then.</summary>
    public static async Task WholeAsync(LedgerHost host)
    {
        Stopwatch waited = Stopwatch.StartNew();
        while (LedgerStatus.Of(host).Sources.Any(source => source.OpenGaps.Count > 0))
        {
            if (waited.Elapsed > Patience.Max) throw new LedgerCheckException("a gap stays open");
            await Task.Delay(50);
        }
    }

    /// <summary>Compares the source with the ledger.</summary>
    public Task<CrosscheckReport> CrosscheckAsync(LedgerHost host)
    {
        SourceConfig config = Config.Sources[Source];
        return new Crosscheck(host, Source, config, static _ => { }).RunAsync(CancellationToken.None);
    }

    /// <summary>Everything published, in order.</summary>
    public List<Entry> Entries() => EntriesOf(Paths);

    /// <inheritdoc cref="Entries"/>
    public static List<Entry> EntriesOf(LedgerPaths paths)
    {
        LedgerReader reader = new(paths.Ledger);
        List<Entry> entries = [];
        foreach ((long _, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, reader.ReadCheckpoint().Size))
        {
            EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
            if (fault != EntryFault.None) throw new LedgerCheckException($"entry {entries.Count}: {fault}");
            entries.Add(entry);
        }
        return entries;
    }

    public ValueTask DisposeAsync()
    {
        Directory.Delete(_home, recursive: true);
        return ValueTask.CompletedTask;
    }
}
