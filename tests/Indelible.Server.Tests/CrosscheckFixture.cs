using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server.Comparing;
using Indelible.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Xunit;

namespace Indelible.Server.Tests;

/// <summary>A ledger over a database of its own, as the tests of crosscheck use it.</summary>
public abstract class CrosscheckFixture : IAsyncLifetime
{
    private readonly string _home = Directory.CreateTempSubdirectory("indelible-crosscheck-").FullName;
    protected IndelibleConfig Config => _config;

    private readonly IndelibleConfig _config = new() { Listen = "127.0.0.1:0", CoverageIntervalSeconds = 1 };

    protected PostgresServer Server { get; private set; } = null!;
    protected string Database { get; private set; } = "";
    protected LedgerPaths Paths { get; private set; } = null!;

    public async ValueTask InitializeAsync()
    {
        Server = await PostgresServer.StartAsync(settings: new Dictionary<string, string> { ["max_prepared_transactions"] = "5" });
        Database = await Server.CreateDatabaseAsync();
        Paths = LedgerPaths.For(Path.Combine(_home, "ledger"));
        await NewLedger.CreateAsync(Paths, "example.org/t", CancellationToken.None);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        Directory.Delete(_home, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected Task ExecuteAsync(params string[] statements) => Server.ExecuteAsync(Database, statements);

    protected Task<NpgsqlConnection> ConnectAsync() => Server.ConnectAsync(Database);

    protected async Task ProtectAsync(params string[] columns)
    {
        await using LedgerHost host = await OpenAsync();
        await new ProtectOperation(host, Path.Combine(_home, "indelible.json"), _ => { })
        {
            Source = "crm",
            Owner = SourceConnection.Parse(Database),
            Columns = [.. columns.Select(ColumnRequest.Parse)],
            By = "a test",
        }.RunAsync(CancellationToken.None);
        await host.PublishAsync(CancellationToken.None);
    }

    protected Task<LedgerHost> OpenAsync() =>
        LedgerHost.OpenAsync(Paths, _config, TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);

    protected SourceConfig Source => _config.Sources["crm"];

    /// <summary>Ranges are short, so that there are several of them.</summary>
    protected Crosscheck Crosscheck(LedgerHost host, CrosscheckScope? scope = null, bool anew = false, Action<string>? progress = null) =>
        new(host, "crm", Source, progress ?? (_ => { }))
    {
        Scope = scope ?? new CrosscheckScope(),
        Anew = anew,
        Pace = new CrosscheckPace { RangeRows = 500, SaveInterval = TimeSpan.Zero },
    };

    protected Task<CrosscheckReport> CheckAsync(LedgerHost host) => Crosscheck(host).RunAsync(TestContext.Current.CancellationToken);

    /// <summary>In a process that does nothing else.</summary>
    protected async Task<CrosscheckReport> CheckAsync()
    {
        await using LedgerHost host = await OpenAsync();
        CrosscheckReport report = await CheckAsync(host);
        await host.PublishAsync(CancellationToken.None);
        return report;
    }

    protected Task RunningAsync(Func<LedgerHost, Task> act) => LiveLedger.RunningAsync(OpenAsync(), act);

    /// <summary>Statements that leave nothing in the log.</summary>
    protected Task InTheDarkAsync(string table, params string[] statements) => ExecuteAsync(Darkness.Sql(table, statements));

    protected static string[] Lines(CrosscheckReport report) =>
        [.. report.Differences.Select(d => $"{d.Table} {d.Row} {d.Column}: {d.What}").Order(StringComparer.Ordinal)];
}
