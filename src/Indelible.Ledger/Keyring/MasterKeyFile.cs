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
        if (!file.Exists)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"no master key: expected it in the file {path}; point {MasterKey.FileVariable} at the file, put the key into {MasterKey.ValueVariable}, or make a new ledger with 'indelible init'");
        }
        CheckMode(file);
        if (file.Length > LengthMax)
        {
            throw new IndelibleException(ExitCode.Usage, $"expected a master key in {path}, found a file of {file.Length} bytes");
        }
        using Stream stream = Open(file);
        using StreamReader reader = new(stream, Encoding.UTF8);
        return reader.ReadToEnd();
    }

    /// <summary>Creates the file, durable when it returns; refuses to replace one.</summary>
    public static void Create(string path, string text)
    {
        if (Path.Exists(path))
        {
            throw new IndelibleException(ExitCode.Usage, $"expected no file at {path}, found one: a master key is never replaced");
        }
        KeyringDisk.CreateNew(path, Encoding.UTF8.GetBytes(text));
    }

    private static void CheckMode(FileInfo file)
    {
        if (OperatingSystem.IsWindows() || (file.UnixFileMode & Others) == 0) return;
        throw new IndelibleException(ExitCode.Usage,
            $"expected {file.FullName} to be readable by its owner only, found mode {Convert.ToString((int)file.UnixFileMode, 8)}; run: chmod 600 '{file.FullName}'");
    }

    private static Stream Open(FileInfo file)
    {
        try
        {
            return file.OpenRead();
        }
        catch (UnauthorizedAccessException inner)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"cannot read the master key in {file.FullName}: permission denied for user {Environment.UserName}", inner);
        }
    }
}
