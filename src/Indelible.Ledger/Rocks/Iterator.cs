namespace Indelible.Ledger.Rocks;

/// <summary>Walks the records of a family in the order of their keys, as they stood when it was made. One thread.
/// Whoever made it disposes it, before its database.</summary>
/// <remarks>Every move says whether it reached a record; false is the end and nothing else:
/// a damaged block, which looks like it, is thrown.</remarks>
public sealed unsafe class Iterator : IDisposable
{
    private readonly RocksDb _database;
    private nint _handle;
    private bool _isAtRecord;

    internal Iterator(RocksDb database, nint handle) => (_database, _handle) = (database, handle);

    /// <summary>Key of the record it stands at; gone with the next move.</summary>
    /// <exception cref="InvalidOperationException">It stands at none.</exception>
    public ReadOnlySpan<byte> Key
    {
        get
        {
            nuint length;
            byte* start = RocksNative.IteratorKey(AtRecord(), &length);
            return new ReadOnlySpan<byte>(start, (int)length);
        }
    }

    /// <summary>Value of the record it stands at; gone with the next move.</summary>
    /// <exception cref="InvalidOperationException">It stands at none.</exception>
    public ReadOnlySpan<byte> Value
    {
        get
        {
            nuint length;
            byte* start = RocksNative.IteratorValue(AtRecord(), &length);
            return new ReadOnlySpan<byte>(start, (int)length);
        }
    }

    private nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0 || _database.IsDisposed, this);
            return _handle;
        }
    }

    /// <summary>Moves to the first record of all.</summary>
    /// <exception cref="RocksDbException">What is there cannot be read; this goes for every move.</exception>
    public bool SeekToFirst()
    {
        RocksNative.SeekToFirst(Handle);
        return Arrive();
    }

    /// <summary>Moves to the first record whose key is not below this one.</summary>
    public bool Seek(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key) RocksNative.Seek(Handle, start, (nuint)key.Length);
        return Arrive();
    }

    /// <summary>Moves to the last record whose key is not above this one.</summary>
    public bool SeekForPrevious(ReadOnlySpan<byte> key)
    {
        fixed (byte* start = key) RocksNative.SeekForPrevious(Handle, start, (nuint)key.Length);
        return Arrive();
    }

    /// <summary>Moves on from a record to the next.</summary>
    /// <exception cref="InvalidOperationException">It stands at none.</exception>
    public bool Next()
    {
        RocksNative.Next(AtRecord());
        return Arrive();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle != 0 && !_database.IsDisposed) RocksNative.DestroyIterator(_handle);
        _handle = 0;
    }

    private nint AtRecord() => _isAtRecord ? Handle : throw new InvalidOperationException("the iterator stands at no record");

    private bool Arrive()
    {
        _isAtRecord = RocksNative.IsValid(_handle) != 0;
        if (_isAtRecord) return true;
        nint error = 0;
        RocksNative.GetError(_handle, &error);
        RocksDbException.ThrowIf(error);
        return false;
    }
}
