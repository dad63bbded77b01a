using System.Runtime.InteropServices;
using Indelible.Index;

namespace Indelible.Server.Continuity;

/// <summary>Row images of batches that are not applied yet, laid over those that are. Bounded by the pipeline's queue.</summary>
/// <remarks>One loop asks and adds; another drops what was applied.</remarks>
internal sealed class PendingRows(RowImages applied)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<RowTag, (RowImage? Image, long Batch)> _rows = [];
    private readonly List<(ulong Table, ulong Leaf, long Batch)> _ended = [];

    /// <summary>What a row holds; null if there is no such row.</summary>
    public RowImage? Find(in RowTag tag)
    {
        lock (_lock)
        {
            if (_rows.TryGetValue(tag, out (RowImage? Image, long Batch) pending)) return pending.Image;
        }
        RowImage? image = applied.Find(tag);
        return image is not null && HasEnded(tag.Table, image) ? null : image;
    }

    /// <summary>A batch sets a row; null ends it.</summary>
    public void Set(in RowTag tag, RowImage? image, long batch)
    {
        lock (_lock) _rows[tag] = (image, batch);
    }

    /// <summary>A batch ends all rows of a table, or of one partition of it (<paramref name="leaf"/> not zero).</summary>
    public void EndAll(ulong table, ulong leaf, long batch)
    {
        lock (_lock)
        {
            _ended.Add((table, leaf, batch));
            foreach (RowTag tag in _rows.Keys.Where(tag => tag.Table == table).ToList())
            {
                ref (RowImage? Image, long Batch) row = ref CollectionsMarshal.GetValueRefOrNullRef(_rows, tag);
                if (row.Image is { } image && (leaf == 0 || image.Leaf == leaf)) row = (null, batch);
            }
        }
    }

    /// <summary>A batch and all before it are applied.</summary>
    public void Drop(long batch)
    {
        lock (_lock)
        {
            foreach ((RowTag tag, (RowImage? _, long from)) in _rows)
            {
                if (from <= batch) _rows.Remove(tag);
            }
            _ended.RemoveAll(ended => ended.Batch <= batch);
        }
    }

    private bool HasEnded(ulong table, RowImage image)
    {
        lock (_lock) return _ended.Exists(ended => ended.Table == table && (ended.Leaf == 0 || ended.Leaf == image.Leaf));
    }
}
