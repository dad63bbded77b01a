using System.Runtime.CompilerServices;

namespace Indelible.Capture;

/// <summary>Reads a whole protected table for a baseline.</summary>
public static class Baseline
{
    /// <summary>The table's rows in chunks of bounded size, each exact at its own snapshot.</summary>
    /// <param name="source">Connection of the capture role.</param>
    /// <param name="table">The table; for a partitioned one the root.</param>
    /// <param name="after">Key to go on after; null from the first row.</param>
    /// <param name="progress">Told rows read so far and rows expected (by statistics; 0 if not known).</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async IAsyncEnumerable<LiveChunk> ReadAsync(
        SourceConnection source, ProtectedTable table, IReadOnlyList<string>? after, Action<long, long> progress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using LiveTable live = await LiveTable.OpenAsync(source, table, cancellationToken);
        long count = 0;
        await foreach (LiveChunk chunk in live.ReadAsync(after, cancellationToken))
        {
            yield return chunk;
            count += chunk.Rows.Count;
            progress(count, live.RowEstimate);
        }
    }
}
