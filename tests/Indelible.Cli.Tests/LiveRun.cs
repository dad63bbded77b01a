using System.Diagnostics;
using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Ledger.Stores;
using Indelible.Testing;
using Npgsql;
using Xunit;

namespace Indelible.Cli.Tests;

/// <summary>The real <c>indelible run</c> over a real server, with the table of truth beside the protected one;
/// and the check that both agree. One test owns it.</summary>
internal sealed class LiveRun : IAsyncDisposable
{
    public const string Origin = "example.org/live";

    private readonly List<string> _log = [];
    private readonly int _seed;
    private Task<string?> _listening = Task.FromResult<string?>(null);

    private readonly string[] _copies;

    private LiveRun(PostgresServer server, string database, int seed, string[] copies)
    {
        (Server, Database, _seed, _copies) = (server, database, seed, copies);
        Wire = new Wire(server.Private.Port);
        Home = Indelible.Home;
    }

    public PostgresServer Server { get; }
    public string Database { get; }
    /// <summary>What capture connects through.</summary>
    public Wire Wire { get; }
    public IndelibleProcess Indelible { get; } = new();
    /// <summary>The process that runs; null if none does.</summary>
    public Process? Process { get; private set; }
    /// <summary>Its standard error, whole once it ended.</summary>
    public Task<string> ProcessLog { get; private set; } = Task.FromResult("");
    public string Ledger => Path.Combine(Home, "ledger");
    /// <summary>Where ledger and configuration are: the process's directory, until the ledger is rotated.</summary>
    public string Home { get; set; }
    private string[] Config => ["--config", Path.Combine(Home, "indelible.json")];

    /// <summary>A server with fifty people, and an empty ledger.</summary>
    /// <param name="seed">Of its traffic.</param>
    /// <param name="copies">Names of directories that the ledger is copied to; what no copy has is not confirmed.</param>
    public static async Task<LiveRun> StartAsync(int seed, params string[] copies)
    {
        PostgresServer server = await PostgresServer.StartAsync(
            settings: new Dictionary<string, string> { ["wal_sender_timeout"] = "3s", ["deadlock_timeout"] = "50ms" });
        LiveRun live = new(server, await server.CreateDatabaseAsync(), seed, copies);
        await server.ExecuteAsync(live.Database, GroundTruth.Schema,
            "INSERT INTO people SELECT n, 's' || n, 's' || n FROM generate_series(1, 50) n", "TRUNCATE truth");
        Assert.Equal(0, (await live.Indelible.CallAsync("init", "--origin", Origin)).ExitCode);
        live.Configure("publishIntervalMs", 20);
        live.Configure("coverageIntervalSeconds", 1);
        if (copies.Length > 0) live.ConfigureCopies();
        return live;
    }

    private void ConfigureCopies()
    {
        JsonObject targets = [];
        foreach (string name in _copies)
        {
            targets[name] =
                new JsonObject { ["path"] = Directory.CreateDirectory(Path.Combine(Indelible.Home, name)).FullName, ["everySeconds"] = 0 };
        }
        Configure("targets", targets);
        Configure("confirmAfter", 1);
    }

    public async ValueTask DisposeAsync()
    {
        if (Process is { HasExited: false }) Process.Kill();
        Process?.Dispose();
        await Wire.DisposeAsync();
        await Server.DisposeAsync();
        Indelible.Dispose();
    }

    /// <summary>Sessions that change people until disposed of.</summary>
    public BusySessions Traffic() => new Traffic(Server, Database, _seed).Begin();

    public string[] ProtectArguments =>
    [
        "protect", "--source",
        new NpgsqlConnectionStringBuilder(Database) { Port = Wire.Port, IncludeErrorDetail = false }.ConnectionString, "--name", "crm",
        "people.ssn", "people.code=plain",
    ];

    public async Task ProtectAsync()
    {
        IndelibleProcess.Result protect = await Indelible.CallAsync(ProtectArguments);
        Assert.True(protect.ExitCode == 0, Story(protect.Output + protect.Error));
    }

    public void Configure(string key, JsonNode value)
    {
        string path = Path.Combine(Indelible.Home, "indelible.json");
        JsonNode config = JsonNode.Parse(File.ReadAllText(path))!;
        config[key] = value;
        File.WriteAllText(path, config.ToJsonString());
    }

