namespace Indelible.Ledger.Tests;

/// <summary>What a power cut would leave: content as last flushed, names as their directory was last flushed.
/// POSIX promises no more.</summary>
internal sealed class DurableDisk
{
    private readonly string _root;
    private readonly Dictionary<string, Inode> _names = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Dictionary<string, Inode>> _durable = new(StringComparer.Ordinal);

    public DurableDisk(string root)
    {
        _root = root;
        foreach (string directory in Directory.EnumerateDirectories(root, "*", SearchOption.AllDirectories))
            _names[directory] = new Inode(null);
        foreach (string file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories))
            _names[file] = new Inode(File.ReadAllBytes(file));
        foreach (string directory in _names.Where(name => name.Value.Content is null).Select(name => name.Key).Append(root).ToList())
            Flush(directory);
    }

    public void Observe(DiskOperation operation, string path, string? target)
    {
        switch (operation)
        {
            case DiskOperation.Create: _names[path] = new Inode([]); break;
            case DiskOperation.MakeDirectory: _names.TryAdd(path, new Inode(null)); break;
            case DiskOperation.Sync: _names[path].Content = File.ReadAllBytes(path); break;
            case DiskOperation.Link: _names.TryAdd(target!, _names[path]); break;
            case DiskOperation.Delete: _names.Remove(path); break;
            case DiskOperation.SyncDirectory: Flush(path); break;
            case DiskOperation.Rename:
                _names[target!] = _names[path];
                _names.Remove(path);
                break;
        }
    }

    /// <summary>Writes what is durable into a new directory.</summary>
    public string AfterPowerCut()
    {
        string root = TestLedger.NewRoot();
        Write(_root, root);
        return root;
    }

    private void Write(string directory, string to)
    {
        foreach ((string path, Inode inode) in _durable.GetValueOrDefault(directory, []))
        {
            string copy = Path.Combine(to, Path.GetFileName(path));
            if (inode.Content is null)
            {
                Directory.CreateDirectory(copy);
                Write(path, copy);
                continue;
            }
            File.WriteAllBytes(copy, inode.Content);
            if (path.Contains("/tile/", StringComparison.Ordinal)) File.SetUnixFileMode(copy, UnixFileMode.UserRead);
        }
    }

    private void Flush(string directory) =>
        _durable[directory] = _names.Where(name => Path.GetDirectoryName(name.Key) == directory).ToDictionary();

    private sealed class Inode(byte[]? content)
    {
        /// <summary>As last flushed; null for a directory.</summary>
        public byte[]? Content { get; set; } = content;
    }
}
