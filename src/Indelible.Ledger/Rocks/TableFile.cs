using System.Runtime.InteropServices;

namespace Indelible.Ledger.Rocks;

/// <summary>A table file that is made beside a database, in the order of its keys, and then becomes part of it:
/// many records cost far less so than in a <see cref="WriteBatch"/>. One thread. Whoever made it disposes it.</summary>
public sealed unsafe class TableFile : IDisposable
{
    private readonly RocksDb _database;
    private readonly int _family;
    private readonly string _path;
    private readonly nint _options, _fileOptions;
    private nint _handle;

    internal TableFile(RocksDb database, int family, string options, string path)
    {
        (_database, _family, _path) = (database, family, path);
        nint error = 0;
        _options = RocksNative.CreateOptions();
        _fileOptions = RocksNative.CreateFileOptions();
        RocksNative.ReadOptions(_options, options, _options, &error);
        _handle = RocksNative.CreateTable(_fileOptions, _options);
        if (error == 0) RocksNative.OpenTable(_handle, path, &error);
        if (error != 0) Dispose();
        RocksDbException.ThrowIf(error);
    }

    /// <summary>Adds a record; its key is above all before. Both spans are copied.</summary>
    public void Put(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        nint error = 0;
        fixed (byte* keyBytes = key, valueBytes = value)
            RocksNative.PutInTable(_handle, keyBytes, (nuint)key.Length, valueBytes, (nuint)value.Length, &error);
        RocksDbException.ThrowIf(error);
    }

    /// <summary>Makes all records part of the database, in place of older ones of the same keys: all or none, and durably.</summary>
    public void Ingest()
    {
        nint error = 0;
        RocksNative.FinishTable(_handle, &error);
        RocksDbException.ThrowIf(error);
        nint options = RocksNative.CreateIngestOptions(), path = Marshal.StringToCoTaskMemUTF8(_path);
        RocksNative.SetMoveFiles(options, 1);
        RocksNative.Ingest(_database.Handle, _database.Family(_family), &path, 1, options, &error);
        Marshal.FreeCoTaskMem(path);
        RocksNative.DestroyIngestOptions(options);
        RocksDbException.ThrowIf(error);
    }

    /// <summary>Ends it; what was not taken in is gone.</summary>
    public void Dispose()
    {
        if (_handle == 0) return;
        RocksNative.DestroyTable(_handle);
        RocksNative.DestroyOptions(_options);
        RocksNative.DestroyFileOptions(_fileOptions);
        _handle = 0;
        DurableFile.Delete(_path);
    }
}