    /// <summary>From its next start on the ledger lives in a bucket.</summary>
    /// <param name="bucket">The bucket.</param>
    /// <param name="port">Where the storage is reached, by its owner.</param>
    /// <param name="spoolMiB">What may wait for it.</param>
    public void ConfigureStore(BucketOptions bucket, int port, int spoolMiB = 4096)
    {
        string secret = Path.Combine(Home, "secret");
        DurableFile.ReplaceSecret(secret, Encoding.UTF8.GetBytes(RadosGateway.Owner.Secret));
        Configure("store", new JsonObject
        {
            ["endpoint"] = $"http://127.0.0.1:{port}/", ["bucket"] = bucket.Bucket, ["prefix"] = bucket.Prefix,
            ["accessKey"] = RadosGateway.Owner.Id, ["secretFile"] = secret,
            ["retentionDays"] = 30, ["everySeconds"] = 0, ["spoolMiB"] = spoolMiB,
        });
    }

    /// <summary>Starts <c>run</c>.</summary>
    /// <param name="under">A command that starts it, such as <c>strace</c> with its options; none: itself.</param>
    public void Launch(params string[] under) => Launch(null, under);

    /// <inheritdoc cref="Launch(string[])"/>
    public void Launch(IReadOnlyDictionary<string, string>? environment, params string[] under)
    {
        Process?.Dispose();
        Process = Indelible.Start(["run", "--listen", "127.0.0.1:0", "--json", .. Config], environment, under);
        ProcessLog = Process.StandardError.ReadToEndAsync();
        _listening = Process.StandardOutput.ReadLineAsync();
    }

    public async Task ListeningAsync()
    {
        if (await _listening.WaitAsync(Patience.Max) is null) Assert.Fail(Story(await ProcessLog));
    }

    /// <summary>Ends it at once; what it did not write is lost.</summary>
    public async Task KillAsync()
    {
        Process!.Kill();
        await EndedAsync();
    }

    /// <summary>Waits until it ended by itself; gives its exit code.</summary>
    public async Task<int> EndedAsync()
    {
        await Process!.WaitForExitAsync().WaitAsync(Patience.Max);
        await ProcessLog;
        int exitCode = Process.ExitCode;
        Process.Dispose();
        Process = null;
        return exitCode;
    }

    /// <summary>Asks it to stop, which it must do cleanly.</summary>
    public async Task StopAsync()
    {
        IndelibleProcess.Signal(Process!, "TERM");
        int exitCode = await EndedAsync();
        Assert.True(exitCode == 0, Story(await ProcessLog));
    }

    /// <summary>Everything committed by now is sealed, and its position confirmed; starts it if need be.</summary>
    /// <param name="patience">Longest that this may take; null for the usual.</param>
    public async Task CaughtUpAsync(TimeSpan? patience = null)
    {
        if (Process is null) Launch();
        await ListeningAsync();
        await using NpgsqlConnection session = await Server.ConnectAsync(Database);
        string? end = await PostgresServer.AskAsync(session, "SELECT pg_current_wal_insert_lsn()");
        long started = Stopwatch.GetTimestamp();
        while (await PostgresServer.AskAsync(session, $"SELECT confirmed_flush_lsn >= '{end}' FROM pg_replication_slots") != "t")
        {
            if (Process!.HasExited || Stopwatch.GetElapsedTime(started) > (patience ?? Patience.Max))
            {
                if (!Process.HasExited) Process.Kill();
                Assert.Fail(Story($"not caught up with {end}\n{await ProcessLog}"));
            }
            await Task.Delay(50);
        }
    }

    /// <summary>The ledger's bytes agree with each other and with what was committed, so far, and no gap is announced.
    /// Where copies are kept, what PostgreSQL would not send again is published. For a process that was killed.</summary>
    public async Task<int> CompareAsync()
    {
        HashSet<uint> confirmed = _copies.Length > 0 ? await ConfirmedAsync() : [];
        try
        {
            IReadOnlyList<byte[]> entries = await LedgerCheck.PublishedAsync(Ledger, Origin, CancellationToken.None);
            RequireNoGap(entries);
            RequireSealed(confirmed, entries);
            return await GroundTruth.CompareAsync(Server, Database, entries, isWhole: false);
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(Story(e.Message));
            throw;
        }
    }

