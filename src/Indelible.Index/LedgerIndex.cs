using System.Buffers.Binary;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Ledger;
using Indelible.Ledger.Rocks;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Index;

/// <summary>Finds entries. Derived from the ledger, disposable, never believed by a verifier.
/// Holds hashes, indexes and times; no value in clear.</summary>
/// <remarks>RocksDB without a log of its own: the ledger is one.
/// A watermark in every batch says how far the index reaches, so a crash loses its last writes and nothing else;
/// whoever holds the ledger adds them again. One writer; any number of queries at the same time.</remarks>
public sealed class LedgerIndex : IDisposable
{
    private const ushort FormatVersion = 3;
    /// <summary>Entries added and not yet given to RocksDB, at most; what they are found by takes some 35 MiB then.</summary>
    private const int PendingMax = 1 << 17;
    /// <summary>The same, of runs of them.</summary>
    private const int PendingRunsMax = 1 << 20;
    /// <summary>Runs from which on a table file costs less than as many insertions into RocksDB's memory.</summary>
    private const int TableRunsMin = 1 << 16;
    private const int WatermarkSize = sizeof(ushort) + sizeof(long) + Hash.Size;
    private static readonly byte[] WatermarkKey = "W"u8.ToArray();

    /// <summary>Held exclusively while the database is closed or exchanged: RocksDB's pointers must not go from under a query.</summary>
    [SuppressMessage("Reliability", "CA2213", Justification = "A query that comes too late must still find the lock, to be refused.")]
    private readonly ReaderWriterLockSlim _lifetime = new();
    private readonly string _directory;
    private readonly string _origin;
    private readonly SafeFileHandle _held;
    private readonly Lock _adding = new();
    private readonly PostingBatch _postings = new();
    private RocksDb _database;
    private TimeWriter _times;
    private long _size;
    private Hash _last;
    private Reached _written;
    private long _resets;
    private bool _isTorn, _isDisposed;
    private IndexDiskException? _closedBy;

    /// <summary>The first write that the disk refused: RocksDB takes none after it, so nothing is collected for one.</summary>
    private volatile IndexDiskException? _refused;

    private LedgerIndex(string directory, string origin, RocksDb database, Reached reached, SafeFileHandle held)
    {
        _held = held;
        (_directory, _origin, _database, _size, _last, _written) = (directory, origin, database, reached.Size, reached.Last, reached);
        _times = new TimeWriter(database, _size);
        Rows = new RowImages(this);
    }

    /// <summary>How far the index reaches: entries, and the leaf hash of the last of them.</summary>
    private readonly record struct Reached(long Size, Hash Last);

    /// <summary>Free bytes on its disk.</summary>
    public long FreeSpace => new DriveInfo(_directory).AvailableFreeSpace;

    /// <summary>What every living row last held.</summary>
    public RowImages Rows { get; }

    /// <summary>Entries indexed: all below this index are found.</summary>
    public long IndexedSize => Interlocked.Read(ref _size);

    /// <summary>How often this object threw everything away, or what it had not written yet:
    /// what was read before says nothing of what is read after.</summary>
    public long Resets => Interlocked.Read(ref _resets);

    /// <summary>True if the last entry indexed was this one: the ledger goes on where the index stands. Only the writer may ask.</summary>
    /// <param name="lastEntry">The ledger's entry before <see cref="IndexedSize"/>.</param>
    public bool EndsWith(ReadOnlySpan<byte> lastEntry) => Tree.Leaf(lastEntry) == _last;

    /// <summary>Opens the index of a ledger, or begins an empty one where there is none, it is damaged, of another version,
    /// or another ledger's.</summary>
    /// <exception cref="IndelibleException">Environment: another process holds it, or the disk fails.
    /// Usage: the directory holds something else.</exception>
    public static LedgerIndex Open(string directory, string origin)
    {
        SafeFileHandle held = IndexDirectory.Claim(directory);
        try
        {
            return Open(directory, origin, held);
        }
        catch
        {
            held.Dispose();
            throw;
        }
    }

    private static LedgerIndex Open(string directory, string origin, SafeFileHandle held)
    {
        if (IndexDirectory.IsCondemned(directory)) return Begin(directory, origin, held);
        RocksDb? database = null;
        try
        {
            database = IndexOptions.Open(directory, merges: false);
            if (IndexOptions.HasManyFiles(database)) IndexOptions.BeginMerging(database);
            if (ReadWatermark(database, origin) is { } reached) return new LedgerIndex(directory, origin, database, reached, held);
            database.Dispose();
        }
        catch (RocksDbException inner) when (inner.Message.Contains("/LOCK", StringComparison.Ordinal))
        {
            throw IndexDirectory.InUse(directory, inner);
        }
        catch (RocksDbException inner) when (IsFull(inner))
        {
            database?.Dispose();
            throw new IndexDiskException(directory, inner);
        }
        catch (RocksDbException)
        {
            database?.Dispose();    // damaged: it is rebuilt
        }
        catch (IndexDamagedException)
        {
            database?.Dispose();    // likewise
        }
        return Begin(directory, origin, held);
    }

