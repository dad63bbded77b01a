using System.Diagnostics;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Ledger;
using Npgsql;

namespace Indelible.Bench;

/// <summary>A ledger that `run` fills with what an application does in a private server:
/// new customers, and changes of old ones by fifty people. It and the server's data stay where a directory is named.</summary>
/// <remarks>A tenth of the entries are new rows. Of the changes, in transactions of ten, a fifth go to the same thousand rows
/// and the rest to any.</remarks>
internal sealed class GrownLedger : IAsyncDisposable
{
    /// <summary>People who change rows: clerk-0 and on.</summary>
    public const int People = 50;
    /// <summary>Rows 1 to this are changed again and again.</summary>
    public const int HotRows = 1_000;

    private const int StepSize = 100_000, TransactionSize = 10;
    /// <summary>Room an entry takes: ledger, index and keyring some 500 bytes, the server's tables and log the rest.
    /// As measured, rounded up.</summary>
    private const long BytesPerEntry = 800;

    private readonly string _directory;
    private readonly bool _isKept;

    private GrownLedger(string root, string directory, bool isKept, Source source) =>
        (_directory, _isKept, Source, Command) = (directory, isKept, source, new Command(root, directory));

    public Source Source { get; }

    public Command Command { get; }

    /// <summary>Entries published.</summary>
    public long Size => new LedgerReader(Command.Ledger).ReadCheckpoint().Size;

    /// <summary>Starts the server and, where there is no ledger yet, makes one.</summary>
    /// <param name="root">The repository.</param>
    /// <param name="directory">Where it is kept; null: it goes when disposed.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public static async Task<GrownLedger> OpenAsync(string root, string? directory, CancellationToken cancellationToken)
    {
        string place = directory is null ? WorkDirectory.New() : WorkDirectory.Kept(Path.GetFullPath(directory));
        var ledger = new GrownLedger(root, place, directory is not null, await Source.StartAsync(place, cancellationToken));
        if (File.Exists(ledger.Command.Config)) ledger.Reconnect();
        else await ledger.PrepareAsync(cancellationToken);
        return ledger;
    }

    /// <summary>Rows of the table; the keys are 1 to this.</summary>
    public async Task<int> RowsAsync(CancellationToken cancellationToken) =>
        int.Parse(await Source.AskAsync("SELECT coalesce(max(id), 0)::text FROM customers", cancellationToken),
            System.Globalization.CultureInfo.InvariantCulture);

    /// <summary>Grows it to a size at least, all of it sealed and indexed and nothing running.
    /// False, and said so, where the disk has not the room.</summary>
    public async Task<bool> GrowAsync(long entries, Results results, CancellationToken cancellationToken)
    {
        long from = Size, needed = (entries - from) * BytesPerEntry, free = new DriveInfo(_directory).AvailableFreeSpace;
        if (needed > free)
        {
            results.Add($"{entries} entries", "skipped",
                $"they need {needed / 1_000_000_000} GB, {free / 1_000_000_000} are free in {Path.GetPathRoot(_directory)}; "
                    + "--ledger names a directory on another disk");
            return false;
        }
        await using Collector run = Command.StartRun();
        long begin = Stopwatch.GetTimestamp();
        for (long size = from; size < entries; size = Size)
        {
            await ChangeAsync((int)Math.Min(StepSize, entries - size + TransactionSize), cancellationToken);
            await run.IndexedAsync(await Source.SettleAsync(cancellationToken), cancellationToken);
        }
        if (Size > from)
        {
            results.Add("entries captured, sealed and indexed",
                $"{Results.Number((Size - from) / Stopwatch.GetElapsedTime(begin).TotalSeconds)}/s",
                $"from {from} to {Size}, PostgreSQL's work on the same cores included; peak memory of `run` "
                    + $"{Results.Number(run.PeakMemory)} MiB");
        }
        return true;
    }

    /// <summary>About so many changes, committed when it returns.</summary>
    public async Task ChangeAsync(int count, CancellationToken cancellationToken)
    {
        int rows = await RowsAsync(cancellationToken), added = Math.Max(1, count / 10), all = rows + added;
        await Source.ExecuteAsync(cancellationToken,
            $"INSERT INTO customers SELECT {Shape.Customer} FROM generate_series({rows + 1}, {all}) n",
            $"""
            DO $$ BEGIN
                FOR i IN 1..{(count - added) / TransactionSize} LOOP
                    PERFORM indelible.operator('clerk-' || i % {People});
                    UPDATE customers SET balance = balance + 1, phone = CASE WHEN i % 4 = 0 THEN '+1 555 ' || i ELSE phone END
                        WHERE id = ANY (ARRAY(
                            SELECT 1 + floor(random() * CASE WHEN i % 5 = 0 THEN {Math.Min(all, HotRows)} ELSE {all} END)::int
                            FROM generate_series(1, {TransactionSize})));
                    COMMIT;
                END LOOP;
            END $$
            """);
    }

    /// <summary>Bytes that everything takes, for each entry.</summary>
    public void Weigh(Results results)
    {
        long size = Size;
        foreach (string part in (string[])["ledger", "index", "keyring"])
        {
            results.Add($"bytes per entry, {part}", Results.Number(MadeLedger.BytesIn(Path.Combine(_directory, part)) / (double)size),
                $"{size} entries");
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Source.DisposeAsync();
        if (!_isKept) Directory.Delete(_directory, recursive: true);
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        // room for updates in place
        await Source.ExecuteAsync(cancellationToken, Shape.Customers, "ALTER TABLE customers SET (fillfactor = 50)");
        await Command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/grown");
        await Command.RunAsync(
            cancellationToken, ["protect", "--source", Source.ConnectionString, "--name", Source.Name, .. Shape.ProtectedCustomers]);
    }

    /// <summary>The server's socket and port are others each time.</summary>
    private void Reconnect()
    {
        JsonNode config = JsonNode.Parse(File.ReadAllText(Command.Config))!, source = config["sources"]![Source.Name]!;
        var now = new NpgsqlConnectionStringBuilder(Source.ConnectionString);
        source["connection"] =
            new NpgsqlConnectionStringBuilder((string)source["connection"]!) { Host = now.Host, Port = now.Port }.ConnectionString;
        File.WriteAllText(Command.Config, config.ToJsonString());
    }
}
