using System.Globalization;
using Indelible.Ledger;

namespace Indelible.Simulation.Tests;

/// <summary>How a process ends.</summary>
internal enum Outage
{
    /// <summary>The process dies; what it wrote stays.</summary>
    Kill,
    /// <summary>The machine dies; what was not flushed is lost, whole or in part.</summary>
    PowerCut,
}

/// <summary>The disk of one simulated machine: real files, of which it is known what a power cut would leave.
/// Fails, and ends the process, when told to.</summary>
/// <remarks>RocksDB's own files are not watched: see <see cref="CopySubjects"/>.</remarks>
internal sealed class SimDisk : IDisposable
{
    private const string Index = "index", Subjects = "keyring/subjects";
    /// <summary>Bytes of a write from which on it is a long one.</summary>
    private const int LongMin = 8 << 20;

    private readonly string _home;
    private readonly Random _random;
    private readonly Trace _trace;
    private readonly HashSet<string> _failedFlushes = new(StringComparer.Ordinal);
    private SimNode _root = NewDirectory();
    private (string Log, int Length) _subjectsFlushed = ("", 0);
    private int _machines;
    private int _outageIn, _faultIn;
    private Outage _outage;
    private Outage? _outageAfterLong;
    private int _written;
    private bool _faultAfter;

    public SimDisk(string home, Random random, Trace trace)
    {
        (_home, _random, _trace) = (home, random, trace);
        Root = NewRoot();
        DurableFile.Hook = OnCall;
    }

    /// <summary>Where the files are now. A process that was killed goes on, for a moment, on those it had before,
    /// which answer nothing any more.</summary>
    public string Root { get; private set; }
    /// <summary>Calls that change something, so far.</summary>
    public long Calls { get; private set; }
    /// <summary>Set by an outage until <see cref="Restart"/>.</summary>
    public Outage? Ended { get; private set; }
    /// <summary>The failure that was injected since the last <see cref="Restart"/>; null if none was.</summary>
    public string? Fault { get; private set; }
    /// <summary>What the product must never do, and did; null if nothing.</summary>
    public string? Offence { get; private set; }

    /// <summary>From here on files are watched; what there is, is on the disk.</summary>
    public void Attach()
    {
        _root = NewDirectory();
        Read(_root, Root, "");
    }

    /// <summary>The process ends at the n-th call from now.</summary>
    public void EndIn(int calls, Outage outage) => (_outageIn, _outage) = (calls, outage);

    /// <summary>The process ends right after the next write of many megabytes, which few calls are.</summary>
    public void EndAfterLong(Outage outage) => _outageAfterLong = outage;

    /// <summary>The n-th call from now fails: before it was done, or after.</summary>
    public void FailIn(int calls, bool afterwards) => (_faultIn, _faultAfter) = (calls, afterwards);

    /// <summary>Nothing more ends or fails.</summary>
    public void Disarm() => (_outageIn, _faultIn, _outageAfterLong) = (0, 0, null);

    /// <summary>The process ends now.</summary>
    public void End(Outage outage)
    {
        _trace.Note($"{outage}");
        string before = Root;
        Root = NewRoot();
        Ended = outage;
        if (outage == Outage.Kill)
        {
            CopyAll(before, Root);
            return;
        }
        WriteDurable(_root, before, "");
        string index = Path.Combine(before, Index);
        if (_random.Next(4) > 0 && Directory.Exists(index)) CopyAll(index, Path.Combine(Root, Index));
    }

    /// <summary>Another process begins on what there is.</summary>
    public void Restart()
    {
        if (Ended == Outage.PowerCut) Attach();
        (_outageIn, _faultIn, Ended, Fault) = (0, 0, null, null);
        _failedFlushes.Clear();
    }

    /// <inheritdoc/>
    public void Dispose() => DurableFile.Hook = null;

