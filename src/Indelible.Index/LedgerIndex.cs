using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using RocksDbSharp;

namespace Indelible.Index;

/// <summary>Finds entries. Derived from the ledger, disposable, never believed by a verifier. Holds hashes, indexes and times; no value in clear.</summary>
/// <remarks>RocksDB without a log of its own: the ledger is one. A watermark in every batch says how far the index reaches, so a crash loses its last
/// writes and nothing else; whoever holds the ledger adds them again. One writer; any number of queries at the same time.</remarks>
public sealed class LedgerIndex : IDisposable
{
    private const ushort FormatVersion = 2;
    private const int WatermarkSize = sizeof(ushort) + sizeof(long) + Hash.Size;
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
    private Hash _last;
    private bool _isTorn, _isDisposed;

    private LedgerIndex(string directory, string origin, RocksDb database, Reached reached)
    {
        (_directory, _origin, _database, _size, _last) = (directory, origin, database, reached.Size, reached.Last);
        _times = new TimeWriter(database, _size);
        Rows = new RowImages(this);
    }

    /// <summary>How far the index reaches: entries, and the leaf hash of the last of them.</summary>
    private readonly record struct Reached(long Size, Hash Last);

    /// <summary>What every living row last held.</summary>
    public RowImages Rows { get; }

    /// <summary>Entries indexed: all below this index are found.</summary>
    public long IndexedSize => Interlocked.Read(ref _size);

    /// <summary>True if the last entry indexed was this one: the ledger goes on where the index stands. Only the writer may ask.</summary>
    /// <param name="lastEntry">The ledger's entry before <see cref="IndexedSize"/>.</param>
    public bool EndsWith(ReadOnlySpan<byte> lastEntry) => Tree.Leaf(lastEntry) == _last;

    /// <summary>Opens the index of a ledger, or begins an empty one where there is none, it is damaged, of another version, or another ledger's.</summary>
    /// <exception cref="IndelibleException">Environment: another process holds it, or the disk fails. Usage: the directory holds something else.</exception>
    public static LedgerIndex Open(string directory, string origin)
    {
        IndexDirectory.Claim(directory);
        if (IndexDirectory.IsCondemned(directory)) return Begin(directory, origin);
        RocksDb? database = null;
        try
        {
            database = RocksDb.Open(Options(), directory);
            if (ReadWatermark(database, origin) is { } reached) return new LedgerIndex(directory, origin, database, reached);
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
            (_isDisposed, _isTorn, _last) = (false, true, default);
            Interlocked.Exchange(ref _size, 0);
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Indexes entries; the first must be at <see cref="IndexedSize"/>. Found by queries when it returns; durable later, by itself.</summary>
    /// <exception cref="ArgumentException">An entry does not decode, or the first index is not the next.</exception>
    /// <exception cref="IndexDamagedException">The index contradicts itself, or its disk fails.</exception>
    public void Add(long firstIndex, IReadOnlyList<IndexEntry> entries) => Use(_ =>
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(firstIndex, IndexedSize);
        for (int begin = 0; begin < entries.Count; begin += PostingBatch.EntriesMax)
        {
            AddChunk(entries, begin, Math.Min(begin + PostingBatch.EntriesMax, entries.Count));
        }
        return true;
    });

    /// <summary>Entries that match, a page at a time. Any thread.</summary>
    /// <exception cref="IndelibleException">Usage: the cursor is none of ours.</exception>
    /// <exception cref="IndexDamagedException">The index contradicts itself.</exception>
    public Page Find(Query query)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        return Use(_ => FindPage(query));
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
    public void Flush() => Use(_ =>
    {
        FlushDatabase();
        return true;
    });

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

    /// <summary>Reads or writes while the database cannot be closed or exchanged. Damage met on the way is noted: the next to open the index begins it again.</summary>
    internal T Use<T>(Func<RocksDb, T> action)
    {
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return action(_database);
        }
        catch (RocksDbException inner)
        {
            IndexDirectory.Condemn(_directory);
            throw new IndexDamagedException(inner.Message, inner);
        }
        catch (IndexDamagedException)
        {
            IndexDirectory.Condemn(_directory);
            throw;
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
        catch (RocksDbException inner) when (IsOfDisk(inner))
        {
            throw CannotWrite(_directory, inner);
        }
    }

    /// <summary>True where the disk refused; RocksDB says so of every call after it, too. False for contents that contradict themselves.</summary>
    private static bool IsOfDisk(RocksDbException e) => e.Message.StartsWith("IO error", StringComparison.Ordinal);

    private static IndelibleException CannotWrite(string directory, RocksDbException inner) => new(ExitCode.Environment,
        $"cannot write the index in {directory}: {inner.Message}. If the disk is full, free space on it and start again: the index is derived, and nothing sealed is lost", inner);

    private void FlushDatabase()
    {
        try
        {
            _database.Flush(new FlushOptions().SetWaitForFlush(true));
        }
        catch (RocksDbException inner) when (IsOfDisk(inner))
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
        catch (Exception e) when (e is IndelibleException or RocksDbException)
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
        Hash last = Tree.Leaf(entries[end - 1].Bytes.Span);
        batch.Put(WatermarkKey, Watermark(new Reached(size, last), _origin));
        WriteUnlogged(_database, batch);
        _last = last;
        Interlocked.Exchange(ref _size, size);
        _isTorn = false;
    }

    private void Restore(long size)
    {
        _postings.Clear();
        _times = new TimeWriter(_database, size);
    }

    /// <summary>The index a cursor stands for.</summary>
    /// <exception cref="IndelibleException">Usage: it is none of ours.</exception>
    public static long ParseCursor(string cursor) =>
        long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long index) && index < long.MaxValue ? index
            : throw new IndelibleException(ExitCode.Usage, $"expected a cursor as a page before printed it, found '{cursor}'");

    private static LedgerIndex Begin(string directory, string origin) => new(directory, origin, BeginDatabase(directory, origin), default);

    private static RocksDb BeginDatabase(string directory, string origin)
    {
        IndexDirectory.Empty(directory);
        try
        {
            RocksDb database = RocksDb.Open(Options(), directory);
            database.Put(WatermarkKey, Watermark(default, origin));
            return database;
        }
        catch (RocksDbException inner)
        {
            throw new IndelibleException(ExitCode.Environment, $"the index in {directory} cannot be made: {inner.Message}", inner);
        }
    }

    /// <summary>Version, size, hash of the last entry, origin.</summary>
    private static byte[] Watermark(Reached reached, string origin)
    {
        byte[] value = new byte[WatermarkSize + Encoding.UTF8.GetByteCount(origin)];
        BinaryPrimitives.WriteUInt16BigEndian(value, FormatVersion);
        BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(sizeof(ushort)), reached.Size);
        reached.Last.CopyTo(value.AsSpan(sizeof(ushort) + sizeof(long)));
        Encoding.UTF8.GetBytes(origin, value.AsSpan(WatermarkSize));
        return value;
    }

    /// <summary>How far it reaches; null if this is not an index of this ledger and version.</summary>
    private static Reached? ReadWatermark(RocksDb database, string origin)
    {
        byte[]? value = database.Get(WatermarkKey);
        if (value is null || value.Length < WatermarkSize) return null;
        Reached reached = new(
            BinaryPrimitives.ReadInt64BigEndian(value.AsSpan(sizeof(ushort))),
            Hash.Read(value.AsSpan(sizeof(ushort) + sizeof(long), Hash.Size)));
        return reached.Size >= 0 && value.AsSpan().SequenceEqual(Watermark(reached, origin)) ? reached : null;
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
