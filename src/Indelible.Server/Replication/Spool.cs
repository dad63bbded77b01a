using Indelible.Format.Merkle;
using Indelible.Ledger;

namespace Indelible.Server.Replication;

/// <summary>How much waits in the ledger's directory for its bucket, in bytes of entries; large values are not counted.
/// Any thread.</summary>
internal sealed class Spool
{
    /// <summary>Publications are counted together up to this many bytes.</summary>
    private const long PartLength = 1 << 20;

    private readonly LinkedList<(long To, long Length)> _waiting = [];
    private readonly long _lengthMax;
    private long _length;

    /// <param name="paths">The ledger.</param>
    /// <param name="lengthMax">Bytes from which on capture waits.</param>
    /// <param name="stored">Entries that the bucket is known to hold.</param>
    /// <param name="staged">Entries that are here.</param>
    public Spool(LedgerPaths paths, long lengthMax, long stored, long staged)
    {
        _lengthMax = lengthMax;
        for (long index = stored / TileCoordinate.FullWidth; index < staged / TileCoordinate.FullWidth; index++)
        {
            FileInfo bundle =
                new(Path.Combine(paths.Ledger, new TileCoordinate(TileCoordinate.EntriesLevel, index, TileCoordinate.FullWidth).Path));
            Add((index + 1) * TileCoordinate.FullWidth, bundle.Exists ? bundle.Length : 0);
        }
    }

    /// <summary>Bytes that wait.</summary>
    public long Length => Interlocked.Read(ref _length);

    /// <summary>True if capture is to wait.</summary>
    public bool IsFull => Length >= _lengthMax;

    /// <summary>Adds what was staged.</summary>
    public void Add(PublishedEntries staged) => Add(staged.To, staged.Batches.Sum(batch => (long)batch.FramedLength));

    /// <summary>Takes away what is stored.</summary>
    public void Stored(long size)
    {
        lock (_waiting)
        {
            while (_waiting.First is { } first && first.Value.To <= size)
            {
                Interlocked.Add(ref _length, -first.Value.Length);
                _waiting.RemoveFirst();
            }
        }
    }

    private void Add(long to, long length)
    {
        lock (_waiting)
        {
            Interlocked.Add(ref _length, length);
            if (_waiting.Last is { } last && last.Value.Length + length < PartLength) last.Value = (to, last.Value.Length + length);
            else _waiting.AddLast((to, length));
        }
    }
}
