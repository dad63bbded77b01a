using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Connections of configured sources, with passwords from where the configuration says.</summary>
public static class SourceConnections
{
    private const int PasswordLengthMax = 4096;

    /// <summary>The capture role's connection.</summary>
    public static SourceConnection Of(SourceConfig source)
    {
        try
        {
            return SourceConnection.Parse(source.Connection, Password(source));
        }
        catch (FormatException e)
        {
            throw new IndelibleException(ExitCode.Usage, $"sources: connection: {e.Message}", e);
        }
    }

    /// <summary>The configured password; null if none is configured (PGPASSWORD and the password file of PostgreSQL still apply).</summary>
    public static string? Password(SourceConfig source)
    {
        if (source.PasswordFile is { } file) return ReadPassword(file);
        if (source.PasswordEnvironment is not { } variable) return null;
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } password
            ? password
            : throw new IndelibleException(ExitCode.Usage, $"expected a password in the environment variable {variable}, found none");
    }

    /// <summary>The first line of a file; refuses a file that others may touch.</summary>
    /// <param name="file">Its path.</param>
    /// <param name="mayBePipe">Whether it is read only once, so that a pipe will do.</param>
    public static string ReadPassword(string file, bool mayBePipe = false)
    {
        byte[] bytes = DurableFile.TryReadSecret(file, PasswordLengthMax, mayBePipe)
            ?? throw new IndelibleException(ExitCode.Usage, $"expected a file with a secret, found none: {file}");
        string line = Encoding.UTF8.GetString(bytes).Split('\n')[0].TrimEnd('\r');
        return line.Length > 0
            ? line
            : throw new IndelibleException(ExitCode.Usage, $"expected a secret in the first line of {file}, found nothing");
    }
}