    /// <summary>Catches up, stops, and checks everything there is: every tile, root and index entry derived anew,
    /// every change against the truth, order and coverage by
    /// <c>verify</c>, the live database by <c>crosscheck</c>.</summary>
    /// <param name="hasTruth">False if there were changes before the protection began, so that the truth holds
    /// more than the ledger.</param>
    /// <returns>Changes compared.</returns>
    public async Task<int> CheckAllAsync(bool hasTruth = true)
    {
        await CaughtUpAsync();
        await StopAsync();
        foreach (string copy in _copies)
        {
            IndelibleProcess.Result verified = await Indelible.CallAsync("verify", copy, "--json");
            Assert.True(verified.ExitCode == 0, Story(verified.Output));
            Assert.Equal(new LedgerReader(Ledger).ReadCheckpoint().Root.ToString(), (string)verified.Json["root"]!);
        }
        IndelibleProcess.Result verify = await Indelible.CallAsync(["verify", .. Config]),
            crosscheck = await Indelible.CallAsync(["crosscheck", .. Config]);
        Assert.True(verify.ExitCode == 0, Story(verify.Output));
        Assert.True(crosscheck.ExitCode == 0, Story(crosscheck.Output + crosscheck.Error));
        try
        {
            IReadOnlyList<byte[]> entries = await LedgerCheck.AllAsync(Ledger, Origin, CancellationToken.None);
            RequireNoGap(entries);
            IndexCheck.All(Path.Combine(Indelible.Home, "index"), Origin, entries);
            return hasTruth ? await GroundTruth.CompareAsync(Server, Database, entries, isWhole: true) : entries.Count;
        }
        catch (LedgerCheckException e)
        {
            Assert.Fail(Story(e.Message));
            throw;
        }
    }

    /// <summary>PostgreSQL was never told to forget what was not sealed.</summary>
    public static void RequireNoGap(IReadOnlyList<byte[]> entries)
    {
        int gap = entries.ToList()
            .FindIndex(entry => EntryCodec.Decode(entry, out Entry decoded) != EntryFault.None || decoded.Header.Code == "gap");
        if (gap >= 0) throw new LedgerCheckException($"entry {gap} announces a gap, or does not decode");
    }

    /// <summary>Transactions that PostgreSQL would not send again, because it was told that they are sealed.
    /// For a process that has ended.</summary>
    public async Task<HashSet<uint>> ConfirmedAsync()
    {
        // the server has not noticed yet
        while ((await Server.QueryAsync(Database, "SELECT active FROM pg_replication_slots"))[0] == "t") await Task.Delay(20);
        HashSet<uint> transactions = [.. await TransactionsAsync("SELECT DISTINCT tx & 4294967295 FROM truth")];
        transactions.ExceptWith(
            await TransactionsAsync(
                "SELECT DISTINCT xid::text::bigint FROM pg_logical_slot_peek_binary_changes('indelible_crm', NULL, NULL, 'proto_version', "
                    + "'1', 'publication_names', 'indelible_crm')"));
        return transactions;
    }

    /// <summary>Each of these transactions is among the entries.</summary>
    public static void RequireSealed(IEnumerable<uint> confirmed, IReadOnlyList<byte[]> entries)
    {
        HashSet<uint> missing = [.. confirmed];
        missing.ExceptWith(
            entries.Select(entry => EntryCodec.Decode(entry, out Entry decoded) == EntryFault.None
                ? decoded.Header.TransactionId ?? 0 : 0));
        if (missing.Count > 0)
            throw new LedgerCheckException($"confirmed to PostgreSQL, and not sealed: transactions {string.Join(' ', missing.Take(10))}");
    }

    private async Task<IEnumerable<uint>> TransactionsAsync(string sql) =>
        (await Server.QueryAsync(Database, sql)).Select(text => uint.Parse(text!, CultureInfo.InvariantCulture));

    public void Told(string what)
    {
        _log.Add(what);
        TestContext.Current.TestOutputHelper?.WriteLine(what);
    }

    /// <summary>What happened until it failed.</summary>
    public string Story(string end) =>
        string.Create(CultureInfo.InvariantCulture, $"seed {_seed}\n{string.Join('\n', _log.TakeLast(40))}\n{end}");
}
