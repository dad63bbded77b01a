using Indelible.Format.Notes;

namespace Indelible.Ledger.Stores;

/// <summary>What a ledger's bucket holds and its directory does not: files under the published head,
/// of several versions the one that matches it. Many callers at a time.</summary>
/// <param name="store">The bucket.</param>
/// <param name="headPath">Where the published head is, here.</param>
public sealed class StoredFiles(StorePlace store, string headPath) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private BucketReader? _bucket;

    /// <summary>For people.</summary>
    public string Place => store.Name;

    /// <summary>A file of the ledger; null if the bucket has none.
    /// Of what is longer than <paramref name="lengthMax"/> a part is given that is too long as well.</summary>
    /// <exception cref="Indelible.Format.IndelibleException">The storage did not answer, or refused.</exception>
    public byte[]? Read(string path, int lengthMax) => ReadAsync(path, lengthMax, CancellationToken.None).GetAwaiter().GetResult();

    /// <inheritdoc cref="Read"/>
    public async Task<byte[]?> ReadAsync(string path, int lengthMax, CancellationToken cancellationToken)
    {
        Func<Task<Stream?>>? open;
        await _turn.WaitAsync(cancellationToken);
        try
        {
            open = await FindAsync(path, cancellationToken);
        }
        finally
        {
            _turn.Release();
        }
        await using Stream? content = open is null ? null : await open();
        return content is null ? null : await LedgerFetch.ReadAllAsync(content, lengthMax, cancellationToken);
    }

    /// <summary>What is listed of the bucket may be older than the file: then it is looked for once more.</summary>
    private async Task<Func<Task<Stream?>>?> FindAsync(string path, CancellationToken cancellationToken)
    {
        bool isNew = _bucket is null;
        _bucket ??= new BucketReader(store.Options(), null);
        if (isNew) Refresh();
        if (await _bucket.FindAsync(path, cancellationToken) is { } open) return open;
        if (isNew) return null;
        Refresh();
        return await _bucket.FindAsync(path, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _bucket?.Dispose();
        _turn.Dispose();
    }

    private void Refresh()
    {
        if (DurableFile.TryReadAll(headPath, SignedNote.LengthMax) is { } bytes
            && Checkpoint.Parse(bytes, out _, out Checkpoint? head).IsNone) _bucket!.Under(head!);
    }
}
