using System.Numerics;
using System.Runtime.CompilerServices;

namespace Indelible.Server.Comparing;

/// <summary>Live rows of one part by their hashes. Rows lie nearly in the order of their hashes, so a walk in that order walks memory, too.
/// One user at a time.</summary>
internal sealed class MarkTable
{
    private LiveMark[] _slots = [];
    private int _skipped;
    private int _shift;

    /// <summary>Begins anew.</summary>
    /// <param name="count">Rows to come.</param>
    /// <param name="sameBits">First bits of the hash in which they all agree.</param>
    public void Begin(int count, int sameBits)
    {
        int size = (int)BitOperations.RoundUpToPowerOf2((uint)Math.Max(2, 2 * count));
        if (_slots.Length != size) _slots = new LiveMark[size];
        else Array.Clear(_slots);
        (_skipped, _shift) = (sameBits, 64 - BitOperations.Log2((uint)size));
    }

    /// <summary>Adds a row.</summary>
    public void Add(in LiveMark row)
    {
        int slot = SlotOf(row.High);
        while (_slots[slot].Range != 0) slot = (slot + 1) & (_slots.Length - 1);
        _slots[slot] = row with { Range = row.Range + 1 };    // zero: free
    }

    /// <summary>Takes a row out to be compared; false if there is none of that hash.</summary>
    public bool TryTake(UInt128 row, out LiveMark found)
    {
        ulong high = (ulong)(row >> 64), low = unchecked((ulong)row);
        for (int slot = SlotOf(high); _slots[slot].Range != 0; slot = (slot + 1) & (_slots.Length - 1))
        {
            ref LiveMark at = ref _slots[slot];
            if (at.High != high || at.Low != low || at.Range < 0) continue;
            found = at with { Range = at.Range - 1 };
            at = at with { Range = -at.Range };    // taken, and still in the way of others
            return true;
        }
        Unsafe.SkipInit(out found);
        return false;
    }

    /// <summary>Rows that were not taken.</summary>
    public IEnumerable<LiveMark> Rest()
    {
        foreach (LiveMark row in _slots)
        {
            if (row.Range > 0) yield return row with { Range = row.Range - 1 };
        }
    }

    private int SlotOf(ulong high) => (int)((high << _skipped) >> _shift);
}