    private void OnCall(DiskOperation operation, string path, string? target, bool isDone)
    {
        if (path == _home) return;      // no part of the simulated machine
        if (!path.StartsWith(Root, StringComparison.Ordinal)) throw new IOException("the process is gone");
        string name = path.Length == Root.Length ? "" : path[(Root.Length + 1)..];
        if (name.StartsWith(Index, StringComparison.Ordinal)) return;
        if (isDone) Observe(operation, name, target);
        // Blobs are named by what they hold, which is random: how many directories that takes must not count.
        bool isBlob = name.StartsWith("ledger/blobs", StringComparison.Ordinal);
        if (isBlob && operation is DiskOperation.SyncDirectory or DiskOperation.MakeDirectory) return;
        Calls++;
        _trace.Note($"{operation} {(isBlob ? "blob" : name)} {isDone}");
        if (!isDone && operation == DiskOperation.Sync && _failedFlushes.Contains(name))
            Offence ??= $"a flush that failed was tried again: {name}";
        bool isAfterLong = isDone && operation == DiskOperation.Write && _written >= LongMin && _outageAfterLong is not null;
        if (isAfterLong || (_outageIn > 0 && --_outageIn == 0))
        {
            Outage outage = isAfterLong ? _outageAfterLong!.Value : _outage;
            if (isAfterLong) _outageAfterLong = null;
            End(outage);
            throw new IOException("the process is gone");
        }
        if (_faultIn > 0 && isDone == _faultAfter && --_faultIn == 0) Fail(operation, name);
    }

    private void Fail(DiskOperation operation, string name)
    {
        // RocksDB's failures are its own: tests on a small disk have them
        if (operation == DiskOperation.SyncDatabase) return;
        if (operation == DiskOperation.Sync)
        {
            _failedFlushes.Add(name);
            if (!_faultAfter) Find(name)!.Lose();
        }
        bool isFull = operation is DiskOperation.Write or DiskOperation.Create && _random.Next(2) == 0;
        Fault = $"{operation} {name} {(isFull ? "ENOSPC" : "EIO")} {(_faultAfter ? "after" : "before")}";
        _trace.Note($"{Fault}");
        throw new IOException(Fault, isFull ? 28 : 5);
    }

    private void Observe(DiskOperation operation, string name, string? target)
    {
        SimNode directory = Find(Path.GetDirectoryName(name) ?? "")!;
        string last = Path.GetFileName(name);
        switch (operation)
        {
            case DiskOperation.Create: directory.Names[last] = new SimNode(false, File.GetUnixFileMode(Path.Combine(Root, name))); break;
            case DiskOperation.MakeDirectory: if (!directory.Names.ContainsKey(last)) directory.Names[last] = NewDirectory(); break;
            case DiskOperation.Write: Append(directory.Names[last], name); break;
            case DiskOperation.Sync or DiskOperation.SyncDirectory: Find(name)!.Flush(); break;
            case DiskOperation.Link: directory.Names.TryGetValue(last, out SimNode? linked); Find(
                Path.GetDirectoryName(Relative(target!))!)!.Names.TryAdd(Path.GetFileName(target!), linked!); break;
            case DiskOperation.Delete: directory.Names.Remove(last); break;
            case DiskOperation.Rename:
                directory.Names[Path.GetFileName(target!)] = directory.Names[last];
                directory.Names.Remove(last);
                break;
            case DiskOperation.SyncDatabase: _subjectsFlushed = NewestLog(Path.Combine(Root, Subjects)); break;
        }
    }

    private void Append(SimNode node, string name)
    {
        using FileStream file = new(Path.Combine(Root, name), FileMode.Open, FileAccess.Read, FileShare.ReadWrite, bufferSize: 0);
        byte[] added = new byte[checked((int)(file.Length - node.Length))];
        _written = added.Length;
        file.Position = node.Length;
        file.ReadExactly(added);
        node.Append(added);
    }

    private string Relative(string path) => path[(Root.Length + 1)..];

    private SimNode? Find(string name)
    {
        SimNode? node = _root;
        foreach (string part in name.Split('/', StringSplitOptions.RemoveEmptyEntries)) node = node?.Names.GetValueOrDefault(part);
        return node;
    }

