using System.Runtime.CompilerServices;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Reads whole protected tables for a baseline, one after the other over one connection.</summary>
public static class Baseline
{
    /// <summary>Tables looked up at once.</summary>
    private const int LookUpMax = 100;

    /// <summary>The tables' rows in chunks of bounded size, each exact at its own snapshot; of each table at least one chunk.</summary>
    /// <param name="source">Connection of the capture role.</param>
    /// <param name="tables">The tables; for a partitioned one the root.</param>
    /// <param name="progress">Told of a table rows read so far and rows expected (by statistics; 0 if not known).</param>
    /// <param name="cancellationToken">Stops.</param>
    public static async IAsyncEnumerable<(ProtectedTable Table, LiveChunk Chunk)> ReadAsync(
        SourceConnection source, IReadOnlyCollection<ProtectedTable> tables, Action<ProtectedTable, long, long> progress,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using NpgsqlConnection connection = await ConnectAsync(source, cancellationToken);
        foreach (ProtectedTable[] some in tables.Chunk(LookUpMax))
        {
            foreach (LiveTable live in await LiveTable.LookUpAsync(connection, some, cancellationToken))
            {
                long count = 0;
                await foreach (LiveChunk chunk in live.ReadAsync(after: null, cancellationToken))
                {
                    yield return (live.Table, chunk);
                    count += chunk.Rows.Count;
                    progress(live.Table, count, live.RowEstimate);
                }
            }
        }
    }

    private static async Task<NpgsqlConnection> ConnectAsync(SourceConnection source, CancellationToken cancellationToken)
    {
        try
        {
            return await source.OpenAsync(cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }
}
