using System.Buffers;
using System.Threading.Channels;
using Indelible.Capture;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Reads a table range by range into <see cref="Partitions"/>: one loop receives, another takes rows
/// apart and hashes them.</summary>
internal sealed class LiveReading(LiveTable live, RowTokens tokens, RowDigest digest, int keyWidth, Partitions partitions, int rangeRows)
{
    /// <summary>Blocks between the loops, 256 KiB each.</summary>
    private const int BlocksWaiting = 4;

    private readonly (int Start, int Length)[] _fields = new (int, int)[live.CopyColumns];

    /// <summary>Reads ranges until there are no more or <paramref name="isEnough"/> says so, and adds them;
    /// the rows are then in the partitions' file.</summary>
    /// <returns>True if the last range was read.</returns>
    public async Task<bool> ReadAsync(
        List<LiveRange> ranges, Func<bool> isEnough, Action<long> progress, CancellationToken cancellationToken)
    {
        Channel<LiveBlock> blocks =
            Channel.CreateBounded<LiveBlock>(new BoundedChannelOptions(BlocksWaiting) { SingleReader = true, SingleWriter = true });
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task marking = MarkAsync(blocks.Reader, stop);
        bool isLast = false;
        try
        {
            do
            {
                LiveRange range = await live.ReadRangeAsync(ranges.Count, ranges.LastOrDefault()?.Through, through: null, rangeRows,
                    block => blocks.Writer.WriteAsync(block, stop.Token), stop.Token);
                ranges.Add(range);
                progress(range.Rows);
                isLast = range.Through is null;
            }
            while (!isLast && !isEnough());
        }
        finally
        {
            blocks.Writer.Complete();
            await marking;    // what failed there is the reason why writing to it did
        }
        partitions.Write();
        return isLast;
    }

    private async Task MarkAsync(ChannelReader<LiveBlock> blocks, CancellationTokenSource stop)
    {
        try
        {
            while (await blocks.WaitToReadAsync(CancellationToken.None))
            {
                while (blocks.TryRead(out LiveBlock? block)) Mark(block);
            }
        }
        catch
        {
            await stop.CancelAsync();
            throw;
        }
    }

    private void Mark(LiveBlock block)
    {
        CopyRows rows = new(block.Bytes.Span, _fields);
        while (rows.Next()) partitions.Add(new LiveMark(NameOf(rows, tokens, keyWidth), digest.Of(rows), block.Range));
        GiveBack(block);
    }

    /// <summary>Names a row by the key it begins with.</summary>
    public static UInt128 NameOf(in CopyRows row, RowTokens tokens, int keyWidth)
    {
        tokens.Begin();
        for (int i = 0; i < keyWidth; i++) tokens.Add(row[i]);
        return tokens.End();
    }

    /// <summary>Returns a block's array to where it is from.</summary>
    public static void GiveBack(LiveBlock block)
    {
        if (System.Runtime.InteropServices.MemoryMarshal.TryGetArray(block.Bytes, out ArraySegment<byte> array))
            ArrayPool<byte>.Shared.Return(array.Array!);
    }
}
