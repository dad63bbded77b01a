using System.Text;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>The master key's file: small, mode 0600, written once.</summary>
internal static class MasterKeyFile
{
    private const int LengthMax = 1024;

    /// <summary>The file's text; refuses a file that others may touch.</summary>
    public static string Read(string path) => Encoding.UTF8.GetString(TryRead(path) ?? throw new IndelibleException(ExitCode.Usage,
        $"no master key: expected it in the file {path}; point {MasterKey.FileVariable} at the file, "
            + $"put the key into {MasterKey.ValueVariable}, or make a new ledger with 'indelible init'"));

    /// <summary>Creates the file, durable when it returns; refuses to replace one.</summary>
    public static void Create(string path, string text)
    {
        if (Path.Exists(path))
        {
            throw new IndelibleException(ExitCode.Usage, $"expected no file at {path}, found one: a master key is never replaced");
        }
        DurableFile.WriteNew(path, Encoding.UTF8.GetBytes(text), DurableFile.SecretMode);
        DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    private static byte[]? TryRead(string path)
    {
        try
        {
            return DurableFile.TryReadSecret(path, LengthMax);
        }
        catch (Exception inner) when (inner is IOException or UnauthorizedAccessException)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"cannot read the master key in {Path.GetFullPath(path)} as user {Environment.UserName}: {inner.Message}", inner);
        }
    }
}
