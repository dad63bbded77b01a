using System.Runtime.InteropServices;

namespace Indelible.Ledger.Rocks;

/// <summary>How far a write reaches before it returns.</summary>
public enum WriteMode
{
    /// <summary>In the database's log, as far as the operating system: survives the process.</summary>
    Logged,

    /// <summary>In the database's log, flushed, with all that was logged before: survives a power cut.</summary>
    Synced,

    /// <summary>In memory only, until the tables there are written out.</summary>
    Unlogged,
}

/// <summary>An open RocksDB database, over RocksDB's own C functions. Any number of threads.
/// Whoever opened it disposes it, once no call is under way.</summary>
/// <remarks>A family goes by its place in the list it was opened with.
/// What RocksDB refuses is thrown as <see cref="RocksDbException"/>.</remarks>
public sealed unsafe class RocksDb : IDisposable
{
    /// <summary>Name of the family that every database has; the first of each list.</summary>
    public const string DefaultFamily = "default";

    /// <summary>What a read does that asks for nothing special: the newest, checksums verified, blocks kept in the cache.
    /// Lives as long as the process.</summary>
    private static readonly nint PlainRead = RocksNative.CreateReadOptions();

    private readonly nint[] _families;
    private readonly string[] _familyOptions;
    private nint _handle;

    private RocksDb(string path, nint handle, nint[] families, string[] familyOptions) =>
        (Path, _handle, _families, _familyOptions) = (path, handle, families, familyOptions);

    /// <summary>The directory it was opened from.</summary>
    public string Path { get; }

    /// <summary>True once it is closed.</summary>
    internal bool IsDisposed => _handle == 0;

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Opens a database, or makes it if its options say so.</summary>
    /// <param name="path">Its directory.</param>
    /// <param name="options">Of the database, by the names RocksDB gives them in its OPTIONS files: <c>name=value;</c>.</param>
    /// <param name="cachedBlocks">Bytes of the cache that all families share for blocks they read.</param>
    /// <param name="families">All families it has or is to have, each with its options; the first is <see cref="DefaultFamily"/>.</param>
    /// <exception cref="RocksDbException">It is not there, is damaged, is held by another process, the disk fails,
    /// or an option is not one of RocksDB's.</exception>
    public static RocksDb Open(string path, string options, long cachedBlocks, params ReadOnlySpan<(string Name, string Options)> families)
    {
        nint cache = RocksNative.CreateCache((nuint)cachedBlocks), error = 0;
        nint[] handles = new nint[families.Length], names = new nint[families.Length], familyOptions = new nint[families.Length];
        nint databaseOptions = 0;
        try
        {
            databaseOptions = OptionsOf(options, cache);
            for (int i = 0; i < families.Length; i++)
            {
                names[i] = Marshal.StringToCoTaskMemUTF8(families[i].Name);
                familyOptions[i] = OptionsOf(families[i].Options, cache);
            }
            fixed (nint* namesStart = names, optionsStart = familyOptions, handlesStart = handles)
            {
                nint database = RocksNative.Open(databaseOptions, path, families.Length, namesStart, optionsStart, handlesStart, &error);
                RocksDbException.ThrowIf(error);
                return new RocksDb(path, database, handles, [.. families.ToArray().Select(family => family.Options)]);
            }
        }
        finally
        {
            // RocksDB has copied them, and counts who shares the cache.
            foreach (nint made in familyOptions.Append(databaseOptions).Where(made => made != 0)) RocksNative.DestroyOptions(made);
            RocksNative.DestroyCache(cache);
            foreach (nint name in names) Marshal.FreeCoTaskMem(name);
        }
    }

    /// <summary>Hands a value to <paramref name="read"/> where it lies; null if there is no such record.</summary>
    public T? Get<T>(int family, ReadOnlySpan<byte> key, Func<ReadOnlySpan<byte>, T> read) where T : class
    {
        nint found = Find(family, key);
        if (found == 0) return null;
        try
        {
            return read(ValueOf(found));
        }
        finally
        {
            RocksNative.DestroyValue(found);
        }
    }

    /// <summary>A copy of a value; null if there is no such record.</summary>
    public byte[]? Get(int family, ReadOnlySpan<byte> key) => Get(family, key, static value => value.ToArray());

    /// <summary>Copies a value of known length; false if there is no such record.</summary>
    /// <exception cref="RocksDbException">Corruption: it is of another length.</exception>
    public bool TryGet(int family, ReadOnlySpan<byte> key, Span<byte> value)
    {
        nint found = Find(family, key);
        if (found == 0) return false;
        try
        {
            ReadOnlySpan<byte> bytes = ValueOf(found);
            if (bytes.Length != value.Length)
                throw new RocksDbException($"Corruption: expected a value of {value.Length} bytes, found {bytes.Length}");
            bytes.CopyTo(value);
            return true;
        }
        finally
        {
            RocksNative.DestroyValue(found);
        }
    }

    /// <summary>An empty batch of changes for this database.</summary>
    public WriteBatch NewBatch() => new(this);