    /// <summary>To be called by whoever keeps the index open: from now on its files are merged in the background.
    /// A command that ends in seconds would only begin that, not end it, and the next begin it again.</summary>
    public void BeginMerging() => Use(static database =>
    {
        IndexOptions.BeginMerging(database);
        return true;
    });

    /// <summary>Throws everything away: what was indexed must be added again from index 0.</summary>
    public void Reset()
    {
        _lifetime.EnterWriteLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _database.Dispose();
            _isDisposed = true;    // until another is open
            _closedBy = null;
            Interlocked.Increment(ref _resets);
            _database = BeginDatabase(_directory, _origin);
            (_isDisposed, _refused) = (false, null);
            GoBackTo(default);
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Opens the database anew after its disk was full: RocksDB writes nothing more until then.
    /// What it had not written is to be added again.</summary>
    /// <exception cref="IndexDiskException">There is still no room. Queries fail likewise until this is tried again.</exception>
    public void Reopen()
    {
        _lifetime.EnterWriteLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _database.Dispose();
            Interlocked.Increment(ref _resets);
            _database = IndexOptions.Open(_directory, merges: true);
            Reached reached = ReadWatermark(_database, _origin) ?? throw new IndexDamagedException("it does not say how far it reaches");
            _closedBy = _refused = null;
            GoBackTo(reached);
        }
        catch (RocksDbException inner)
        {
            throw _closedBy = new IndexDiskException(_directory, inner);
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Indexes entries by the terms their batches carry; the first must be at <see cref="IndexedSize"/>.
    /// Found by queries when it returns; durable later, by itself.</summary>
    /// <exception cref="ArgumentException">A batch carries no terms, or the first index is not the next.</exception>
    /// <exception cref="IndexDamagedException">The index contradicts itself.</exception>
    /// <exception cref="IndexDiskException">The disk is full or fails.</exception>
    public void Add(long firstIndex, IReadOnlyList<EntryBatch> batches) => Use(database =>
    {
        lock (_adding)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(firstIndex, IndexedSize);
            if (_refused is { } reason) throw reason;
            if (_isTorn) Restore(firstIndex);
            try
            {
                foreach (EntryBatch batch in batches) Add(database, batch);
            }
            catch
            {
                GoBackTo(_written);     // what is not written is to be added again
                throw;
            }
        }
        return true;
    });

    /// <summary>Entries that match, a page at a time. Any thread.</summary>
    /// <exception cref="IndelibleException">Usage: the cursor is none of ours.</exception>
    /// <exception cref="IndexDamagedException">The index contradicts itself.</exception>
    public Page Find(Query query)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(query.Limit, 1);
        return Use(database =>
        {
            WriteWhatMayMatch(database, query);
            return FindPage(query);
        });
    }

