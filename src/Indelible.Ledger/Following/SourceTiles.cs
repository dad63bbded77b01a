using Indelible.Format;
using Indelible.Format.Merkle;

namespace Indelible.Ledger.Following;

/// <summary>Tiles and bundles of a ledger somebody else keeps, for a tree of a size: from the full file where the partial one is gone.
/// Checks shapes, no hash.</summary>
/// <param name="source">Where they are.</param>
/// <param name="name">The source, for messages.</param>
internal sealed class SourceTiles(LedgerFetch source, string name)
{
    /// <summary>Hashes of a tile, exactly as many as its width.</summary>
    /// <exception cref="IndelibleException">Finding: the source does not have it, or not in its shape.</exception>
    public async Task<Hash[]> HashesAsync(TileCoordinate place, CancellationToken cancellationToken)
    {
        (byte[] bytes, TileCoordinate found) = await ReadAsync(place, cancellationToken);
        return bytes.Length == found.Width * Hash.Size ? Hash.View(bytes)[..place.Width].ToArray()
            : throw Wrong($"{found.Path}: expected {found.Width} hashes of {Hash.Size} bytes, found {bytes.Length} bytes");
    }

    /// <summary>The file at a place, partial or full.</summary>
    /// <exception cref="IndelibleException">Finding: the source does not have it.</exception>
    public async Task<(byte[] Bytes, TileCoordinate Found)> ReadAsync(TileCoordinate place, CancellationToken cancellationToken)
    {
        if (await source.ReadAsync(place.Path, cancellationToken) is { } bytes) return (bytes, place);
        if (!place.IsFull && await source.ReadAsync(place.Full.Path, cancellationToken) is { } full) return (full, place.Full);
        throw Wrong($"expected the file {place.Path} that its checkpoint covers, found none");
    }

    /// <summary>Node hashes of the tree of a size, read one after the other, for proofs.</summary>
    public NodeReader Nodes(long treeSize) => new TileNodes(treeSize, place =>
    {
        ReadOnlyMemory<byte>? bytes = source.Fetch(place.Path);
        TileCoordinate found = place;
        if (bytes is null && !place.IsFull) (bytes, found) = (source.Fetch(place.Full.Path), place.Full);
        if (bytes is null) throw Wrong($"expected the file {place.Path} that its checkpoint covers, found none");
        if (bytes.Value.Length != found.Width * Hash.Size)
            throw Wrong($"{found.Path}: expected {found.Width} hashes of {Hash.Size} bytes, found {bytes.Value.Length} bytes");
        return bytes.Value[..(place.Width * Hash.Size)].ToArray();
    }).Read;

    /// <summary>A failure that is the source's: what it gives does not fit what it signed.</summary>
    public IndelibleException Wrong(string what) => new(ExitCode.Finding, $"{name}: {what}. Nothing was accepted; it is asked again");
}
