using System.Globalization;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Reads the URL form of a connection string.
/// https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS.</summary>
internal static class ConnectionUrl
{
    /// <summary>One host only. Throws <see cref="FormatException"/> without repeating the URL, which may hold a password.</summary>
    public static NpgsqlConnectionStringBuilder Parse(string text)
    {
        if (!Uri.TryCreate(text, UriKind.Absolute, out Uri? url))
        {
            throw new FormatException("expected a URL such as postgres://user@host:5432/database, found something that is not a URL");
        }
        try
        {
            return Settings(url);
        }
        catch (ArgumentException e)     // the driver's; it may repeat the value
        {
            throw new FormatException(
                "expected a URL such as postgres://user@host:5432/database, "
                    + "found one with a part that cannot be: a zero byte, or a port out of range", e);
        }
    }

    private static NpgsqlConnectionStringBuilder Settings(Uri url)
    {
        NpgsqlConnectionStringBuilder settings = [];
        if (url.Host.Length > 0) settings.Host = Uri.UnescapeDataString(url.Host.Trim('[', ']'));
        if (url.Port > 0) settings.Port = url.Port;
        if (url.AbsolutePath.Length > 1) settings.Database = Uri.UnescapeDataString(url.AbsolutePath[1..]);
        ApplyUser(settings, url.UserInfo);
        foreach (string pair in url.Query.TrimStart('?').Split('&', StringSplitOptions.RemoveEmptyEntries)) ApplyParameter(settings, pair);
        return settings;
    }

    private static void ApplyUser(NpgsqlConnectionStringBuilder settings, string userInfo)
    {
        if (userInfo.Length == 0) return;
        string[] parts = userInfo.Split(':', 2);
        settings.Username = Uri.UnescapeDataString(parts[0]);
        if (parts.Length == 2) settings.Password = Uri.UnescapeDataString(parts[1]);
    }

    private static void ApplyParameter(NpgsqlConnectionStringBuilder settings, string pair)
    {
        string[] parts = pair.Split('=', 2);
        string name = Uri.UnescapeDataString(parts[0]);
        string value = parts.Length == 2 ? Uri.UnescapeDataString(parts[1]) : "";
        try
        {
            settings[Keyword(name)] = name == "sslmode" ? value.Replace("-", "", StringComparison.Ordinal) : Number(name, value);
        }
        catch (Exception e)
            when (e is ArgumentException or KeyNotFoundException or InvalidCastException or OverflowException or FormatException)
        {
            throw new FormatException($"expected a connection parameter that is known, found '{name}' in the URL", e);
        }
    }

    private static object Number(string name, string value) =>
        name is "port" or "connect_timeout" && int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            ? number
            : value;

    private static string Keyword(string name) => name switch
    {
        "dbname" => "Database",
        "user" => "Username",
        "sslmode" => "SSL Mode",
        "sslrootcert" => "Root Certificate",
        "sslcert" => "SSL Certificate",
        "sslkey" => "SSL Key",
        "sslpassword" => "SSL Password",
        "connect_timeout" => "Timeout",
        "application_name" => "Application Name",
        "options" => "Options",
        "passfile" => "Passfile",
        _ => name,
    };
}
