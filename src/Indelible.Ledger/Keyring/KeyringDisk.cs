namespace Indelible.Ledger;

/// <summary>The keyring's small files: mode 0600, replaced whole, durable when written.</summary>
internal static class KeyringDisk
{
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    public static byte[] Read(string path, int lengthMax)
    {
        FileInfo file = new(path);
        if (file.Length > lengthMax) throw KeyringFile.Damaged(path, $"expected at most {lengthMax} bytes, found {file.Length}");
        byte[] bytes = new byte[file.Length];
        using Stream stream = file.OpenRead();
        stream.ReadExactly(bytes);
        return bytes;
    }

    public static void CreateNew(string path, ReadOnlySpan<byte> bytes)
    {
        using Stream stream = new FileInfo(path).Open(new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = OwnerOnly });
        stream.Write(bytes);
    }

    public static void Replace(string path, ReadOnlySpan<byte> bytes)
    {
        string temporary = path + ".new";
        new FileInfo(temporary).Delete();
        CreateNew(temporary, bytes);
        new FileInfo(temporary).MoveTo(path, overwrite: true);
    }
}
