using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>A ledger as queries see it: reader, index and, where values are concerned, the keyring.</summary>
public sealed class LedgerView : IDisposable
{
    private const int PageLimit = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Glance = TimeSpan.FromMilliseconds(10);

    private readonly Lazy<Keyring> _keyring;
    private readonly bool _ownsKeyring;

    private LedgerView(LedgerPaths paths, string origin, Lazy<Keyring> keyring, ILogger logger, bool isClosed = false)
    {
        _ownsKeyring = !isClosed;
        Paths = paths;
        Origin = origin;
        _keyring = keyring;
        LedgerReader all = LedgerReader.Of(paths);
        Published = all.Published(paths);
        Reader = isClosed ? Published : all;
        Values = new SealedValues(() => Keyring, Reader);
        Feed = new IndexFeed(LedgerIndex.Open(paths.Index, origin), Reader, Values, logger);
    }

    /// <summary>Where everything is.</summary>
    public LedgerPaths Paths { get; }
    /// <summary>The ledger's origin.</summary>
    public string Origin { get; }
    /// <summary>Verifier key of a closed ledger, as its successor names it; null for any other.</summary>
    public string? ClosedKey { get; private init; }
    /// <summary>Reads entries; of a ledger in a bucket also those that wait here for it.</summary>
    public LedgerReader Reader { get; }
    /// <summary>Reads under the published head: nothing else is proved, stamped, cosigned or copied.</summary>
    public LedgerReader Published { get; }
    /// <summary>Writes the index.</summary>
    public IndexFeed Feed { get; }
    /// <summary>Finds entries.</summary>
    public LedgerIndex Index => Feed.Index;
    /// <summary>Opens sealed values.</summary>
    public SealedValues Values { get; }
    /// <summary>The keys; opened when first asked for.</summary>
    /// <exception cref="IndelibleException">No key, the wrong key, or another process has the keyring.</exception>
    public Keyring Keyring => _keyring.Value;

    /// <summary>Header of a published entry.</summary>
    /// <exception cref="LedgerCorruptException">The entry cannot be decoded.</exception>
    internal EntryHeader Header(long index) => Entry(index).Header;

    /// <summary>A published entry.</summary>
    /// <exception cref="LedgerCorruptException">It does not decode.</exception>
    /// <exception cref="IndelibleException">A newer program wrote it.</exception>
    public Entry Entry(long index)
    {
        EntryFault fault = EntryCodec.Decode(Reader.ReadEntry(index), out Entry entry);
        return fault == EntryFault.None ? entry : throw LedgerReader.Unreadable(index, fault, Paths.Ledger);
    }

    /// <summary>The entries among those the index named that are what was asked for.
    /// The index is not believed: the others are left out.</summary>
    /// <param name="named">By the index.</param>
    /// <param name="query">What was asked for.</param>
    /// <param name="strangers">Receives the others; null if nobody wants them.</param>
    public IEnumerable<IndexedEntry> Matching(IEnumerable<long> named, Query query, ICollection<long>? strangers = null)
    {
        foreach (long index in named)
        {
            Entry entry = Entry(index);
            if (QueryMatch.Of(query, entry)) yield return new IndexedEntry(index, entry);
            else strangers?.Add(index);
        }
    }

    /// <summary>Headers of a source's published entries of one kind, newest first, those included that the index has not reached.</summary>
    internal IEnumerable<EntryHeader> NewestFirst(string source, EntryKind kind) =>
        NewestEntries(source, kind).Select(entry => entry.Header);

    /// <summary>The same, whole.</summary>
    internal IEnumerable<Entry> NewestEntries(string source, EntryKind kind) => Newest(source, kind).Select(found => found.Entry);

    /// <summary>The same, with their places; of a source, or whatever they are about.</summary>
    internal IEnumerable<IndexedEntry> Newest(string? source, EntryKind kind)
    {
        long indexed = Index.IndexedSize;
        Query query = new() { Source = source, Kind = kind, Limit = PageLimit };
        foreach (IndexedEntry found in Unindexed(indexed, kind).Where(found => QueryMatch.Of(query, found.Entry)).Reverse())
            yield return found;
        for (string? after = null; ;)
        {
            Page page = Index.Find(query with { After = after });
            foreach (IndexedEntry found in Matching(page.Entries.Where(index => index < indexed), query)) yield return found;
            if ((after = page.Next) is null) yield break;
        }
    }

    /// <summary>Entries of a kind that the index has not reached.
    /// In a backlog these are many, nearly all of other kinds: what is not wanted is not decoded.</summary>
    private IEnumerable<IndexedEntry> Unindexed(long from, EntryKind kind)
    {
        for (long index = from, size = Reader.ReadCheckpoint().Size; index < size; index++)
        {
            if (EntryCodec.KindOf(Reader.ReadEntry(index).Span) is not { } other || other == kind)
                yield return new IndexedEntry(index, Entry(index));
        }
    }

    /// <summary>Opens a ledger that no process holds, and brings the index up to what is published.</summary>
    /// <exception cref="IndelibleException">Environment, busy: another process holds the ledger or its index.</exception>
    public static async Task<LedgerView> OpenAsync(LedgerPaths paths, ILogger logger, CancellationToken cancellationToken)
    {
        LedgerWriter.RequireFree(paths);    // whoever holds it is to have the index
        LedgerView view = Open(paths, logger);
        await view.Feed.OpenAsync(cancellationToken);
        return view;
    }

    /// <summary>Opens a ledger that no process holds; the index stands where it stood.</summary>
    public static LedgerView Open(LedgerPaths paths, ILogger logger)
    {
        LedgerWriter.RequireStore(paths);
        string origin = new LedgerReader(paths.Ledger).ReadCheckpoint().Origin;
        return new LedgerView(paths, origin, new Lazy<Keyring>(() => OpenKeyring(paths)), logger);
    }

    /// <summary>Opens a closed ledger, which nobody writes any more, with its successor's keyring;
    /// the index stands where it stood.</summary>
    internal static LedgerView OpenClosed(LedgerPaths paths, string? key, Func<Keyring> keyring, ILogger logger) =>
        new(paths, new LedgerReader(paths.Ledger).ReadCheckpoint().Origin, new Lazy<Keyring>(keyring), logger, isClosed: true)
        {
            ClosedKey = key,
        };

    /// <summary>Opens the keyring of a ledger.</summary>
    public static Keyring OpenKeyring(LedgerPaths paths)
    {
        using MasterKey master = MasterKey.Load(paths.Keyring);
        return Keyring.Open(paths.Keyring, master);
    }

    /// <summary>For the ledger's only writer. A query that has the index ends soon, and another does not begin while
    /// the ledger is held.</summary>
    internal static async Task<LedgerView> OpenAsync(
        LedgerPaths paths, Keyring keyring, TimeProvider time, ILogger logger, CancellationToken cancellationToken)
    {
        for (long started = time.GetTimestamp(); ; await Task.Delay(Glance, time, cancellationToken))
        {
            try
            {
                return new LedgerView(paths, keyring.Origin, new Lazy<Keyring>(keyring), logger);
            }
            catch (IndelibleException e) when (e.IsBusy && time.GetElapsedTime(started) < Patience)
            {
                continue;
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Feed.Dispose();
        Reader.Stored?.Dispose();
        if (_ownsKeyring && _keyring.IsValueCreated) _keyring.Value.Dispose();
    }
}
