using System.Threading.Channels;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Keeps the index behind what is published. What is lost on the way is read again from the ledger: the index is never the only copy.</summary>
/// <remarks>One loop writes the index: either <see cref="RunAsync"/>, or the caller of <see cref="CatchUpAsync"/> when no loop runs.</remarks>
public sealed class IndexFeed : IDisposable
{
    /// <summary>Bytes of entries that may wait in memory to be indexed.</summary>
    private const long OffersLengthMax = 64 << 20;
    private const int CatchUpChunk = 4096;

    private readonly Channel<PublishedEntries> _offers = Channel.CreateUnbounded<PublishedEntries>();    // bounded by their length
    private readonly SemaphoreSlim _writing = new(1);
    private readonly LedgerReader _reader;
    private readonly SealedValues _values;
    private readonly ILogger _logger;
    private long _offersLength;

    internal IndexFeed(LedgerIndex index, LedgerReader reader, SealedValues values, ILogger logger)
    {
        Index = index;
        _reader = reader;
        _values = values;
        _logger = logger;
    }

    /// <summary>The index; may trail the published size by what is on the way.</summary>
    public LedgerIndex Index { get; }

    /// <summary>Called by the publisher. Never waits: an offer that finds too much waiting is dropped, and read from the ledger later.</summary>
    public void Offer(PublishedEntries published)
    {
        if (Interlocked.Read(ref _offersLength) > OffersLengthMax) return;
        Interlocked.Add(ref _offersLength, published.Length);
        _offers.Writer.TryWrite(published);
    }

    /// <summary>Indexes offers until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        while (await _offers.Reader.WaitToReadAsync(cancellationToken))
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
    }

    /// <summary>Indexes everything published by now; when it returns a query sees it.</summary>
    public async Task CatchUpAsync(CancellationToken cancellationToken)
    {
        await _writing.WaitAsync(cancellationToken);
        try
        {
            long size = _reader.ReadCheckpoint().Size;
            AddOffers(size, cancellationToken);    // much cheaper than to read them again
            if (Index.IndexedSize > size) Index.Reset();    // an index of a longer history than this ledger has: not ours to believe
            CatchUp(size, cancellationToken);
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

    private void AddOffers(long to, CancellationToken cancellationToken)
    {
        while (Index.IndexedSize < to && _offers.Reader.TryRead(out PublishedEntries? published))
        {
            CatchUp(published.From, cancellationToken);     // what was dropped before it
            if (Index.IndexedSize == published.From) Index.Add(published.From, Entries(published));
            else CatchUp(published.To, cancellationToken);
            Interlocked.Add(ref _offersLength, -published.Length);
        }
    }

    private void CatchUp(long to, CancellationToken cancellationToken)
    {
        long from = Index.IndexedSize;
        if (from >= to) return;
        foreach ((long Index, ReadOnlyMemory<byte> Entry)[] chunk in _reader.ReadEntries(from, to).Chunk(CatchUpChunk))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Index.Add(chunk[0].Index, [.. chunk.Select(item => new IndexEntry(item.Entry, _values.TokensOf(item.Entry)))]);
        }
        ServerLog.IndexCaughtUp(_logger, from, to);
    }

    private static List<IndexEntry> Entries(PublishedEntries published)
    {
        List<IndexEntry> entries = new((int)(published.To - published.From));
        foreach (EntryBatch batch in published.Batches)
        {
            for (int i = 0; i < batch.Count; i++) entries.Add(new IndexEntry(batch[i], batch.BlindTokens(i)));
        }
        return entries;
    }
}
