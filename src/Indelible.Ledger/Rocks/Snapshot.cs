namespace Indelible.Ledger.Rocks;

/// <summary>All records as they stand at one moment. Whoever made it disposes it, after the iterators that read it and
/// before its database.</summary>
public sealed class Snapshot : IDisposable
{
    private readonly RocksDb _database;
    private nint _handle;

    internal Snapshot(RocksDb database)
    {
        _database = database;
        _handle = RocksNative.CreateSnapshot(database.Handle);
    }

    internal nint Handle
    {
        get
        {
            ObjectDisposedException.ThrowIf(_handle == 0 || _database.IsDisposed, this);
            return _handle;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_handle != 0 && !_database.IsDisposed) RocksNative.ReleaseSnapshot(_database.Handle, _handle);
        _handle = 0;
    }
}
