using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using RocksDbSharp;

namespace Indelible.Index;

/// <summary>Finds entries. Derived from the ledger, disposable, never believed by a verifier. Holds hashes, indexes and times; no value in clear.</summary>
/// <remarks>RocksDB without a log of its own: the ledger is one. A watermark in every batch says how far the index reaches, so a crash loses its last
/// writes and nothing else; whoever holds the ledger adds them again. One writer; any number of queries at the same time.</remarks>
public sealed class LedgerIndex : IDisposable
{
    private const ushort FormatVersion = 1;
    private const ulong WriteBuffer = 32 << 20;
    private const ulong CachedBlocks = 32 << 20;
    private static readonly byte[] WatermarkKey = "W"u8.ToArray();

    /// <summary>Held exclusively while the database is closed or exchanged: RocksDB's pointers must not go from under a query.</summary>
    [SuppressMessage("Reliability", "CA2213", Justification = "A query that comes too late must still find the lock, to be refused.")]
    private readonly ReaderWriterLockSlim _lifetime = new();
    private readonly string _directory;
    private readonly string _origin;
    private readonly WriteOptions _unlogged = new WriteOptions().DisableWal(1);
    private readonly PostingBatch _postings = new();
    private RocksDb _database;
    private TimeWriter _times;
    private long _size;
    private bool _isTorn, _isDisposed;

    private LedgerIndex(string directory, string origin, RocksDb database, long size)
    {
        (_directory, _origin, _database, _size) = (directory, origin, database, size);
        _times = new TimeWriter(database, size);
        Rows = new RowImages(this);
    }

    /// <summary>What every living row last held.</summary>
    public RowImages Rows { get; }

    /// <summary>Entries indexed: all below this index are found.</summary>
    public long IndexedSize => Interlocked.Read(ref _size);

    /// <summary>Opens the index of a ledger, or begins an empty one where there is none, it is damaged, of another version, or another ledger's.</summary>
    /// <exception cref="IndelibleException">Environment: another process holds it, or the disk fails. Usage: the directory holds something else.</exception>
    public static LedgerIndex Open(string directory, string origin)
    {
        IndexDirectory.Claim(directory);
        RocksDb? database = null;
        try
        {
            database = RocksDb.Open(Options(), directory);
            if (ReadWatermark(database, origin) is { } size) return new LedgerIndex(directory, origin, database, size);
            database.Dispose();
        }
        catch (RocksDbException inner) when (inner.Message.Contains("/LOCK", StringComparison.Ordinal))
        {
            throw new IndelibleException(ExitCode.Environment, $"the index in {directory} is in use by another process; stop it, or ask it: `indelible run` answers on its socket", inner);
        }
        catch (RocksDbException)
        {
            database?.Dispose();    // damaged: it is rebuilt
        }
        catch (IndexDamagedException)
        {
            database?.Dispose();    // likewise
        }
        return Begin(directory, origin);
    }

    /// <summary>Throws everything away: what was indexed must be added again from index 0.</summary>
    public void Reset()
    {
        _lifetime.EnterWriteLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _database.Dispose();
            _isDisposed = true;    // until another is open
            _database = BeginDatabase(_directory, _origin);
            (_isDisposed, _isTorn) = (false, true);
            Interlocked.Exchange(ref _size, 0);
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Indexes entries; the first must be at <see cref="IndexedSize"/>. Found by queries when it returns; durable later, by itself.</summary>
    /// <exception cref="ArgumentException">An entry does not decode, or the first index is not the next.</exception>
    public void Add(long firstIndex, IReadOnlyList<IndexEntry> entries)
    {
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            ArgumentOutOfRangeException.ThrowIfNotEqual(firstIndex, IndexedSize);
            for (int begin = 0; begin < entries.Count; begin += PostingBatch.EntriesMax)
            {
                AddChunk(entries, begin, Math.Min(begin + PostingBatch.EntriesMax, entries.Count));
            }
        }
        finally
        {
            _lifetime.ExitReadLock();
        }
    }

