using System.Security.Cryptography;
using System.Text;
using Indelible.Format;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>The private key of a witness or mirror in a file of one line, mode 0600:
/// <c>PRIVATE+KEY+&lt;name&gt;+&lt;hex id&gt;+&lt;base64(4 ‖ seed)&gt;</c>.</summary>
public static class CosignerKeyFile
{
    private const string Prefix = "PRIVATE+KEY+";
    private const int LengthMax = 4096;

    /// <summary>Opens the key, or makes one if there is no file; the caller disposes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Name of the key; must be that in the file.</param>
    /// <exception cref="IndelibleException">Usage: the name cannot be one, or the file holds another key or none,
    /// or others may read it.</exception>
    public static NoteSigner Open(string path, string name)
    {
        if (!Checkpoint.IsOrigin(name))
        {
            throw new IndelibleException(ExitCode.Usage,
                $"expected the name of a key without spaces and plus signs, such as witness.example.org/one, found '{name}'");
        }
        return Path.Exists(path) ? Read(path, name) : Make(path, name);
    }

    private static NoteSigner Make(string path, string name)
    {
        byte[] seed = RandomNumberGenerator.GetBytes(NoteSigner.SeedSize);
        NoteSigner signer = NoteSigner.CosignerFromSeed(name, seed);
        DurableFile.MakeSecretDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        MasterKeyFile.Create(
            path, $"{Prefix}{name}+{signer.VerifierKey.Id:x8}+{Convert.ToBase64String([VerifierKey.CosignatureType, .. seed])}\n");
        CryptographicOperations.ZeroMemory(seed);
        return signer;
    }

    private static NoteSigner Read(string path, string name)
    {
        string text = MasterKeyFile.Read(path).TrimEnd('\n');
        string[] parts = text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length <= LengthMax
            ? text[Prefix.Length..].Split('+', 3) : [];
        byte[] key = new byte[1 + NoteSigner.SeedSize];
        bool isKey = parts.Length == 3 && Convert.TryFromBase64String(parts[2], key, out int length) && length == key.Length
            && key[0] == VerifierKey.CosignatureType;
        if (!isKey)
        {
            throw new IndelibleException(ExitCode.Usage,
                $"{path}: expected the private key of a witness or mirror, {Prefix}<name>+<id>+<base64>, found something else");
        }
        NoteSigner signer = NoteSigner.CosignerFromSeed(parts[0], key.AsSpan(1));
        CryptographicOperations.ZeroMemory(key);
        if (signer.VerifierKey.Name == name
            && parts[1] == signer.VerifierKey.Id.ToString("x8", System.Globalization.CultureInfo.InvariantCulture)) return signer;
        signer.Dispose();
        throw new IndelibleException(
            ExitCode.Usage, $"{path}: expected the key named '{name}', found that of '{parts[0]}'; a key is never given another name");
    }
}
