using System.Threading.Channels;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Keeps the index behind what is published. What is lost on the way is read again from the ledger:
/// the index is never the only copy.</summary>
/// <remarks>One loop writes the index: either <see cref="RunAsync"/>,
/// or the caller of <see cref="CatchUpAsync"/> when no loop runs.</remarks>
public sealed class IndexFeed : IDisposable
{
    private const int OffersMax = 64;
    /// <summary>Bytes of entries that wait in memory; what is offered beyond that is read from the ledger when its turn comes.</summary>
    private const long WaitingLengthMax = 24 << 20;
    /// <summary>Longest a backlog waits for the index, for each batch of it.</summary>
    private static readonly TimeSpan RoomWaitMax = TimeSpan.FromMilliseconds(250);
    /// <summary>Between attempts to write an index whose disk is full.</summary>
    private static readonly TimeSpan DiskPause = TimeSpan.FromSeconds(5);
    /// <summary>Free bytes on the index's disk from which on that is tried.</summary>
    private const long DiskRoomMin = 16 << 20;
    private static readonly TimeSpan RoomPause = TimeSpan.FromMilliseconds(5);
    private const int CatchUpCountMax = 4096;
    private const int CatchUpLengthMax = 4 << 20;
    /// <summary>Entries after which the log says how far a long way is.</summary>
    private const int LoggedCount = 1_000_000;

    private readonly Channel<PublishedEntries> _offers;
    private readonly SemaphoreSlim _writing = new(1);
    private readonly LedgerReader _reader;
    private readonly SealedValues _values;
    private readonly ILogger _logger;
    private long _waitingLength;
    private volatile bool _isFollowing;

    internal IndexFeed(LedgerIndex index, LedgerReader reader, SealedValues values, ILogger logger)
    {
        Index = index;
        _reader = reader;
        _values = values;
        _logger = logger;
        // The newest offer is always kept: it says how far there is to go.
        BoundedChannelOptions options = new(OffersMax) { FullMode = BoundedChannelFullMode.DropOldest };
        _offers = Channel.CreateBounded<PublishedEntries>(options, dropped => Interlocked.Add(ref _waitingLength, -dropped.Length));
    }

    /// <summary>The index; may trail the published size by what is on the way.</summary>
    public LedgerIndex Index { get; }

    /// <summary>Called by the publisher. Never waits: where too much waits already, the entries are left to be
    /// read from the ledger.</summary>
    public void Offer(PublishedEntries published)
    {
        if (Interlocked.Add(ref _waitingLength, published.Length) > WaitingLengthMax)
        {
            Interlocked.Add(ref _waitingLength, -published.Length);
            published = published with { Batches = [] };
        }
        _offers.Writer.TryWrite(published);
    }

    /// <summary>Waits a moment at most while much waits to be indexed.
    /// Indexing what is at hand costs far less than reading it again, so a backlog is not
    /// read faster than that; but an index that is being rebuilt, or ill, holds up nothing for long.</summary>
    public async Task RoomAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        long started = time.GetTimestamp();
        while (_isFollowing && Interlocked.Read(ref _waitingLength) > WaitingLengthMax / 2 && time.GetElapsedTime(started) < RoomWaitMax)
        {
            await Task.Delay(RoomPause, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (cancellationToken.IsCancellationRequested) return;
        }
    }

    /// <summary>Why the index cannot be written; null if it can. Sealing does not wait for it.</summary>
    public string? Problem { get; private set; }