    /// <summary>Entries that match, a page at a time. Any thread.</summary>
    /// <exception cref="IndelibleException">Usage: the cursor is none of ours.</exception>
    /// <exception cref="IndexDamagedException">The index contradicts itself.</exception>
    public Page Find(Query query)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return FindPage(query);
        }
        finally
        {
            _lifetime.ExitReadLock();
        }
    }

    private Page FindPage(Query query)
    {
        long size = IndexedSize;
        int step = query.OldestFirst ? 1 : -1;
        long at = query.After is { } after ? ParseCursor(after) + step : query.OldestFirst ? 0 : size - 1;
        using var search = new Search(_database, query, size);
        List<long> found = [];
        while ((at = search.Next(at)) != PostingList.None)
        {
            if (found.Count == query.Limit) return new Page(found, found[^1].ToString(CultureInfo.InvariantCulture));
            found.Add(at);
            at += step;
        }
        return new Page(found, null);
    }

    /// <summary>Writes what is in memory to disk, so that less has to be added again after a crash.</summary>
    public void Flush()
    {
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            FlushDatabase();
        }
        finally
        {
            _lifetime.ExitReadLock();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lifetime.EnterWriteLock();
        try
        {
            if (_isDisposed) return;
            _isDisposed = true;
            using (_database) TryFlush();
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Reads or writes while the database cannot be closed or exchanged.</summary>
    internal T Use<T>(Func<RocksDb, T> action)
    {
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return action(_database);
        }
        finally
        {
            _lifetime.ExitReadLock();
        }
    }

    /// <exception cref="IndelibleException">Environment: the disk is full or fails.</exception>
    internal void WriteUnlogged(RocksDb database, WriteBatch batch)
    {
        try
        {
            database.Write(batch, _unlogged);
        }
        catch (RocksDbException inner)
        {
            throw CannotWrite(_directory, inner);
        }
    }

    private static IndelibleException CannotWrite(string directory, RocksDbException inner) => new(ExitCode.Environment,
        $"cannot write the index in {directory}: {inner.Message}. If the disk is full, free space on it and start again: the index is derived, and nothing sealed is lost", inner);

    private void FlushDatabase()
    {
        try
        {
            _database.Flush(new FlushOptions().SetWaitForFlush(true));
        }
        catch (RocksDbException inner)
        {
            throw CannotWrite(_directory, inner);
        }
    }

    /// <summary>At the end: what cannot be flushed is indexed again from the ledger at the next start, so that is no failure.</summary>
    private bool TryFlush()
    {
        try
        {
            FlushDatabase();
            return true;
        }
        catch (IndelibleException)
        {
            return false;
        }
    }

    private void AddChunk(IReadOnlyList<IndexEntry> entries, int begin, int end)
    {
        long first = IndexedSize;
        if (_isTorn) Restore(first);
        _isTorn = true;    // until all is written: a failure half-way leaves terms and times of entries that are not indexed
        using var batch = new WriteBatch();
        for (int i = begin; i < end; i++)
        {
            EntryFault fault = EntryCodec.Decode(entries[i].Bytes, out Entry entry);
            if (fault != EntryFault.None) throw new ArgumentException($"entry {first + i - begin} does not decode: {fault}", nameof(entries));
            EntryTerms.Collect(entry, entries[i].BlindTokens, _postings.Terms);
            _postings.Add(i - begin);
            _times.Add(batch, entry.Header.CommittedAt ?? entry.Header.SealedAt);
        }
        _postings.WriteTo(batch, first);
        _times.End(batch);
        long size = first + end - begin;
        batch.Put(WatermarkKey, Watermark(size, _origin));
        WriteUnlogged(_database, batch);
        Interlocked.Exchange(ref _size, size);
        _isTorn = false;
    }

    private void Restore(long size)
    {
        _postings.Clear();
        _times = new TimeWriter(_database, size);
    }

    private static long ParseCursor(string cursor) =>
        long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long index) && index < long.MaxValue ? index
            : throw new IndelibleException(ExitCode.Usage, $"expected a cursor as a page before printed it, found '{cursor}'");

    private static LedgerIndex Begin(string directory, string origin) => new(directory, origin, BeginDatabase(directory, origin), 0);

    private static RocksDb BeginDatabase(string directory, string origin)
    {
        IndexDirectory.Empty(directory);
        RocksDb database = RocksDb.Open(Options(), directory);
        database.Put(WatermarkKey, Watermark(0, origin));
        return database;
    }

    /// <summary>Version, size, origin.</summary>
    private static byte[] Watermark(long size, string origin)
    {
        byte[] value = new byte[sizeof(ushort) + sizeof(long) + Encoding.UTF8.GetByteCount(origin)];
        BinaryPrimitives.WriteUInt16BigEndian(value, FormatVersion);
        BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(sizeof(ushort)), size);
        Encoding.UTF8.GetBytes(origin, value.AsSpan(sizeof(ushort) + sizeof(long)));
        return value;
    }

    /// <summary>Indexed size; null if this is not an index of this ledger and version.</summary>
    private static long? ReadWatermark(RocksDb database, string origin)
    {
        byte[]? value = database.Get(WatermarkKey);
        if (value is null || value.Length < sizeof(ushort) + sizeof(long)) return null;
        long size = BinaryPrimitives.ReadInt64BigEndian(value.AsSpan(sizeof(ushort)));
        return size >= 0 && value.AsSpan().SequenceEqual(Watermark(size, origin)) ? size : null;
    }

    private static DbOptions Options()
    {
        DbOptions options = new DbOptions()
            .SetCreateIfMissing(true)
            .SetMaxOpenFiles(512)
            .SetMaxBackgroundCompactions(1)
            .SetMaxBackgroundFlushes(1)
            .SetKeepLogFileNum(3)
            .SetMaxLogFileSize(4 << 20)
            .SetStatsDumpPeriodSec(0)
            .SetIsFdCloseOnExec(true);
        options
            .SetWriteBufferSize(WriteBuffer)
            .SetMaxWriteBufferNumber(3)
            .SetCompression(Compression.Lz4)
            .SetTargetFileSizeBase(64 << 20)
            .SetMaxBytesForLevelBase(512 << 20)
            // No filters: postings are found by seeking, which a filter does not help, and its bits would stay in memory.
            .SetBlockBasedTableFactory(new BlockBasedTableOptions().SetBlockCache(Cache.CreateLru(CachedBlocks)));
        return options;
    }
}
