using System.Globalization;
using Indelible.Server.Demo;
using Npgsql;

namespace Indelible.Testing;

/// <summary>A private PostgreSQL server for tests: fast, not durable, gone when disposed of. Give every test its own database.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    private const string Password = "superuser-test-password";
    private static readonly Lazy<Task<string>> Template = new(MakeTemplateAsync);
    private int _databases;

    private PostgresServer(PrivatePostgres server) => Private = server;

    /// <summary>The server beneath: Stop, Kill, Start, Restart.</summary>
    public PrivatePostgres Private { get; }

    /// <summary>Connection string of the superuser to the database <c>postgres</c>, over loopback TCP with a password.</summary>
    public string ConnectionString => Private.ConnectionString();

    /// <summary>Starts a server; <c>wal_level</c> is logical unless told otherwise.</summary>
    /// <param name="walLevel">The wal_level setting.</param>
    /// <param name="settings">Further settings.</param>
    /// <param name="isFresh">True for a cluster with a system identifier of its own; others are copies of one, which is quicker.</param>
    public static async Task<PostgresServer> StartAsync(
        string walLevel = "logical", IReadOnlyDictionary<string, string>? settings = null, bool isFresh = false)
    {
        var options = new PrivatePostgresOptions
        {
            Password = Password,
            WalLevel = walLevel,
            Settings = settings ?? new Dictionary<string, string>(),
            Template = isFresh ? null : await Template.Value,
        };
        return new PostgresServer(await PrivatePostgres.StartAsync(options, CancellationToken.None));
    }

    /// <summary>PostgreSQL's major version, such as 15.</summary>
    public async Task<int> MajorVersionAsync() =>
        int.Parse((await QueryAsync(ConnectionString, "SHOW server_version_num"))[0]!, CultureInfo.InvariantCulture) / 10_000;

    /// <summary>Makes an empty database and returns the superuser's connection string to it.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        string name = $"test{Interlocked.Increment(ref _databases)}";
        await ExecuteAsync(ConnectionString, $"CREATE DATABASE {name}");
        return Private.ConnectionString(name);
    }

    /// <summary>An open connection, unpooled, of the superuser or of what the string says.</summary>
    public async Task<NpgsqlConnection> ConnectAsync(string? connectionString = null)
    {
        var connection = new NpgsqlConnection(
            new NpgsqlConnectionStringBuilder(connectionString ?? ConnectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        return connection;
    }

    /// <summary>Runs statements, each in its own implicit transaction, in one session of its own.</summary>
    public async Task ExecuteAsync(string connectionString, params string[] statements)
    {
        await using NpgsqlConnection connection = await ConnectAsync(connectionString);
        foreach (string statement in statements)
        {
            await using var command = new NpgsqlCommand(statement, connection) { CommandTimeout = (int)Patience.Max.TotalSeconds };
            await command.ExecuteNonQueryAsync();
        }
    }

    /// <summary>The first column of every row, as text; null for NULL.</summary>
    public async Task<List<string?>> QueryAsync(string connectionString, string query)
    {
        await using NpgsqlConnection connection = await ConnectAsync(connectionString);
        return await QueryAsync(connection, query);
    }

    /// <summary>The first column of the first row, as text; null for NULL. What is asked again and again is asked in one session:
    /// beginning one takes the server longer than most answers.</summary>
    public static async Task<string?> AskAsync(NpgsqlConnection session, string query) => (await QueryAsync(session, query))[0];

    private static async Task<List<string?>> QueryAsync(NpgsqlConnection connection, string query)
    {
        await using var command = new NpgsqlCommand(query, connection) { AllResultTypesAreUnknown = true };
        await using NpgsqlDataReader reader = await command.ExecuteReaderAsync();
        var values = new List<string?>();
        while (await reader.ReadAsync()) values.Add(await reader.IsDBNullAsync(0) ? null : reader.GetString(0));
        return values;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => Private.DisposeAsync();

    /// <summary>A cluster that was started and stopped once; it goes with this process.</summary>
    private static async Task<string> MakeTemplateAsync()
    {
        string home = Directory.CreateTempSubdirectory("indelible-cluster-").FullName;
        File.SetUnixFileMode(home, File.GetUnixFileMode(home) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
        AppDomain.CurrentDomain.ProcessExit += (_, _) => Directory.Delete(home, recursive: true);
        string cluster = Path.Combine(home, "data");
        await using (await PrivatePostgres.StartAsync(
            new PrivatePostgresOptions { Password = Password, DataDirectory = cluster }, CancellationToken.None)) { }
        return cluster;
    }
}
