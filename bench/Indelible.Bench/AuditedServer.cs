using System.Globalization;
using Indelible.Format;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Bench;

/// <summary>One way of auditing: how the server is set, and what is installed in it.</summary>
/// <param name="Name">For a table's first column.</param>
/// <param name="Settings">Settings of the server.</param>
/// <param name="Statements">Run once the tables are there.</param>
/// <param name="IsIndelible">True to protect the tables and run a collector.</param>
internal sealed record Audit(string Name, IReadOnlyDictionary<string, string> Settings, string[] Statements, bool IsIndelible = false)
{
    private static readonly Dictionary<string, string> Logical = new() { ["wal_level"] = "logical" };

    /// <summary>The audit table, and a function for row triggers that fills it.</summary>
    public const string AuditTable = """
        CREATE TABLE audit (
            id bigserial PRIMARY KEY, at timestamptz NOT NULL, who text, tx bigint, relation oid, op text, old jsonb, new jsonb);
        CREATE FUNCTION audit_row() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
            INSERT INTO audit (at, who, tx, relation, op, old, new)
            VALUES (clock_timestamp(), session_user, txid_current(), TG_RELID, TG_OP,
                CASE WHEN TG_OP <> 'INSERT' THEN to_jsonb(OLD) END, CASE WHEN TG_OP <> 'DELETE' THEN to_jsonb(NEW) END);
            RETURN NULL; END $$
        """;

    private const string RowTriggers = """
        CREATE TRIGGER audit AFTER INSERT OR UPDATE OR DELETE ON customers FOR EACH ROW EXECUTE FUNCTION audit_row();
        CREATE TRIGGER audit AFTER UPDATE ON pgbench_accounts FOR EACH ROW EXECUTE FUNCTION audit_row();
        CREATE TRIGGER audit AFTER UPDATE ON pgbench_tellers FOR EACH ROW EXECUTE FUNCTION audit_row();
        CREATE TRIGGER audit AFTER UPDATE ON pgbench_branches FOR EACH ROW EXECUTE FUNCTION audit_row()
        """;

    /// <summary>What makes it findable: by time, person, transaction and row.</summary>
    public const string FourIndexes =
        "CREATE INDEX ON audit (at); CREATE INDEX ON audit (who); CREATE INDEX ON audit (tx); CREATE INDEX ON audit ((coalesce(new, old) "
            + "->> 'id'))";

    /// <summary>The reference first.</summary>
    public static IReadOnlyList<Audit> All =>
    [
        new("wal_level=logical only", Logical, []),
        new("no audit", new Dictionary<string, string> { ["wal_level"] = "replica" }, []),
        new("Indelible", Logical, [], IsIndelible: true),
        new("pgaudit, session",
            new Dictionary<string, string>(Logical) { ["shared_preload_libraries"] = "pgaudit", ["pgaudit.log"] = "write",
                ["pgaudit.log_parameter"] = "on" }, ["CREATE EXTENSION pgaudit"]),
        new("pgaudit, object",
            new Dictionary<string, string>(Logical) { ["shared_preload_libraries"] = "pgaudit", ["pgaudit.role"] = "auditor",
                ["pgaudit.log_parameter"] = "on" },
            ["CREATE EXTENSION pgaudit", "CREATE ROLE auditor",
                "GRANT INSERT, UPDATE, DELETE ON customers, pgbench_accounts, pgbench_tellers, pgbench_branches TO auditor"]),
        new("row trigger, jsonb", Logical, [AuditTable, RowTriggers]),
        new("row trigger, jsonb, four indexes", Logical, [AuditTable, RowTriggers, FourIndexes]),
    ];
}

/// <summary>A private server that is audited in one way, with the tables of the workloads.</summary>
internal sealed class AuditedServer(Audit audit, PrivatePostgres server, Command command) : IAsyncDisposable
{
    /// <summary>Protected columns.</summary>
    public static readonly string[] Protected =
        ["customers.ssn", "customers.phone", "customers.balance", "customers.email", "pgbench_accounts.abalance",
            "pgbench_tellers.tbalance", "pgbench_branches.bbalance"];

    private const string Tables = """
        CREATE TABLE customers (
            id integer PRIMARY KEY, ssn text, phone text, balance numeric(12,2), email text, c05 text, c06 text, c07 text, c08 text,
            c09 text, c10 integer, c11 integer, c12 integer, c13 timestamptz, c14 timestamptz, c15 boolean, c16 text,
            c17 text, c18 text, c19 text)
        WITH (fillfactor = 50);
        CREATE SEQUENCE inserted START 20000001;
        CREATE TABLE elsewhere (id integer PRIMARY KEY, note text, count integer) WITH (fillfactor = 50)
        """;

    /// <summary>Rows of the tables of 20 columns: n is their key.</summary>
    public const string Customer =
        "n, '900-' || n, '+1 555 ' || n, n * 1.25, 'c' || n || '@example.org', 'street ' || n, 'city', 'region', 'zip', md5(n::text), n, "
            + "n, n, now(), now(), true, 'x', 'y', 'z', md5(n::text)";

