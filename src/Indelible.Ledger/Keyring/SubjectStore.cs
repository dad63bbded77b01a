using System.Buffers.Binary;
using Indelible.Format;
using RocksDbSharp;

namespace Indelible.Ledger;

/// <summary>Wrapped subject keys on disk: by key id the wrapped key, by subject tag the id in use now. One process at a time; guarded by its keyring's lock.</summary>
/// <remarks>RocksDB, write-ahead log flushed by <see cref="Commit"/>. Memory bound: 48 MiB of unwritten tables, 32 MiB of cached blocks, at most
/// <see cref="PendingMax"/> records waiting, and the filters and indexes of at most 256 open tables: about 4 bytes a subject.</remarks>
internal sealed class SubjectStore : IDisposable
{
    /// <summary>Length of a key record: epoch, wrapped key.</summary>
    public const int RecordSize = sizeof(uint) + KeyWrap.WrappedSize;

    /// <summary>Length of a subject tag.</summary>
    public const int TagSize = 16;

    /// <summary>Records kept in memory before they are written (not yet flushed).</summary>
    public const int PendingMax = 16_384;

    private const string SubjectFamily = "subjects";
    private const ulong WriteBuffer = 16 << 20;
    private const ulong WriteBuffersTotal = 48 << 20;
    private const ulong CachedBlocks = 32 << 20;
    private const ulong LogMax = 256 << 20;
    private static readonly byte[] FlushMark = "flush"u8.ToArray();

    private readonly RocksDb _database;
    private readonly ColumnFamilyHandle _keys;
    private readonly ColumnFamilyHandle _subjects;
    private readonly SortedPuts _pendingKeys = new(KeyId.Size, RecordSize);
    private readonly SortedPuts _pendingSubjects = new(TagSize, KeyId.Size);
    private readonly WriteBatch _batch = new();
    private readonly WriteOptions _synced = new WriteOptions().SetSync(true);
    private readonly WriteOptions _buffered = new WriteOptions().SetSync(false);
    private bool _isFlushed = true;
    /// <summary>The first failed write: nothing is written after it, and no flush is tried again.</summary>
    private IndelibleException? _failure;

    private SubjectStore(RocksDb database)
    {
        _database = database;
        _keys = database.GetDefaultColumnFamily();
        _subjects = database.GetColumnFamily(SubjectFamily);
    }

    private int PendingCount => _pendingKeys.Count + _pendingSubjects.Count;

    /// <summary>Receives one record; both spans are valid during the call only.</summary>
    public delegate void OnRecord(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value);

    /// <exception cref="IndelibleException">Environment: held by another process, or damaged.</exception>
    public static SubjectStore Open(string directory, bool create)
    {
        try
        {
            return new SubjectStore(RocksDb.Open(DatabaseOptions(create), directory, Families()));
        }
        catch (RocksDbException inner)
        {
            throw new IndelibleException(ExitCode.Environment, WhyNotOpen(directory, inner.Message), inner) { IsBusy = IsLocked(inner.Message) };
        }
    }

    /// <summary>True if no key was ever made here.</summary>
    public bool IsEmpty()
    {
        using Iterator iterator = _database.NewIterator(_keys);
        if (iterator.SeekToFirst().Valid()) return false;
        RequireSound(iterator);
        return true;
    }

    /// <summary>Adds a key record and makes it the subject's current one; both or neither survive a crash, and both after <see cref="Commit"/>.</summary>
    public void Add(UInt128 tag, KeyId id, ReadOnlySpan<byte> record)
    {
        MakeRoom();
        PutKey(id, record);
        PutSubject(tag, id);
    }

    /// <summary>Adds a key record alone; durable after <see cref="Commit"/>.</summary>
    public void AddKey(KeyId id, ReadOnlySpan<byte> record)
    {
        MakeRoom();
        PutKey(id, record);
    }