    /// <summary>Catches up, then indexes offers, until cancelled; also when the index's disk was full for a while.</summary>
    public async Task RunAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        await Task.Yield(); // an index that was lost is long in the filling
        while (true)
        {
            try
            {
                await FollowAsync(cancellationToken);
                return;
            }
            catch (IndexDiskException e)
            {
                if (Problem is null) ServerLog.IndexUnwritable(_logger, e.Message);
                Problem = e.Message;
                DropOffers();
            }
            catch (IndelibleException e) when (_reader.Stored is not null)
            {
                if (Problem is null) ServerLog.IndexUnwritable(_logger, e.Message);
                Problem = e.Message;        // what it is to be made of is in a bucket that does not answer
                DropOffers();
                await Task.Delay(DiskPause, time, cancellationToken);
                continue;
            }
            await RoomOnDiskAsync(time, cancellationToken);
        }
    }

    /// <summary>Waits until there is room, and opens the index anew: until then it takes no more writes.</summary>
    private async Task RoomOnDiskAsync(TimeProvider time, CancellationToken cancellationToken)
    {
        do await Task.Delay(DiskPause, time, cancellationToken);
        while (Index.FreeSpace < DiskRoomMin);
        await _writing.WaitAsync(cancellationToken);
        try
        {
            Index.Reopen();
        }
        catch (IndexDiskException)
        {
            return; // the next attempt to write says so again
        }
        finally
        {
            _writing.Release();
        }
    }

    private async Task FollowAsync(CancellationToken cancellationToken)
    {
        _isFollowing = true;
        try
        {
            Index.BeginMerging();
            await CatchUpAsync(cancellationToken);
            while (await _offers.Reader.WaitToReadAsync(cancellationToken)) await AddOffersAsync(cancellationToken);
        }
        finally
        {
            _isFollowing = false;
        }
    }

    private async Task AddOffersAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            AddOffers(long.MaxValue, cancellationToken);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Indexes everything published by now; when it returns a query sees it.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            long size = _reader.ReadCheckpoint().Size;
            AddOffers(size, cancellationToken);    // much cheaper than to read them again
            RequireOwn(size);
            CatchUp(size, cancellationToken);
            Problem = null;
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <summary>Catches up, and makes the index again if it is found damaged. Before anything else uses it.</summary>
    public async Task OpenAsync(CancellationToken cancellationToken)
    {
        try
        {
            await CatchUpAsync(cancellationToken);
        }
        catch (IndexDamagedException e)
        {
            ServerLog.IndexDamaged(_logger, e.Message);
            await RebuildAsync(static (_, _) => { }, cancellationToken);
        }
    }

    /// <summary>Throws the index away and makes it again from the ledger.
    /// No source may be captured meanwhile: what rows last held is in it too.</summary>
    /// <param name="progress">Told how many entries are indexed, of how many.</param>
    /// <param name="cancellationToken">Stops; what is missing is indexed when it is asked for.</param>
    public async Task RebuildAsync(Action<long, long> progress, CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            Index.Reset();
            CatchUp(_reader.ReadCheckpoint().Size, cancellationToken, progress);
        }
        finally
        {
            _writing.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Index.Dispose();
        _writing.Dispose();
    }

    /// <summary>They are read from the ledger again.</summary>
    private void DropOffers()
    {
        while (_offers.Reader.TryRead(out PublishedEntries? published)) Interlocked.Add(ref _waitingLength, -published.Length);
    }

    private void AddOffers(long to, CancellationToken cancellationToken)
    {
        while (Index.IndexedSize < to && _offers.Reader.TryRead(out PublishedEntries? published))
        {
            try
            {
                CatchUp(published.From, cancellationToken);    // what was left out before it
                if (Index.IndexedSize == published.From && published.HasTerms) Index.Add(published.From, published.Batches);
                else CatchUp(published.To, cancellationToken);
            }
            finally
            {
                Interlocked.Add(ref _waitingLength, -published.Length);
            }
        }
    }

    /// <summary>Throws away what was indexed of another history than this ledger's. Before anything else uses the index.</summary>
    public void RequireOwn() => RequireOwn(_reader.ReadCheckpoint().Size);

    private void RequireOwn(long size)
    {
        long indexed = Index.IndexedSize;
        if (indexed > size || (indexed > 0 && !Index.EndsWith(_reader.ReadEntry(indexed - 1).Span))) Index.Reset();
    }

    private void CatchUp(long to, CancellationToken cancellationToken, Action<long, long>? progress = null)
    {
        long from = Index.IndexedSize, logged = from;
        if (from >= to) return;
        EntryTerms terms = new();
        EntryBatch chunk = new();
        foreach ((long index, ReadOnlyMemory<byte> bytes) in _reader.ReadEntries(from, to))
        {
            EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
            if (fault != EntryFault.None)
                throw LedgerReader.Unreadable(index, fault, TileCoordinate.Holding(TileCoordinate.EntriesLevel, index, to).Path);
            terms.Collect(entry, _values.TokensOf(entry));
            chunk.Add(bytes.Span, terms.Collected, EntryTerms.TimeOf(entry.Header));
            if (chunk.Count < CatchUpCountMax && chunk.FramedLength < CatchUpLengthMax && index + 1 < to) continue;
            cancellationToken.ThrowIfCancellationRequested();
            Index.Add(Index.IndexedSize, [chunk]);
            chunk = new EntryBatch();
            progress?.Invoke(index + 1, to);
            if (index + 1 - logged < LoggedCount) continue;
            logged = index + 1;
            ServerLog.IndexCatchingUp(_logger, logged, to);
        }
        ServerLog.IndexCaughtUp(_logger, from, to);
    }
}
