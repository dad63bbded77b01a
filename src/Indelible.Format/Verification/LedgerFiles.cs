using Indelible.Format.Merkle;

namespace Indelible.Format.Verification;

/// <summary>Gives the bytes of a file of a ledger, or null if there is none. The bytes are used only until the next call.</summary>
/// <param name="path">Below the ledger directory, such as <c>tile/0/000.p/7</c> or <c>checkpoint</c>.</param>
public delegate ReadOnlyMemory<byte>? Fetch(string path);

/// <summary>Opens a file of a ledger for reading once from the start, or null if there is none. For blobs, which may be large.</summary>
public delegate Stream? OpenFile(string path);

/// <summary>Reads tiles and bundles of a tree whose size is known: a partial one may have been replaced by the
/// full one meanwhile.</summary>
internal sealed class LedgerFiles(Fetch fetch)
{
    /// <summary>The bytes at this place, and the width of the file they come from; null if neither the partial nor the
    /// full file is there.</summary>
    public ReadOnlyMemory<byte>? Read(TileCoordinate coordinate, out TileCoordinate found)
    {
        found = coordinate;
        ReadOnlyMemory<byte>? bytes = fetch(coordinate.Path);
        if (bytes is not null || coordinate.IsFull) return bytes;
        found = coordinate.Full;
        return fetch(found.Path);
    }

    public ReadOnlyMemory<byte>? Read(string path) => fetch(path);
}