    private void Read(SimNode node, string directory, string name)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(directory))
        {
            string inside = Path.Combine(name, Path.GetFileName(path));
            if (inside == Index) continue;
            bool isDirectory = Directory.Exists(path);
            SimNode found = new(isDirectory, File.GetUnixFileMode(path));
            node.Names[Path.GetFileName(path)] = found;
            if (!isDirectory) found.Append(File.ReadAllBytes(path));
            else if (inside != Subjects) Read(found, path, inside);
            found.Flush();
        }
        node.Flush();
    }

    /// <summary>Names as their directory was last flushed; of those that changed since, the disk may have either.</summary>
    private void WriteDurable(SimNode node, string before, string name)
    {
        int how = _random.Next(4);
        foreach (string entry in node.Names.Keys.Union(node.DurableNames.Keys).Order(StringComparer.Ordinal))
        {
            SimNode? now = node.Names.GetValueOrDefault(entry), flushed = node.DurableNames.GetValueOrDefault(entry);
            bool isNow = !ReferenceEquals(now, flushed) && (how == 0 || (how == 1 && _random.Next(2) == 0));
            if ((isNow ? now : flushed) is not { } kept) continue;
            string inside = Path.Combine(name, entry), path = Path.Combine(Root, inside);
            if (inside == Subjects) CopySubjects(Path.Combine(before, inside), path);
            else if (kept.IsDirectory)
            {
                Directory.CreateDirectory(path, kept.Mode);
                WriteDurable(kept, before, inside);
            }
            else
            {
                File.WriteAllBytes(path, kept.AfterPowerCut(_random));
                File.SetUnixFileMode(path, kept.Mode);
            }
        }
    }

    /// <summary>RocksDB flushes tables and manifest before it relies on them.
    /// Of its log everything after the last flush may be lost.</summary>
    private void CopySubjects(string from, string to)
    {
        CopyAll(from, to);
        if (NewestLog(to) is not { Log.Length: > 0 } newest) return;
        int flushed = newest.Log == _subjectsFlushed.Log ? _subjectsFlushed.Length : 0;
        using FileStream log = new(Path.Combine(to, newest.Log), FileMode.Open, FileAccess.ReadWrite);
        log.SetLength(_random.Next(2) == 0 ? flushed : _random.Next(flushed, newest.Length + 1));
    }

    private static (string Log, int Length) NewestLog(string directory) => Directory.EnumerateFiles(directory, "*.log")
        .Select(path => (Log: Path.GetFileName(path), Length: (int)new FileInfo(path).Length)).DefaultIfEmpty(("", 0)).Max();

    /// <summary>As it is at one moment: RocksDB may be merging files meanwhile, and then it is tried again.</summary>
    private static void CopyAll(string from, string to)
    {
        for (string[] before = List(from), after; ; before = after)
        {
            Directory.CreateDirectory(to, File.GetUnixFileMode(from));
            try
            {
                foreach (string path in Directory.EnumerateFiles(from)) File.Copy(path, Path.Combine(to, Path.GetFileName(path)));
                after = List(from);
                if (before.SequenceEqual(after)) break;
            }
            catch (FileNotFoundException)
            {
                after = List(from);
            }
            Directory.Delete(to, recursive: true);
        }
        foreach (string path in Directory.EnumerateDirectories(from)) CopyAll(path, Path.Combine(to, Path.GetFileName(path)));
    }

    private static string[] List(string directory)
    {
        while (true)
        {
            try
            {
                return [.. new DirectoryInfo(directory).EnumerateFiles().Select(file => $"{file.Name} {file.Length}")
                    .Order(StringComparer.Ordinal)];
            }
            catch (FileNotFoundException)
            {
                continue;   // RocksDB removed one between its name and its length
            }
        }
    }

    private string NewRoot() =>
        Directory.CreateDirectory(Path.Combine(_home, (_machines++).ToString("D4", CultureInfo.InvariantCulture))).FullName;

    private static SimNode NewDirectory() => new(true, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
}
