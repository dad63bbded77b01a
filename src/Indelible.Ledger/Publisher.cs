using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Makes sealed groups readable: tiles and bundles, then the guard, then the signed checkpoint, each durable before the next.
/// One caller at a time.</summary>
/// <param name="unfinished">Tiles and bundles that were partial once and may be full now:
/// a writer that died may not have removed their partials.</param>
internal sealed class Publisher(LedgerPaths paths, LedgerKeys keys, RightEdge edge, IEnumerable<TileCoordinate> unfinished) : IDisposable
{
    private readonly ImmutableFiles _files = new(paths.Ledger, "tile");
    private readonly HashSet<TileCoordinate> _unfinished = [.. unfinished.Select(place => place.Full)];

    /// <summary>Publishes the groups as one new head.</summary>
    public void Publish(IReadOnlyList<SealedGroup> groups)
    {
        foreach (SealedGroup group in groups)
        {
            foreach ((TileCoordinate place, ReadOnlyMemory<byte> content) in edge.Append(group))
            {
                _files.Stage(place.Path, content.Span);
                if (_files.IsLarge) _files.Commit();
            }
        }
        foreach ((TileCoordinate place, ReadOnlyMemory<byte> content) in edge.Partials())
        {
            _files.Stage(place.Path, content.Span);
            _unfinished.Add(place.Full);
        }
        _files.Commit();
        WriteHead(paths, keys, groups[^1].Head);
        RemovePartials();
    }

    /// <summary>Remembers a head in the guard, then shows it. Of a ledger in a bucket nobody is shown it yet,
    /// and the guard remembers what the bucket is shown.</summary>
    public static void WriteHead(LedgerPaths paths, LedgerKeys keys, GuardedHead head)
    {
        string origin = keys.Signer.VerifierKey.Name;
        var checkpoint = new Checkpoint { Origin = origin, Size = head.Size, Root = head.Root };
        if (paths.Store is null) keys.Guard.Write(origin, head);
        DurableFile.Replace(paths.HeadPath, checkpoint.Sign(keys.Signer).ToBytes());
    }

    public void Dispose() => _files.Dispose();

    /// <summary>Partial ones are kept until the full one is durable and covered by the published head. c2sp.org/tlog-tiles.</summary>
    public void RemovePartials()
    {
        foreach (TileCoordinate place in _unfinished)
        {
            if (TileCoordinate.WidthAt(place.Level, place.Index, edge.Size) == TileCoordinate.FullWidth)
                DurableFile.DeleteDirectory(Path.Combine(paths.Ledger, place.Path + ".p"));
        }
        _unfinished.RemoveWhere(place => TileCoordinate.WidthAt(place.Level, place.Index, edge.Size) == TileCoordinate.FullWidth);
    }
}
