namespace Indelible.Ledger.Rocks;

/// <summary>Changes that are written together or not at all. May be cleared and used again; one thread at a time.
/// Whoever made it disposes it.</summary>
public sealed unsafe class WriteBatch : IDisposable
{
    private readonly RocksDb _database;
    private nint _handle;

    internal WriteBatch(RocksDb database)
    {
        _database = database;
        _handle = RocksNative.CreateBatch();
    }

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0, this);
            return _handle;
        }
    }

    /// <summary>Sets a record. Both spans are copied.</summary>
    public void Put(int family, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        fixed (byte* keyBytes = key, valueBytes = value)
            RocksNative.Put(Handle, _database.Family(family), keyBytes, (nuint)key.Length, valueBytes, (nuint)value.Length);
    }

    /// <summary>Removes a record, if there is one.</summary>
    public void Delete(int family, ReadOnlySpan<byte> key)
    {
        fixed (byte* keyBytes = key) RocksNative.Delete(Handle, _database.Family(family), keyBytes, (nuint)key.Length);
    }

    /// <summary>Removes every record from one key to before another.</summary>
    public void DeleteRange(int family, ReadOnlySpan<byte> from, ReadOnlySpan<byte> to)
    {
        fixed (byte* fromBytes = from, toBytes = to)
            RocksNative.DeleteRange(Handle, _database.Family(family), fromBytes, (nuint)from.Length, toBytes, (nuint)to.Length);
    }

    /// <summary>Adds bytes to the database's log and to nothing else.</summary>
    public void PutLogData(ReadOnlySpan<byte> bytes)
    {
        fixed (byte* start = bytes) RocksNative.PutLogData(Handle, start, (nuint)bytes.Length);
    }

    /// <summary>Forgets all changes.</summary>
    public void Clear() => RocksNative.ClearBatch(Handle);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle == 0) return;
        RocksNative.DestroyBatch(_handle);
        _handle = 0;
    }
}
