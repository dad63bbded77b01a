using System.Buffers.Binary;
using Indelible.Format;
using RocksDbSharp;

namespace Indelible.Ledger;

/// <summary>Wrapped subject keys on disk: by key id the wrapped key, by subject tag the id in use now. One process at a time; guarded by its keyring's lock.</summary>
/// <remarks>RocksDB, write-ahead log synced by <see cref="Commit"/>. Memory bound: 48 MiB of unwritten tables, 32 MiB of cached blocks,
/// indexes and filters, and at most <see cref="PendingMax"/> records waiting.</remarks>
internal sealed class SubjectStore : IDisposable
{
    /// <summary>Length of a key record: epoch, wrapped key.</summary>
    public const int RecordSize = sizeof(uint) + KeyWrap.WrappedSize;

    /// <summary>Length of a subject tag.</summary>
    public const int TagSize = 16;

    /// <summary>Records kept in memory before they are written (not yet synced). Below a generation of <see cref="RecentSubjects"/>, so that every pending subject is still found there.</summary>
    public const int PendingMax = 16_384;

    private const string SubjectFamily = "subjects";
    private const ulong WriteBuffer = 16 << 20;
    private const ulong WriteBuffersTotal = 48 << 20;
    private const ulong CachedBlocks = 32 << 20;
    private const ulong LogMax = 256 << 20;

    private readonly RocksDb database;
    private readonly ColumnFamilyHandle keys;
    private readonly ColumnFamilyHandle subjects;
    private readonly WriteBatch pending = new();
    private readonly WriteOptions synced = new WriteOptions().SetSync(true);
    private readonly WriteOptions buffered = new WriteOptions().SetSync(false);
    private int pendingCount;

    private SubjectStore(RocksDb database)
    {
        this.database = database;
        keys = database.GetDefaultColumnFamily();
        subjects = database.GetColumnFamily(SubjectFamily);
    }

    /// <exception cref="IndelibleException">Environment: held by another process, or damaged.</exception>
    public static SubjectStore Open(string directory, bool create)
    {
        try
        {
            return new SubjectStore(RocksDb.Open(DatabaseOptions(create), directory, Families()));
        }
        catch (RocksDbException inner)
        {
            throw new IndelibleException(ExitCode.Environment, WhyNotOpen(directory, inner.Message), inner);
        }
    }

    /// <summary>True if no key was ever made here.</summary>
    public bool IsEmpty()
    {
        using Iterator iterator = database.NewIterator(keys);
        return !iterator.SeekToFirst().Valid();
    }

    /// <summary>Adds a key record and makes it the subject's current one; durable after <see cref="Commit"/>.</summary>
    public void Add(UInt128 tag, KeyId id, ReadOnlySpan<byte> record)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        pending.Put(idBytes, record, keys);
        Point(tag, idBytes);
    }

    /// <summary>Makes an existing key the subject's current one; durable after <see cref="Commit"/>.</summary>
    public void Point(UInt128 tag, KeyId id)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        Point(tag, idBytes);
    }

    /// <summary>Finds the id of the subject's current key among the records written.</summary>
    public bool TryFindSubject(UInt128 tag, out KeyId id)
    {
        Span<byte> tagBytes = stackalloc byte[TagSize];
        BinaryPrimitives.WriteUInt128BigEndian(tagBytes, tag);
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        bool found = database.GetFixedSizeValue(tagBytes, idBytes, subjects);
        id = found ? KeyId.Read(idBytes) : default;
        return found;
    }

    /// <summary>Finds a key record among those written. <paramref name="record"/> receives <see cref="RecordSize"/> bytes.</summary>
    public bool TryFindKey(KeyId id, Span<byte> record)
    {
        Span<byte> idBytes = stackalloc byte[KeyId.Size];
        id.Write(idBytes);
        return database.GetFixedSizeValue(idBytes, record, keys);
    }

    /// <summary>Everything added so far survives a crash when this returns. Does nothing if nothing was added.</summary>
    public void Commit()
    {
        if (pendingCount > 0) WritePending(synced);     // also syncs what was written buffered before: the log is one
    }

    /// <summary>Removes a key record, durably. The subject's tag may go on pointing to it: then the subject is unknown.</summary>
    public void Remove(KeyId id)
    {
        Commit();
        byte[] idBytes = new byte[KeyId.Size];
        id.Write(idBytes);
        database.Remove(idBytes, keys, synced);
        database.CompactRange(idBytes, idBytes, keys);
    }

    /// <summary>Hands out every record as of now: first keys (id, record), then subjects (tag, id).</summary>
    public void ReadAll(SpanPair onKey, SpanPair onSubject)
    {
        using Snapshot snapshot = database.CreateSnapshot();
        ReadFamily(keys, snapshot, onKey);
        ReadFamily(subjects, snapshot, onSubject);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        pending.Dispose();
        database.Dispose();
    }

    /// <summary>Receives one record; both spans are valid during the call only.</summary>
    public delegate void SpanPair(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value);

    private void Point(UInt128 tag, ReadOnlySpan<byte> id)
    {
        Span<byte> tagBytes = stackalloc byte[TagSize];
        BinaryPrimitives.WriteUInt128BigEndian(tagBytes, tag);
        pending.Put(tagBytes, id, subjects);
        pendingCount++;
        if (pendingCount > PendingMax) throw new System.Diagnostics.UnreachableException("pending records were not written in time");
    }

    /// <summary>Call before adding: writes what is pending if there is no room for one more.</summary>
    public void MakeRoom()
    {
        if (pendingCount == PendingMax) WritePending(buffered);
    }

    private void WritePending(WriteOptions how)
    {
        database.Write(pending, how);
        pending.Clear();
        pendingCount = 0;
    }

    private void ReadFamily(ColumnFamilyHandle family, Snapshot snapshot, SpanPair onRecord)
    {
        ReadOptions options = new ReadOptions().SetSnapshot(snapshot).SetFillCache(false).SetVerifyChecksums(true);
        using Iterator iterator = database.NewIterator(family, options);
        for (iterator.SeekToFirst(); iterator.Valid(); iterator.Next()) onRecord(iterator.GetKeySpan(), iterator.GetValueSpan());
    }

    private static string WhyNotOpen(string directory, string message) =>
        message.Contains("lock", StringComparison.OrdinalIgnoreCase)
            ? $"the keyring's subjects in {directory} are in use by another process; stop it, or let it do this ('indelible run' answers on its socket)"
            : $"the keyring's subjects in {directory} do not open: {message}; restore the keyring from its backup";

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
            .SetCacheIndexAndFilterBlocks(true)
            .SetFilterPolicy(BloomFilterPolicy.Create(10, false)));
}
