using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Verification;

namespace Indelible.Ledger.Stores;

/// <summary>The part of a ledger in a bucket that its directory here keeps: its newest bundles and leaf tiles, and what is on its way.
/// Tiles above them are few and all stay. One owner.</summary>
/// <param name="paths">The ledger.</param>
public sealed class LocalPart(LedgerPaths paths)
{
    private long _first = -1;

    /// <summary>Removes bundles and leaf tiles before an entry, and the blobs they name.
    /// All of it must be in the bucket, under the published head; readers then read it there.</summary>
    /// <param name="before">Index of the first entry that stays.</param>
    public void Shorten(long before)
    {
        long end = before / TileCoordinate.FullWidth;
        if (end <= 0) return;
        if (_first < 0) _first = First(end);
        for (; _first < end; _first++)
        {
            TileCoordinate bundle = new(TileCoordinate.EntriesLevel, _first, TileCoordinate.FullWidth);
            foreach (string blob in BlobsOf(bundle)) DurableFile.Delete(Path.Combine(paths.Ledger, blob));
            DurableFile.Delete(Path.Combine(paths.Ledger, (bundle with { Level = 0 }).Path));
            DurableFile.Delete(Path.Combine(paths.Ledger, bundle.Path));
        }
    }

    /// <summary>Index of the first full bundle or leaf tile that is here, at most <paramref name="end"/>.</summary>
    private long First(long end)
    {
        long first = end;
        foreach (string level in (string[])["tile/entries", "tile/0"])
        {
            string directory = Path.Combine(paths.Ledger, level);
            if (!Directory.Exists(directory)) continue;
            foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
                if (TileCoordinate.TryParse(Path.GetRelativePath(paths.Ledger, file), out TileCoordinate place) && place.IsFull
                    && place.Index < first) first = place.Index;
        }
        return first;
    }

    private List<string> BlobsOf(TileCoordinate place)
    {
        List<string> blobs = [];
        Range[] entries = new Range[place.Width];
        if (!Directory.Exists(Path.Combine(paths.Ledger, "blobs"))
            || DurableFile.TryReadAll(Path.Combine(paths.Ledger, place.Path), Bundle.LengthMax) is not { } bundle
            || !EntryBundle.TrySplit(bundle, place.Width, entries)) return blobs;
        foreach (Range range in entries)
        {
            if (EntryCodec.Decode(bundle.AsMemory(range), out Entry entry) != EntryFault.None) continue;
            foreach (FieldValue value in entry.Fields.SelectMany(field => (FieldValue[])[field.Before, field.After])
                .Where(value => value.Kind == ValueKind.Blob)) blobs.Add(LedgerFiles.Blob(value.Bytes.Span));
        }
        return blobs;
    }
}