    private readonly PrivatePostgres _server = server;
    private readonly Command _command = command;

    public Audit Audit { get; } = audit;

    /// <summary>Its collector; null unless the audit is Indelible's.</summary>
    public Collector? Collector { get; private set; }

    /// <summary>What a client program of PostgreSQL needs to reach it.</summary>
    public string[] ClientOptions => ["-h", _server.SocketDirectory, "-p", $"{_server.Port}", "-U", "postgres"];

    /// <summary>Where the server may write a file.</summary>
    public string CopyFile => Path.Combine(_server.DataDirectory, "bench.copy");

    /// <summary>Its first process: those it starts later run on the same cores.</summary>
    public int Postmaster =>
        int.Parse(File.ReadLines(Path.Combine(_server.DataDirectory, "postmaster.pid")).First(), CultureInfo.InvariantCulture);

    /// <summary>A cluster with the tables, stopped, for all servers to begin from.</summary>
    public static async Task<string> MakeTemplateAsync(string root, string directory, int rows, CancellationToken cancellationToken)
    {
        await using AuditedServer whole = await OpenAsync(Audit.All[0], root, directory, template: null, cancellationToken);
        await whole._command.RunProgramAsync("pgbench", cancellationToken, ["-i", "-q", "-s", "1", .. whole.ClientOptions, "postgres"]);
        await whole.ExecuteAsync(cancellationToken, Tables, $"INSERT INTO customers SELECT {Customer} FROM generate_series(1, {rows}) n",
            $"INSERT INTO elsewhere SELECT n, 'note', n FROM generate_series(1, {rows}) n");
        await whole.ExecuteAsync(cancellationToken, "VACUUM ANALYZE");
        return whole._server.DataDirectory;
    }

    /// <summary>A server that begins from the template.</summary>
    public static async Task<AuditedServer> StartAsync(
        Audit audit, string root, string directory, string template, CancellationToken cancellationToken)
    {
        AuditedServer server = await OpenAsync(audit, root, directory, template, cancellationToken);
        await server.PrepareAsync(cancellationToken);
        return server;
    }

    private static async Task<AuditedServer> OpenAsync(
        Audit audit, string root, string directory, string? template, CancellationToken cancellationToken)
    {
        // The server's user copies the template there; the ledger beside it is this user's.
        DirectoryInfo writable = Directory.CreateDirectory(Path.Combine(directory, "server"));
        writable.UnixFileMode |= UnixFileMode.OtherWrite | UnixFileMode.OtherExecute | UnixFileMode.GroupExecute;
        PrivatePostgres server = await PrivatePostgres.StartAsync(new PrivatePostgresOptions
        {
            Password = Guid.NewGuid().ToString("N"),
            DataDirectory = Path.Combine(writable.FullName, "postgres"),
            Durable = true,
            Template = template,
            WalLevel = audit.Settings["wal_level"],
            Settings = new Dictionary<string, string>(audit.Settings)
                { ["shared_buffers"] = "256MB", ["max_wal_size"] = "4GB", ["checkpoint_timeout"] = "1h", ["autovacuum"] = "off",
                    ["synchronous_commit"] = "off" },
        }, cancellationToken);
        return new AuditedServer(audit, server, new Command(root, directory));
    }

    /// <summary>Runs statements in one session, each by itself.</summary>
    public async Task ExecuteAsync(CancellationToken cancellationToken, params string[] statements)
    {
        await using var connection = new NpgsqlConnection(_server.SocketConnectionString() + ";Pooling=false;Command Timeout=0");
        await connection.OpenAsync(cancellationToken);
        foreach (string text in statements)
        {
            await using var statement = new NpgsqlCommand(text, connection);
            await statement.ExecuteNonQueryAsync(cancellationToken);
        }
    }

    /// <summary>The end of its log.</summary>
    public async Task<Lsn> EndAsync(CancellationToken cancellationToken)
    {
        await using var connection = new NpgsqlConnection(_server.SocketConnectionString() + ";Pooling=false");
        await connection.OpenAsync(cancellationToken);
        await using var statement = new NpgsqlCommand("SELECT pg_current_wal_insert_lsn()::text", connection);
        return Lsn.Parse((string)(await statement.ExecuteScalarAsync(cancellationToken))!);
    }

    public async ValueTask DisposeAsync()
    {
        if (Collector is not null) await Collector.DisposeAsync();
        await _server.DisposeAsync();
    }

    private async Task PrepareAsync(CancellationToken cancellationToken)
    {
        foreach (string statement in Audit.Statements) await ExecuteAsync(cancellationToken, statement);
        if (Audit.IsIndelible)
        {
            await _command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/source");
            await _command.RunAsync(
                cancellationToken, ["protect", "--source", _server.SocketConnectionString(), "--name", Source.Name, .. Protected]);
            Collector = _command.StartRun();
            await Collector.SealedAsync(await EndAsync(cancellationToken), cancellationToken);
        }
        await ExecuteAsync(cancellationToken, "CHECKPOINT");
    }
}
