using Indelible.Format;

namespace Indelible.Cli.Demo;

/// <summary>What somebody with root on the ledger's host would try, on a copy.</summary>
#pragma warning disable RS0030 // the one place that damages a ledger on purpose: a copy of the demo's own
internal static class Tampering
{
    /// <summary>Copies a ledger and changes one byte of one entry in it; returns what was done, in words.</summary>
    public static string CopyAndAlter(string ledger, string copy)
    {
        foreach (string path in Directory.EnumerateFiles(ledger, "*", SearchOption.AllDirectories))
        {
            string target = Path.Combine(copy, Path.GetRelativePath(ledger, path));
            Directory.CreateDirectory(Path.GetDirectoryName(target)!);
            File.Copy(path, target, overwrite: true);
        }
        string bundle = Directory.EnumerateFiles(Path.Combine(copy, "tile", "entries"), "*", SearchOption.AllDirectories)
            .OrderBy(path => path, StringComparer.Ordinal).FirstOrDefault()
            ?? throw new IndelibleException(ExitCode.Environment, $"expected entry bundles in {copy}, found none");
        File.SetUnixFileMode(bundle, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        byte[] bytes = File.ReadAllBytes(bundle);
        int place = bytes.Length / 2;
        bytes[place] ^= 0x01;
        File.WriteAllBytes(bundle, bytes);
        return $"one bit, byte {place} of {Path.GetRelativePath(copy, bundle)}";
    }
}
#pragma warning restore RS0030
