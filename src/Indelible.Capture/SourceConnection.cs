using System.Net;
using Npgsql;

namespace Indelible.Capture;

/// <summary>How to reach a source: host, database, role and TLS, from Npgsql keywords or a <c>postgres://</c> URL.
/// Immutable; never prints a password.</summary>
public sealed class SourceConnection
{
    private readonly NpgsqlConnectionStringBuilder _settings;

    private SourceConnection(NpgsqlConnectionStringBuilder settings) => _settings = settings;

    /// <summary>Host name, address or socket directory.</summary>
    public string Host => _settings.Host ?? "localhost";
    /// <summary>Port.</summary>
    public int Port => _settings.Port;
    /// <summary>Database.</summary>
    public string Database => _settings.Database ?? _settings.Username ?? "";
    /// <summary>Role that connects; empty for Npgsql's default.</summary>
    public string User => _settings.Username ?? "";

    /// <summary>Reads Npgsql keywords (<c>Host=…;Database=…</c>) or a URL (<c>postgres://user@host:5432/db?sslmode=…</c>).</summary>
    /// <param name="text">The connection string.</param>
    /// <param name="password">The password, where it comes from elsewhere than the text or PGPASSWORD and passfile; else null.</param>
    /// <exception cref="FormatException">Neither form; the message never repeats the text, which may hold a password.</exception>
    /// <remarks>TLS is VerifyFull unless the text says otherwise or the host is a Unix socket or a loopback address.</remarks>
    public static SourceConnection Parse(string text, string? password = null)
    {
        NpgsqlConnectionStringBuilder settings = IsUrl(text) ? ConnectionUrl.Parse(text) : Keywords(text);
        // Npgsql's ContainsKey is true for every keyword it knows, set or not.
        if (!settings.ShouldSerialize("SSL Mode")) settings.SslMode = IsLocal(settings.Host) ? SslMode.Prefer : SslMode.VerifyFull;
        if (password is not null) settings.Password = password;
        settings.ApplicationName ??= "indelible";
        return new SourceConnection(settings);
    }

    /// <summary>The same source under another role.</summary>
    public SourceConnection As(string user, string? password)
    {
        NpgsqlConnectionStringBuilder settings = new(_settings.ConnectionString) { Username = user, Password = password };
        return new SourceConnection(settings);
    }

    /// <summary>The same, with this password where none was given; null changes nothing.</summary>
    public SourceConnection OrPassword(string? password) =>
        password is null || !string.IsNullOrEmpty(_settings.Password)
            ? this
            : new SourceConnection(new NpgsqlConnectionStringBuilder(_settings.ConnectionString) { Password = password });

    /// <summary>Npgsql keywords without passwords: fit for a configuration file.</summary>
    public string ToText()
    {
        NpgsqlConnectionStringBuilder settings = new(_settings.ConnectionString);
        settings.Remove("Password");
        settings.Remove("SSL Password");
        return settings.ConnectionString;
    }

    /// <summary>Opens an ordinary connection with the output settings pinned (<see cref="PinnedSettings"/>).</summary>
    /// <exception cref="NpgsqlException">The server cannot be reached or refuses.</exception>
    public Task<NpgsqlConnection> OpenAsync(CancellationToken cancellationToken) =>
        OpenAsync(PinnedSettings.Apply(_settings, pooling: false), cancellationToken);

    /// <summary>Opens a connection that finds tables by the role's own search path.
    /// Values read over it would not print as those in the log do.</summary>
    internal Task<NpgsqlConnection> OpenForNamesAsync(CancellationToken cancellationToken) =>
        OpenAsync(PinnedSettings.Apply(_settings, pooling: false, ownSearchPath: true), cancellationToken);

    private static async Task<NpgsqlConnection> OpenAsync(string text, CancellationToken cancellationToken)
    {
        NpgsqlConnection connection = new(text);
        try
        {
            await connection.OpenAsync(cancellationToken);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Connection string for a replication connection, settings pinned. Holds the password.</summary>
    internal string ReplicationText() => PinnedSettings.Apply(_settings, pooling: false);

    /// <summary><c>user@host:port/database</c>: fit for messages and logs.</summary>
    public override string ToString() => $"{User}@{Host}:{Port}/{Database}";

    private static bool IsUrl(string text) =>
        text.StartsWith("postgres://", StringComparison.OrdinalIgnoreCase)
            || text.StartsWith("postgresql://", StringComparison.OrdinalIgnoreCase);

    private static NpgsqlConnectionStringBuilder Keywords(string text)
    {
        try
        {
            return new NpgsqlConnectionStringBuilder(text);
        }
        catch (KeyNotFoundException e)      // of a keyword without a value
        {
            throw new FormatException(
                "expected a connection string such as Host=db.example;Database=clinic;Username=indelible or a postgres:// URL, "
                    + "found a keyword that is not known", e);
        }
        catch (Exception e) when (e is ArgumentException or InvalidCastException or OverflowException)
        {
            // Npgsql names the keyword, never a value.
            throw new FormatException(
                "expected a connection string such as Host=db.example;Database=clinic;Username=indelible "
                    + $"or a postgres:// URL: {WithoutParameter(e.Message)}", e);
        }
    }

    /// <summary>Without what .NET appends for programmers: <c>(Parameter 'hst')</c>.</summary>
    private static string WithoutParameter(string message) => message.Split(" (Parameter", 2)[0];

    private static bool IsLocal(string? host) =>
        string.IsNullOrEmpty(host) || host.StartsWith('/') || host.StartsWith('@') || host == "localhost"
        || (IPAddress.TryParse(host, out IPAddress? address) && IPAddress.IsLoopback(address));
}
