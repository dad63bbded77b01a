using System.Text;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>The master key's file: small, mode 0600, written once.</summary>
internal static class MasterKeyFile
{
    private const int LengthMax = 1024;
    private const UnixFileMode Others = UnixFileMode.GroupRead | UnixFileMode.GroupWrite | UnixFileMode.GroupExecute
        | UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute;

    /// <summary>The file's text; refuses a file that anybody but its owner may touch.</summary>
    public static string Read(string path)
    {
        FileInfo file = new(path);
        if (!Path.Exists(path))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"no master key: expected it in the file {path}; point {MasterKey.FileVariable} at the file, put the key into {MasterKey.ValueVariable}, or make a new ledger with 'indelible init'");
        }
        CheckMode(file);
        return Encoding.UTF8.GetString(ReadAll(file));
    }

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

    private static void CheckMode(FileInfo file)
    {
        if (OperatingSystem.IsWindows() || (file.UnixFileMode & Others) == 0) return;
        throw new IndelibleException(ExitCode.Usage,
            $"expected {file.FullName} to be readable by its owner only, found mode {Convert.ToString((int)file.UnixFileMode, 8)}; run: chmod 600 '{file.FullName}'");
    }

    private static byte[] ReadAll(FileInfo file)
    {
        try
        {
            return DurableFile.ReadAll(file.FullName, LengthMax);
        }
        catch (Exception inner) when (inner is IOException or UnauthorizedAccessException)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"cannot read the master key in {file.FullName} as user {Environment.UserName}: {inner.Message}", inner);
        }
    }
}
