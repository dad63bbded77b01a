using System.Buffers.Binary;
using Indelible.Format;
using Indelible.Ledger.Rocks;

namespace Indelible.Ledger;

/// <summary>Wrapped subject keys on disk: by key id the wrapped key, by subject tag the id in use now.
/// One process at a time; guarded by its keyring's lock.</summary>
/// <remarks>RocksDB, write-ahead log flushed by <see cref="Commit"/>.
/// Memory bound: 48 MiB of unwritten tables, 32 MiB of cached blocks, at most
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
    private const int Keys = 0, Subjects = 1;
    private const long CachedBlocks = 32 << 20;

    private readonly RocksDb _database;
    private readonly SortedPuts _pendingKeys = new(KeyId.Size, RecordSize);
    private readonly SortedPuts _pendingSubjects = new(TagSize, KeyId.Size);
    private readonly WriteBatch _batch;
    private bool _isFlushed = true;
    /// <summary>The first failed write: nothing is written after it, and no flush is tried again.</summary>
    private IndelibleException? _failure;

    private SubjectStore(RocksDb database)
    {
        _database = database;
        _batch = database.NewBatch();
    }

    private int PendingCount => _pendingKeys.Count + _pendingSubjects.Count;

    /// <summary>Receives one record; both spans are valid during the call only.</summary>
    public delegate void OnRecord(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value);

    /// <exception cref="IndelibleException">Environment: held by another process, or damaged.</exception>
    public static SubjectStore Open(string directory, bool create)
    {
        try
        {
            return new SubjectStore(RocksDb.Open(
                directory, DatabaseOptions(create), CachedBlocks, (RocksDb.DefaultFamily, FamilyOptions), (SubjectFamily, FamilyOptions)));
        }
        catch (RocksDbException inner)
        {
            throw new IndelibleException(
                ExitCode.Environment, WhyNotOpen(directory, inner.Message), inner) { IsBusy = IsLocked(inner.Message) };
        }
    }

    /// <summary>True if no key was ever made here.</summary>
    public bool IsEmpty()
    {
        try
        {
            using Iterator iterator = _database.NewIterator(Keys);
            return !iterator.SeekToFirst();
        }
        catch (RocksDbException inner)
        {
            throw Unreadable(inner);
        }
    }

    /// <summary>Adds a key record and makes it the subject's current one; both or neither survive a crash,
    /// and both after <see cref="Commit"/>.</summary>
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
        bool found = _database.TryGet(Subjects, tagBytes, idBytes);
        id = found ? KeyId.Read(idBytes) : default;
        return found;
    }

    /// <summary>Finds a key record among those written. <paramref name="record"/> receives <see cref="RecordSize"/> bytes.</summary>
    public bool TryFindKey(KeyId id, Span<byte> record)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        return _database.TryGet(Keys, idBytes, record);
    }

    /// <summary>Everything added so far survives a crash when this returns. Does nothing if nothing was added.</summary>
    public void Commit()
    {
        if (PendingCount == 0 && _isFlushed) return;
        if (PendingCount == 0) _batch.PutLogData("flush"u8);    // something to write, so that the log is flushed
        WritePending(WriteMode.Synced);                         // also flushes what was written before: the log is one
    }

    /// <summary>Everything added so far is found by the Find methods when this returns; not durable.</summary>
    public void WriteBuffered()
    {
        if (PendingCount > 0) WritePending(WriteMode.Logged);
    }

    /// <summary>Removes a key record, durably. The subject's tag may go on pointing to it: then the subject has no key.</summary>
    public void Remove(KeyId id)
    {
        Commit();
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        using WriteBatch removal = _database.NewBatch();
        removal.Delete(Keys, idBytes);
        _database.Write(removal, WriteMode.Synced);
        _database.Compact(Keys, idBytes);
    }

    /// <summary>Hands out every record written as of now: first keys (id, record), then subjects (tag, id), each sorted.</summary>
    public void ReadAll(OnRecord onKey, OnRecord onSubject)
    {
        using Snapshot snapshot = _database.NewSnapshot();
        ReadFamily(Keys, snapshot, onKey);
        ReadFamily(Subjects, snapshot, onSubject);
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
            _database.Flush(Keys);
            _database.Flush(Subjects);
        }
        catch (RocksDbException)
        {
            return;
        }
    }

    private void MakeRoom()
    {
        if (PendingCount >= PendingMax) WritePending(WriteMode.Logged);
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

    private void WritePending(WriteMode mode)
    {
        if (_failure is { } earlier) throw new IndelibleException(earlier.ExitCode, earlier.Message, earlier);
        _pendingKeys.MoveTo(_batch, Keys);
        _pendingSubjects.MoveTo(_batch, Subjects);
        _isFlushed = false;     // until it is written: after a failure the batch still holds it
        try
        {
            if (mode == WriteMode.Synced) DurableFile.Hook?.Invoke(DiskOperation.SyncDatabase, _database.Path, null, false);
            _database.Write(_batch, mode);
            if (mode == WriteMode.Synced) DurableFile.Hook?.Invoke(DiskOperation.SyncDatabase, _database.Path, null, true);
        }
        catch (RocksDbException inner)
        {
            _database.StopBackgroundWork();     // where a disk was full it would flush again by itself, once there is room
            throw _failure = new IndelibleException(ExitCode.Environment,
                $"cannot write the keyring's subjects in {_database.Path}: {inner.Message}. "
                    + "If the disk is full, free space on it and start again: nothing was sealed under keys that are not durable", inner);
        }
        _batch.Clear();
        _isFlushed = mode == WriteMode.Synced;
    }

    private void ReadFamily(int family, Snapshot snapshot, OnRecord onRecord)
    {
        try
        {
            using Iterator iterator = _database.NewIterator(family, snapshot, fillsCache: false);
            for (bool found = iterator.SeekToFirst(); found; found = iterator.Next()) onRecord(iterator.Key, iterator.Value);
        }
        catch (RocksDbException inner)
        {
            throw Unreadable(inner);
        }
    }

    private IndelibleException Unreadable(RocksDbException inner) =>
        new(ExitCode.Environment,
            $"cannot read the keyring's subjects in {_database.Path}: {inner.Message}. Restore the keyring from its backup", inner);

    private static bool IsLocked(string message) => message.Contains("/LOCK", StringComparison.Ordinal);

    private static string WhyNotOpen(string directory, string message)
    {
        if (IsLocked(message))
        {
            return $"the keyring's subjects in {directory} are in use by another process; "
                + "stop it, or let it do this ('indelible run' answers on its socket)";
        }
        string advice = message.Contains("No space left", StringComparison.Ordinal)
            ? "free space on that file system and try again"
            : "restore the keyring from its backup";
        return $"the keyring's subjects in {directory} do not open: {message}; {advice}";
    }

    private static string DatabaseOptions(bool create) => $"""
        create_if_missing={(create ? "true" : "false")}; create_missing_column_families={(create ? "true" : "false")};
        paranoid_checks=true; wal_recovery_mode=kTolerateCorruptedTailRecords;
        db_write_buffer_size=48M; max_total_wal_size=256M; max_open_files=256;
        max_background_compactions=1; max_background_flushes=1;
        keep_log_file_num=3; max_log_file_size=4M; stats_dump_period_sec=0; is_fd_close_on_exec=true
        """;

    // Batches are written in the order of their names: each is looked for from where the one before of its first byte went.
    // Not compressed: random bytes. Filters outside the cache: one is larger than a shard of it, and would be read again for every lookup.
    private const string FamilyOptions = """
        write_buffer_size=16M; max_write_buffer_number=3; compression=kNoCompression;
        memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1;
        target_file_size_base=32M; level0_file_num_compaction_trigger=8; max_bytes_for_level_base=256M;
        block_based_table_factory={cache_index_and_filter_blocks=false; filter_policy=bloomfilter:10:false}
        """;
}
