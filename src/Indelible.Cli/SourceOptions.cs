using System.CommandLine;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>How commands name a source and get at it with its owner's rights.</summary>
internal static class SourceOptions
{
    public static readonly Option<string> Source = new("--source")
    {
        Description = "The owner's connection (Host=…;Database=…;Username=… or postgres://…), or the name of a configured source",
        HelpName = "CONNECTION",
        Required = true,
    };

    public static readonly Option<string?> Name =
        new("--name") { Description = "Short name of the source; default: its database's name", HelpName = "NAME" };
    public static readonly Option<string?> PasswordFile =
        new("--password-file") { Description = "File whose first line is the owner's password", HelpName = "FILE" };
    public static readonly Option<string?> PasswordEnvironment = new("--password-env")
    {
        Description = "Environment variable that holds the owner's password; PGPASSWORD works without this",
        HelpName = "VARIABLE",
    };

    /// <summary>The same call with the password read: once, and here, where a pipe is the caller's;
    /// the process of `run` has other ones.</summary>
    public static Invocation WithPassword(ParseResult parse, Invocation invocation)
    {
        if (parse.GetValue(PasswordFile) is not { } file || invocation.Variable(PasswordFile.Name) is not null) return invocation;
        string password = SourceConnections.ReadPassword(invocation.Resolve(file), mayBePipe: true);
        return invocation with { Environment = new Dictionary<string, string>(invocation.Environment) { [PasswordFile.Name] = password } };
    }

    /// <summary>Short name, and connection with the owner's rights.</summary>
    public static (string Name, SourceConnection Owner) Owner(ParseResult parse, Invocation invocation, IndelibleConfig config) =>
        Connection(parse.GetValue(Source)!, parse.GetValue(Name), parse, invocation, config);

    /// <summary>Short name and connection for what was given with --source.</summary>
    public static (string Name, SourceConnection Connection) Connection(
        string given, string? name, ParseResult parse, Invocation invocation, IndelibleConfig config)
    {
        if (!given.Contains('=', StringComparison.Ordinal) && !given.Contains("://", StringComparison.Ordinal))
        {
            return config.Sources.TryGetValue(given, out SourceConfig? known)
                ? (given, Parse(known.Connection, Password(parse, invocation) ?? SourceConnections.Password(known), invocation))
                : throw new IndelibleException(ExitCode.Usage,
                    $"--source: expected a connection such as 'Host=db;Database=crm;Username=owner', or {Known(config)}, found '{given}'");
        }
        SourceConnection owner = Parse(given, Password(parse, invocation), invocation);
        name ??= config.Sources.FirstOrDefault(source => SameDatabase(source.Value, owner)).Key ?? SourceName.From(owner.Database);
        SourceName.Check(name);
        return (name, owner);
    }

    /// <summary>PGPASSWORD counts where nothing else gives a password: it may be meant for another server.</summary>
    private static SourceConnection Parse(string text, string? password, Invocation invocation)
    {
        try
        {
            return SourceConnection.Parse(text, password).OrPassword(invocation.Variable("PGPASSWORD"));
        }
        catch (FormatException e)
        {
            throw new IndelibleException(ExitCode.Usage, $"--source: {e.Message}", e);
        }
    }

    /// <summary>The one that an option names; null if none does.</summary>
    private static string? Password(ParseResult parse, Invocation invocation)
    {
        if (parse.GetValue(PasswordFile) is not null) return invocation.Variable(PasswordFile.Name);
        if (parse.GetValue(PasswordEnvironment) is not { } variable) return null;
        return invocation.Variable(variable) ?? System.Environment.GetEnvironmentVariable(variable)
            ?? throw new IndelibleException(
                ExitCode.Usage, $"--password-env: expected a password in the environment variable {variable}, found none");
    }

    private static bool SameDatabase(SourceConfig source, SourceConnection connection)
    {
        SourceConnection known = SourceConnections.Of(source);
        return (known.Host, known.Port, known.Database) == (connection.Host, connection.Port, connection.Database);
    }

    private static string Known(IndelibleConfig config) => config.Sources.Count == 0
        ? "the name of a configured source, of which there is none yet"
        : $"one of {string.Join(", ", config.Sources.Keys)}";
}