    /// <summary>Makes a key the subject's current one; durable after <see cref="Commit"/>.</summary>
    public void AddSubject(UInt128 tag, KeyId id)
    {
        MakeRoom();
        PutSubject(tag, id);
    }

    /// <summary>Finds the id of the subject's current key among the records written.</summary>
    public bool TryFindSubject(UInt128 tag, out KeyId id)
    {
        Span<byte> tagBytes = stackalloc byte[TagSize];
        BinaryPrimitives.WriteUInt128BigEndian(tagBytes, tag);
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        bool found = _database.GetFixedSizeValue(tagBytes, idBytes, _subjects);
        id = found ? KeyId.Read(idBytes) : default;
        return found;
    }

    /// <summary>Finds a key record among those written. <paramref name="record"/> receives <see cref="RecordSize"/> bytes.</summary>
    public bool TryFindKey(KeyId id, Span<byte> record)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        return _database.GetFixedSizeValue(idBytes, record, _keys);
    }

    /// <summary>Everything added so far survives a crash when this returns. Does nothing if nothing was added.</summary>
    public void Commit()
    {
        if (PendingCount == 0 && _isFlushed) return;
        if (PendingCount == 0) _batch.PutLogData(FlushMark, (ulong)FlushMark.Length);       // something to write, so that the log is flushed
        WritePending(_synced);                                                              // also flushes what was written before: the log is one
    }

    /// <summary>Everything added so far is found by the Find methods when this returns; not durable.</summary>
    public void WriteBuffered()
    {
        if (PendingCount > 0) WritePending(_buffered);
    }

    /// <summary>Removes a key record, durably. The subject's tag may go on pointing to it: then the subject has no key.</summary>
    public void Remove(KeyId id)
    {
        Commit();
        byte[] idBytes = new byte[KeyId.Size];
        id.Write(idBytes);
        _database.Remove(idBytes, _keys, _synced);
        _database.CompactRange(idBytes, idBytes, _keys);
    }

    /// <summary>Hands out every record written as of now: first keys (id, record), then subjects (tag, id), each sorted.</summary>
    public void ReadAll(OnRecord onKey, OnRecord onSubject)
    {
        using Snapshot snapshot = _database.CreateSnapshot();
        ReadFamily(_keys, snapshot, onKey);
        ReadFamily(_subjects, snapshot, onSubject);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_failure is null) FlushTables();    // it would flush the log again
        _batch.Dispose();
        _database.Dispose();
    }

    /// <summary>A log that was written out need not be read again at the next start. What cannot be written out is in the log.</summary>
    private void FlushTables()
    {
        try
        {
            FlushOptions wait = new FlushOptions().SetWaitForFlush(true);
            foreach (ColumnFamilyHandle family in (ColumnFamilyHandle[])[_keys, _subjects]) Native.Instance.rocksdb_flush_cf(_database.Handle, wait.Handle, family.Handle);
        }
        catch (RocksDbException)
        {
            return;
        }
    }

    private void MakeRoom()
    {
        if (PendingCount >= PendingMax) WritePending(_buffered);
    }

    private void PutKey(KeyId id, ReadOnlySpan<byte> record)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(record.Length, RecordSize);
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        _pendingKeys.Add(idBytes, record);
    }

    private void PutSubject(UInt128 tag, KeyId id)
    {
        Span<byte> tagBytes = stackalloc byte[TagSize];
        BinaryPrimitives.WriteUInt128BigEndian(tagBytes, tag);
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        _pendingSubjects.Add(tagBytes, idBytes);
    }

    private void WritePending(WriteOptions how)
    {
        if (_failure is { } earlier) throw new IndelibleException(earlier.ExitCode, earlier.Message, earlier);
        _pendingKeys.MoveTo(_batch, _keys);
        _pendingSubjects.MoveTo(_batch, _subjects);
        _isFlushed = false;     // until it is written: after a failure the batch still holds it
        try
        {
            if (how == _synced) DurableFile.Hook?.Invoke(DiskOperation.SyncDatabase, _database.Path, null, false);
            _database.Write(_batch, how);
            if (how == _synced) DurableFile.Hook?.Invoke(DiskOperation.SyncDatabase, _database.Path, null, true);
        }
        catch (RocksDbException inner)
        {
            Native.Instance.rocksdb_cancel_all_background_work(_database.Handle, 0);    // where a disk was full it would flush again by itself, once there is room
            throw _failure = new IndelibleException(ExitCode.Environment, $"cannot write the keyring's subjects in {_database.Path}: {inner.Message}. If the disk is full, free space on it and start again: nothing was sealed under keys that are not durable", inner);
        }
        _batch.Clear();
        _isFlushed = how == _synced;
    }

    private void ReadFamily(ColumnFamilyHandle family, Snapshot snapshot, OnRecord onRecord)
    {
        ReadOptions options = new ReadOptions().SetSnapshot(snapshot).SetFillCache(false).SetVerifyChecksums(true);
        using Iterator iterator = _database.NewIterator(family, options);
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) onRecord(iterator.GetKeySpan(), iterator.GetValueSpan());
        RequireSound(iterator);
    }

    /// <summary>At the end of what an iterator gives: a damaged block looks like it.</summary>
    private void RequireSound(Iterator iterator)
    {
        try
        {
            Native.Instance.rocksdb_iter_get_error(iterator.Handle);
        }
        catch (RocksDbException inner)
        {
            throw new IndelibleException(ExitCode.Environment, $"cannot read the keyring's subjects in {_database.Path}: {inner.Message}. Restore the keyring from its backup", inner);
        }
    }

    private static bool IsLocked(string message) => message.Contains("/LOCK", StringComparison.Ordinal);

    private static string WhyNotOpen(string directory, string message)
    {
        if (IsLocked(message))
            return $"the keyring's subjects in {directory} are in use by another process; stop it, or let it do this ('indelible run' answers on its socket)";
        string advice = message.Contains("No space left", StringComparison.Ordinal) ? "free space on that file system and try again" : "restore the keyring from its backup";
        return $"the keyring's subjects in {directory} do not open: {message}; {advice}";
    }

    private static DbOptions DatabaseOptions(bool create) => new DbOptions()
        .SetCreateIfMissing(create)
        .SetErrorIfExists(false)
        .SetCreateMissingColumnFamilies(create)
        .SetParanoidChecks(true)
        .SetWalRecoveryMode(Recovery.TolerateCorruptedTailRecords)
        .SetDbWriteBufferSize(WriteBuffersTotal)
        .SetMaxTotalWalSize(LogMax)
        .SetMaxOpenFiles(256)
        .SetMaxBackgroundCompactions(1)
        .SetMaxBackgroundFlushes(1)
        .SetKeepLogFileNum(3)
        .SetMaxLogFileSize(4 << 20)
        .SetStatsDumpPeriodSec(0)
        .SetIsFdCloseOnExec(true);

    private static ColumnFamilies Families()
    {
        Cache cache = Cache.CreateLru(CachedBlocks);
        return new ColumnFamilies(FamilyOptions(cache)) { { SubjectFamily, FamilyOptions(cache) } };
    }

    private static ColumnFamilyOptions FamilyOptions(Cache cache) => new ColumnFamilyOptions()
        .SetWriteBufferSize(WriteBuffer)
        .SetMaxWriteBufferNumber(3)
        .SetCompression(Compression.No)                 // random bytes
        .SetTargetFileSizeBase(32 << 20)
        .SetLevel0FileNumCompactionTrigger(8)
        .SetMaxBytesForLevelBase(256 << 20)
        .SetBlockBasedTableFactory(new BlockBasedTableOptions()
            .SetBlockCache(cache)
            .SetCacheIndexAndFilterBlocks(false)        // a filter is larger than a shard of the cache: it would be read again for every lookup
            .SetFilterPolicy(BloomFilterPolicy.Create(10, false)));
}