    /// <summary>A search reads what RocksDB has. What a query does not ask for is left where it is:
    /// a backlog is indexed in far larger pieces than queries come.</summary>
    private void WriteWhatMayMatch(RocksDb database, Query query)
    {
        lock (_adding)
        {
            if (Search.TermsOf(query).All(any => any.Any(_postings.Has))) WritePending(database);
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
    public void Flush() => Use(database =>
    {
        lock (_adding) WritePending(database);
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
            using (_held)
            {
                using (_database)
                {
                    if (_closedBy is null) TryFlush();
                }
            }
        }
        finally
        {
            _lifetime.ExitWriteLock();
        }
    }

    /// <summary>Reads or writes while the database cannot be closed or exchanged.
    /// Damage met on the way is noted: the next to open the index begins it again.</summary>
    internal T Use<T>(Func<RocksDb, T> action) => Use(action, static (database, act) => act(database));

    /// <inheritdoc cref="Use{T}(Func{RocksDb, T})"/>
    internal T Use<TState, T>(TState state, Func<RocksDb, TState, T> action)
    {
        _lifetime.EnterReadLock();
        try
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            return _closedBy is { } reason ? throw reason : action(_database, state);
        }
        catch (RocksDbException inner) when (IsFull(inner))
        {
            throw new IndexDiskException(_directory, inner);
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

    /// <exception cref="IndexDiskException">The disk is full or fails.</exception>
    internal void WriteUnlogged(RocksDb database, WriteBatch batch)
    {
        try
        {
            database.Write(batch, WriteMode.Unlogged);
        }
        catch (RocksDbException inner) when (IsOfDisk(inner))
        {
            throw _refused = new IndexDiskException(_directory, inner);
        }
    }

    /// <summary>True where the disk refused; RocksDB says so of every call after it, too.
    /// False for contents that contradict themselves.</summary>
    private static bool IsOfDisk(RocksDbException e) => e.Message.StartsWith("IO error", StringComparison.Ordinal);

    private static bool IsFull(RocksDbException e) => IsOfDisk(e) && e.Message.Contains("No space left", StringComparison.Ordinal);

    private void FlushDatabase()
    {
        try
        {
            _database.Flush(IndexOptions.Postings);
            _database.Flush(IndexOptions.Rows);
        }
        catch (RocksDbException inner) when (IsOfDisk(inner))
        {
            throw _refused = new IndexDiskException(_directory, inner);
        }
    }

    /// <summary>At the end: what cannot be flushed is indexed again from the ledger at the next start, so that is no failure.</summary>
    private bool TryFlush()
    {
        try
        {
            WritePending(_database);
            FlushDatabase();
            return true;
        }
        catch (Exception e) when (e is IndexDiskException or RocksDbException)
        {
            return false;
        }
    }

    private void Add(RocksDb database, EntryBatch batch)
    {
        for (int i = 0; i < batch.Count; i++)
        {
            _postings.Add(batch.TermsOf(i), (int)(_size - _written.Size));
            _times.Add(batch.TimeOf(i));
            bool isFull = _size + 1 - _written.Size == PendingMax || _postings.RunCount >= PendingRunsMax;
            if (isFull || i == batch.Count - 1) _last = Tree.Leaf(batch[i].Span);
            Interlocked.Increment(ref _size);
            if (isFull) WritePending(database);
        }
    }

    /// <summary>Gives RocksDB what was added since the last time, all or nothing. Nobody adds meanwhile.</summary>
    private void WritePending(RocksDb database)
    {
        if (_size == _written.Size) return;
        Reached reached = new(_size, _last);
        try
        {
            if (_postings.RunCount < TableRunsMin) WriteBatch(database, reached);
            else WriteTable(database, reached);
        }
        catch
        {
            GoBackTo(_written);
            throw;
        }
        _postings.Clear();
        _written = reached;
    }

    private void WriteBatch(RocksDb database, Reached reached)
    {
        using WriteBatch batch = database.NewBatch();
        PutPending((key, value) => batch.Put(IndexOptions.Postings, key, value), reached);
        WriteUnlogged(database, batch);
    }

    private void WriteTable(RocksDb database, Reached reached)
    {
        try
        {
            using TableFile table = database.NewTable(IndexOptions.Postings, Path.Combine(_directory, IndexDirectory.NextTable));
            PutPending(table.Put, reached);
            table.Ingest();
        }
        catch (RocksDbException inner) when (IsOfDisk(inner))
        {
            throw _refused = new IndexDiskException(_directory, inner);
        }
    }

    /// <summary>In the order of keys: 'P', 'T', 'U', 'W'.</summary>
    private void PutPending(RecordSink put, Reached reached)
    {
        _postings.WriteTo(put, _written.Size);
        _times.WriteTo(put);
        put(WatermarkKey, Watermark(reached, _origin));
    }

    private void GoBackTo(Reached reached)
    {
        (_written, _last, _isTorn) = (reached, reached.Last, true);
        Interlocked.Exchange(ref _size, reached.Size);
    }

    private void Restore(long size)
    {
        _postings.Clear();
        _times = new TimeWriter(_database, size);
        _isTorn = false;
    }

    /// <summary>The index a cursor stands for.</summary>
    /// <exception cref="IndelibleException">Usage: it is none of ours.</exception>
    public static long ParseCursor(string cursor) =>
        long.TryParse(cursor, NumberStyles.None, CultureInfo.InvariantCulture, out long index) && index < long.MaxValue ? index
            : throw new IndelibleException(ExitCode.Usage, $"expected a cursor as a page before printed it, found '{cursor}'");

    private static LedgerIndex Begin(string directory, string origin, SafeFileHandle held) =>
        new(directory, origin, BeginDatabase(directory, origin), default, held);

    private static RocksDb BeginDatabase(string directory, string origin)
    {
        IndexDirectory.Empty(directory);
        RocksDb? database = null;
        try
        {
            database = IndexOptions.Open(directory, merges: true);
            using WriteBatch batch = database.NewBatch();
            batch.Put(IndexOptions.Postings, WatermarkKey, Watermark(default, origin));
            database.Write(batch, WriteMode.Logged);
            return database;
        }
        catch (RocksDbException inner)
        {
            database?.Dispose();
            if (IsFull(inner)) throw new IndexDiskException(directory, inner);
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
        byte[]? value = database.Get(IndexOptions.Postings, WatermarkKey);
        if (value is null || value.Length < WatermarkSize) return null;
        Reached reached = new(
            BinaryPrimitives.ReadInt64BigEndian(value.AsSpan(sizeof(ushort))),
            Hash.Read(value.AsSpan(sizeof(ushort) + sizeof(long), Hash.Size)));
        return reached.Size >= 0 && value.AsSpan().SequenceEqual(Watermark(reached, origin)) ? reached : null;
    }
}
