using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Following;

/// <summary>Fetches bundles and checks them whole: every entry's hash, its canonical form and its origin;
/// and sees to it that their blobs are stored. Many at once.</summary>
internal sealed class BundleCheck(SourceTiles tiles, LedgerReader copy, BlobCopy blobs, NamedFiles named, string origin)
{
    /// <summary>A bundle that is what the signed root says, from here or from there.</summary>
    /// <exception cref="IndelibleException">Finding: it is not.</exception>
    /// <exception cref="LedgerCorruptException">The copy itself holds another one.</exception>
    public async Task<CheckedBundle> ReadAsync(PlannedBundle planned, CancellationToken cancellationToken)
    {
        await Task.Yield();     // checking is computation, and is to go on beside others
        string local = Path.Combine(copy.LedgerDirectory, planned.Place.Path);
        bool isHere = planned.Place.IsFull && Path.Exists(local);
        (byte[] bytes, TileCoordinate found) = isHere
            ? (DurableFile.ReadAll(local, Bundle.LengthMax), planned.Place)
            : await tiles.ReadAsync(planned.Place, cancellationToken);
        var ranges = new Range[TileCoordinate.FullWidth];
        if (!EntryBundle.TrySplit(bytes, found.Width, ranges))
        {
            throw Wrong(isHere, local,
                $"{found.Path}: expected exactly {found.Width} entries, each after its length, found {bytes.Length} bytes that are not");
        }
        var leaves = new Hash[planned.Width];
        for (int i = 0; i < leaves.Length; i++) leaves[i] = Tree.Leaf(bytes.AsSpan(ranges[i]));
        bool isRight = planned.Leaves.Length == 0 ? Tree.Root(leaves) == planned.Root : leaves.AsSpan().SequenceEqual(planned.Leaves);
        if (!isRight) throw Wrong(isHere, local, $"{found.Path}: expected entries that hash to what it signed, found others");
        for (int i = 0; i < leaves.Length; i++)
            await CheckAsync(bytes.AsMemory(ranges[i]), (planned.Index * TileCoordinate.FullWidth) + i, cancellationToken);
        return new CheckedBundle(planned.Index, bytes.AsMemory(0, ranges[leaves.Length - 1].End.Value), leaves, isHere);
    }

    private async Task CheckAsync(ReadOnlyMemory<byte> bytes, long index, CancellationToken cancellationToken)
    {
        EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
        if (fault.IsVersion) throw tiles.Wrong($"entry {index}: {fault.Rule}");
        if (fault != EntryFault.None) throw tiles.Wrong($"entry {index}: expected the one canonical form, found another: {fault}");
        if (entry.Header.Origin != origin) throw tiles.Wrong($"entry {index}: expected origin '{origin}', found '{entry.Header.Origin}'");
        named.Note(entry.Header);
        foreach (Field field in entry.Fields)
        {
            if (field.Before.Kind == ValueKind.Blob) await blobs.EnsureAsync(field.Before, index, cancellationToken);
            if (field.After.Kind == ValueKind.Blob) await blobs.EnsureAsync(field.After, index, cancellationToken);
        }
    }

    private Exception Wrong(bool isHere, string local, string what) =>
        isHere ? new LedgerCorruptException(local, 0,
            "expected the entries that the ledger's signed root covers, found others: this copy's disk is damaged, or somebody changed it")
                : tiles.Wrong(what);
}

/// <summary>A bundle whose every byte was checked.</summary>
/// <param name="Index">0-based among the bundles.</param>
/// <param name="Bytes">The file.</param>
/// <param name="Leaves">Leaf hashes of its entries.</param>
/// <param name="IsHere">It is stored already.</param>
internal sealed record CheckedBundle(long Index, ReadOnlyMemory<byte> Bytes, Hash[] Leaves, bool IsHere);
