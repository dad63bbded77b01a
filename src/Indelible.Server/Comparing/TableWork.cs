using Indelible.Capture;

namespace Indelible.Server.Comparing;

/// <summary>How far the reading of one table is. What is kept of it survives the process.</summary>
internal sealed class TableWork(
    Workshop workshop, List<LiveRange> ranges, int blocks, bool isRead, Func<bool> isDue, Action<TableWork> keep)
{
    /// <summary>Ranges read, in the order of their keys.</summary>
    public List<LiveRange> Ranges => ranges;
    /// <summary>Blocks of their rows.</summary>
    public int Blocks { get; private set; } = blocks;
    /// <summary>Whether these are all.</summary>
    public bool IsRead { get; private set; } = isRead;

    /// <summary>True if it is time to keep what was read.</summary>
    public bool IsDue() => isDue();

    /// <summary>The rows read so far.</summary>
    public Partitions OpenPartitions() => new(workshop.Rows, Blocks);

    /// <summary>Keeps what was read.</summary>
    public void Keep(int blocks, bool isRead)
    {
        (Blocks, IsRead) = (blocks, isRead);
        keep(this);
    }
}
