using System.Security.Cryptography;
using System.Text;
using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>The secret that opens a keyring: 32 bytes, kept apart from the ledger and from the keyring's backup.
/// Owned by whoever loaded it.</summary>
public sealed class MasterKey : IDisposable
{
    /// <summary>Length of the key, in bytes.</summary>
    public const int Size = 32;

    /// <summary>Environment variable that holds the key itself: 64 hex digits, or base64 of 32 bytes.</summary>
    public const string ValueVariable = "INDELIBLE_MASTER_KEY";

    /// <summary>Environment variable that holds the path of the key's file.</summary>
    public const string FileVariable = "INDELIBLE_MASTER_KEY_FILE";

    /// <summary>The file's name inside the keyring directory, where no variable says otherwise.</summary>
    public const string FileName = "master.key";

    private const string NextExtension = ".next";
    private readonly byte[] key;

    private MasterKey(byte[] key) => this.key = key;

    /// <summary>A new random key. Save it before anything is made with it.</summary>
    public static MasterKey Generate() => new(RandomNumberGenerator.GetBytes(Size));

    /// <summary>Finds the key: <see cref="ValueVariable"/>, else the file of <see cref="FileVariable"/>,
    /// else <see cref="FileName"/> in the keyring directory.</summary>
    /// <exception cref="IndelibleException">Usage: no key, a malformed one, or a file that others may read.</exception>
    public static MasterKey Load(string keyringDirectory)
    {
        TakeNext(keyringDirectory);
        return Load(keyringDirectory, Environment.GetEnvironmentVariable);
    }

    /// <summary>Makes the key that is to follow this keyring's, in a file beside it, unless an attempt that was stopped made one.</summary>
    /// <exception cref="IndelibleException">Usage: the master key is not in a file.</exception>
    public static MasterKey Next(string keyringDirectory)
    {
        if (Environment.GetEnvironmentVariable(ValueVariable) is { Length: > 0 })
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected the master key in a file, found it in {ValueVariable}: "
                    + $"put it into a file that {FileVariable} names, and try again");
        }
        string path = DefaultPath(keyringDirectory) + NextExtension;
        if (Path.Exists(path)) return Parse(MasterKeyFile.Read(path), path);
        MasterKey made = Generate();
        made.Save(path);
        return made;
    }

    /// <summary>Puts the next key into the place of the one before, once the keyring opens with it.</summary>
    public static void TakeNext(string keyringDirectory)
    {
        if (Environment.GetEnvironmentVariable(ValueVariable) is { Length: > 0 }) return;
        string path = DefaultPath(keyringDirectory), next = path + NextExtension;
        if (!Path.Exists(next) || !Keyring.Exists(keyringDirectory)) return;
        using MasterKey key = Parse(MasterKeyFile.Read(next), next);
        if (!Keyring.IsOpenedBy(keyringDirectory, key)) return;
        DurableFile.ReplaceSecret(path, Encoding.UTF8.GetBytes(Convert.ToHexStringLower(key.key) + "\n"));
        DurableFile.Delete(next);
        DurableFile.SyncDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    internal static MasterKey Load(string keyringDirectory, Func<string, string?> environment)
    {
        if (environment(ValueVariable) is { Length: > 0 } value) return Parse(value, $"the environment variable {ValueVariable}");
        string path = PathOf(keyringDirectory, environment);
        return Parse(MasterKeyFile.Read(path), path);
    }

    /// <summary>True if <see cref="Load(string)"/> would find a key, well-formed or not.</summary>
    public static bool Exists(string keyringDirectory) =>
        Environment.GetEnvironmentVariable(ValueVariable) is { Length: > 0 }
        || Path.Exists(PathOf(keyringDirectory, Environment.GetEnvironmentVariable));

    /// <summary>Writes the key as 64 hex digits into a new file that only its owner may read. Refuses to replace a file.</summary>
    public void Save(string path) => MasterKeyFile.Create(path, Convert.ToHexStringLower(key) + "\n");

    /// <summary>Where <see cref="Load(string)"/> looks for the key's file.</summary>
    public static string DefaultPath(string keyringDirectory) => PathOf(keyringDirectory, Environment.GetEnvironmentVariable);

    /// <inheritdoc/>
    public void Dispose() => CryptographicOperations.ZeroMemory(key);

    /// <summary>HKDF-SHA256 of the key for one purpose. The label separates purposes, the context separates keyrings and epochs.</summary>
    internal void Derive(string label, string origin, uint epoch, Span<byte> derived)
    {
        byte[] info = Encoding.UTF8.GetBytes($"indelible/{label}/{epoch}/{origin}");
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key, derived, salt: default, info);
    }

    private static string PathOf(string keyringDirectory, Func<string, string?> environment) =>
        environment(FileVariable) is { Length: > 0 } path ? path : Path.Combine(keyringDirectory, FileName);

    private static MasterKey Parse(string text, string where)
    {
        ReadOnlySpan<char> trimmed = text.AsSpan().Trim();
        byte[] key = new byte[Size];
        if (trimmed.Length == Size * 2
            && Convert.FromHexString(trimmed, key, out _, out int written) == System.Buffers.OperationStatus.Done && written == Size)
        {
            return new MasterKey(key);
        }
        if (trimmed.Length == 44 && Convert.TryFromBase64Chars(trimmed, key, out written) && written == Size) return new MasterKey(key);
        throw new IndelibleException(ExitCode.Usage,
            $"expected a master key of 64 hex digits or base64 of 32 bytes, found {trimmed.Length} other characters in {where}");
    }
}