    /// <summary>Writes all changes of a batch or none; the batch keeps them.</summary>
    public void Write(WriteBatch batch, WriteMode mode)
    {
        nint database = Handle, changes = batch.Handle, error = 0;
        nint options = RocksNative.CreateWriteOptions();
        RocksNative.SetSync(options, mode == WriteMode.Synced ? (byte)1 : (byte)0);
        RocksNative.DisableLog(options, mode == WriteMode.Unlogged ? 1 : 0);
        RocksNative.Write(database, options, changes, &error);
        RocksNative.DestroyWriteOptions(options);
        RocksDbException.ThrowIf(error);
    }

    /// <summary>An empty table for a family, to be filled in the order of its keys and then taken in whole.
    /// Written to <paramref name="path"/>, on the database's disk, until then.</summary>
    public TableFile NewTable(int family, string path) => new(this, family, _familyOptions[family], path);

    /// <summary>All records as they stand now.</summary>
    public Snapshot NewSnapshot() => new(this);

    /// <summary>Walks a family; stands nowhere yet.</summary>
    /// <param name="family">Which.</param>
    /// <param name="snapshot">As of when; null for now.</param>
    /// <param name="fillsCache">False: blocks read on the way are not kept.</param>
    /// <param name="readAhead">Bytes the system is asked to read ahead; zero leaves it to RocksDB.</param>
    public Iterator NewIterator(int family, Snapshot? snapshot = null, bool fillsCache = true, long readAhead = 0)
    {
        nint database = Handle, records = Family(family), moment = snapshot?.Handle ?? 0;
        nint options = RocksNative.CreateReadOptions();
        RocksNative.SetSnapshot(options, moment);
        RocksNative.SetFillCache(options, fillsCache ? (byte)1 : (byte)0);
        RocksNative.SetReadAhead(options, (nuint)readAhead);
        nint iterator = RocksNative.CreateIterator(database, options, records);
        RocksNative.DestroyReadOptions(options);
        return new Iterator(this, iterator);
    }

    /// <summary>Writes what a family holds in memory to a table on disk, and waits for it.</summary>
    public void Flush(int family)
    {
        nint database = Handle, records = Family(family), error = 0;
        nint options = RocksNative.CreateFlushOptions();
        RocksNative.Flush(database, options, records, &error);
        RocksNative.DestroyFlushOptions(options);
        RocksDbException.ThrowIf(error);
    }

    /// <summary>Merges the tables that hold a key, so that what was deleted under it is gone from them.</summary>
    public void Compact(int family, ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key) RocksNative.CompactRange(Handle, Family(family), start, (nuint)key.Length, start, (nuint)key.Length);
    }

    /// <summary>Ends what RocksDB does by itself, for good: nothing can be written any more. Does not wait for it.</summary>
    public void StopBackgroundWork() => RocksNative.CancelBackgroundWork(Handle, 0);

    /// <summary>Changes an option of a family that RocksDB lets be changed while it is open.</summary>
    public void SetOption(int family, string name, string value)
    {
        nint database = Handle, records = Family(family), error = 0;
        nint nameText = Marshal.StringToCoTaskMemUTF8(name), valueText = Marshal.StringToCoTaskMemUTF8(value);
        RocksNative.SetOptions(database, records, 1, &nameText, &valueText, &error);
        Marshal.FreeCoTaskMem(nameText);
        Marshal.FreeCoTaskMem(valueText);
        RocksDbException.ThrowIf(error);
    }

    /// <summary>What RocksDB says of a family under one of its property names.</summary>
    /// <exception cref="ArgumentException">It has no such property.</exception>
    public string Property(int family, string name)
    {
        nint text = RocksNative.Property(Handle, Family(family), name);
        if (text == 0) throw new ArgumentException($"expected a property of RocksDB, found '{name}'", nameof(name));
        string value = Marshal.PtrToStringUTF8(text)!;
        RocksNative.Free(text);
        return value;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle == 0) return;
        foreach (nint family in _families) RocksNative.DestroyFamily(family);
        RocksNative.Close(_handle);
        _handle = 0;
    }

    /// <summary>RocksDB's handle of a family.</summary>
    internal nint Family(int family)
    {
        ObjectDisposedException.ThrowIf(_handle == 0, this);
        return _families[family];
    }

    private static nint OptionsOf(string text, nint cache)
    {
        nint options = RocksNative.CreateOptions(), table = RocksNative.CreateTableOptions(), error = 0;
        RocksNative.SetBlockCache(table, cache);
        RocksNative.SetTableOptions(options, table);
        RocksNative.DestroyTableOptions(table);
        RocksNative.ReadOptions(options, text, options, &error);
        if (error != 0) RocksNative.DestroyOptions(options);
        RocksDbException.ThrowIf(error);
        return options;
    }

    private nint Find(int family, ReadOnlySpan<byte> key)
    {
        nint error = 0, found;
        fixed (byte* start = key) found = RocksNative.Get(Handle, PlainRead, Family(family), start, (nuint)key.Length, &error);
        RocksDbException.ThrowIf(error);
        return found;
    }

    private static ReadOnlySpan<byte> ValueOf(nint found)
    {
        nuint length;
        byte* start = RocksNative.Value(found, &length);
        return new ReadOnlySpan<byte>(start, (int)length);
    }
}
