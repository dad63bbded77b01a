using System.Globalization;
using System.Text;
using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>Remembers, beside the keys, the highest head this key ever published: an old copy of the ledger is noticed.
/// Text, one value a line.</summary>
/// <param name="directory">The keyring directory.</param>
public sealed class Guard(string directory)
{
    private const string Header = "indelible guard v1";
    private const int LengthMax = 1024;

    /// <summary>The file.</summary>
    public string FilePath { get; } = Path.Combine(directory, "guard");

    /// <summary>The head remembered; null if there is no guard file.
    /// Throws <see cref="LedgerCorruptException"/> if it is not one of this origin.</summary>
    public GuardedHead? Read(string origin)
    {
        byte[]? content = DurableFile.TryReadAll(FilePath, LengthMax);
        if (content is null) return null;
        string[] lines = Encoding.UTF8.GetString(content).Split('\n');
        Span<byte> root = stackalloc byte[Hash.Size];
        if (lines.Length != 5 || lines[0] != Header || lines[1] != origin
            || !long.TryParse(lines[2], NumberStyles.None, CultureInfo.InvariantCulture, out long size) || size > Tree.SizeMax
            || !Convert.TryFromBase64String(lines[3], root, out int length) || length != Hash.Size
            || !Text(origin, size, Hash.Read(root)).AsSpan().SequenceEqual(content))
        {
            throw new LedgerCorruptException(FilePath, 0, $"expected the lines '{Header}', '{origin}', tree size, root hash");
        }
        return new GuardedHead(size, Hash.Read(root));
    }

    /// <summary>Remembers a head; durable when it returns. Called before a checkpoint of that size is visible.</summary>
    public void Write(string origin, GuardedHead head)
    {
        DurableFile.MakeSecretDirectory(directory);
        DurableFile.ReplaceSecret(FilePath, Text(origin, head.Size, head.Root));
    }

    private static byte[] Text(string origin, long size, Hash root) =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Header}\n{origin}\n{size}\n{root}\n"));
}

/// <summary>A tree size and its root hash.</summary>
public readonly record struct GuardedHead(long Size, Hash Root);
