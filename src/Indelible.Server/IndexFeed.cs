using System.Threading.Channels;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>Keeps the index behind what is published. What is lost on the way is read again from the ledger: the index is never the only copy.</summary>
/// <remarks>One loop writes the index: either <see cref="RunAsync"/>, or the caller of <see cref="CatchUpAsync"/> when no loop runs.</remarks>
public sealed class IndexFeed : IDisposable
{
    private const int OffersMax = 64;
    private const int CatchUpChunk = 4096;

    private readonly Channel<PublishedEntries> _offers = Channel.CreateBounded<PublishedEntries>(OffersMax);
    private readonly SemaphoreSlim _writing = new(1);
    private readonly LedgerReader _reader;
    private readonly SealedValues _values;
    private readonly ILogger _logger;

    internal IndexFeed(LedgerIndex index, LedgerReader reader, SealedValues values, ILogger logger)
    {
        Index = index;
        _reader = reader;
        _values = values;
        _logger = logger;
    }

    /// <summary>The index; may trail the published size by what is on the way.</summary>
    public LedgerIndex Index { get; }

    /// <summary>Called by the publisher. Never waits: an offer that finds the queue full is dropped, and read from the ledger later.</summary>
    public void Offer(PublishedEntries published) => _offers.Writer.TryWrite(published);

    /// <summary>Indexes offers until cancelled.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        await foreach (PublishedEntries published in _offers.Reader.ReadAllAsync(cancellationToken))
        {
            await _writing.WaitAsync(cancellationToken);
            try
            {
                if (Index.IndexedSize < published.From) CatchUp(published.From, cancellationToken);
                if (Index.IndexedSize == published.From) Index.Add(published.From, Entries(published));
                else CatchUp(published.To, cancellationToken);
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
