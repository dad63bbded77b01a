using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Reads small protected tables whole, many in one snapshot, over one connection. One user at a time.</summary>
/// <remarks>It holds locks on several tables at once, and so must not wait for another's: whoever waits for ours meanwhile would be in a
/// deadlock with us. What does not come at once is read by itself.</remarks>
public sealed class LiveTables : IAsyncDisposable
{
    /// <summary>Tables and partitions of a snapshot, at most: each takes its lock, and one for every index.</summary>
    public const int TogetherMax = 64;

    /// <summary>Shorter than the server takes to look for a deadlock, which is a second unless it is told otherwise.</summary>
    private static readonly TimeSpan LockWait = TimeSpan.FromMilliseconds(50);

    private readonly NpgsqlConnection _connection;

    private LiveTables(NpgsqlConnection connection) => _connection = connection;

    /// <summary>Connects.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached.</exception>
    public static async Task<LiveTables> OpenAsync(SourceConnection source, CancellationToken cancellationToken)
    {
        try
        {
            return new LiveTables(await source.OpenAsync(cancellationToken));
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }

    /// <summary>Looks tables up. They are read over this connection, one after the other, and none of them is disposed of.</summary>
    /// <returns>Null if one of them is not as it should be: looked up by itself, it says what is wrong.</returns>
    public async Task<IReadOnlyList<LiveTable>?> TryLookUpAsync(
        IReadOnlyCollection<ProtectedTable> tables, CancellationToken cancellationToken)
    {
        try
        {
            return await LiveTable.LookUpAsync(_connection, tables, cancellationToken);
        }
        catch (IndelibleException)
        {
            return null;
        }
    }

    /// <summary>Whether a table may be read here: it has not too many partitions, nor, by the server's statistics, rows.</summary>
    public static bool IsSmall(LiveTable table, int rowMax) => table.RelationCount <= TogetherMax && table.RowEstimate < rowMax;

    /// <summary>Reads the first of some tables whole, in one snapshot: as many as locks and rows allow, and at least one.</summary>
    /// <param name="tables">Small ones, as looked up here.</param>
    /// <param name="rowMax">Most rows of a table. Once there are as many, no other is read.</param>
    /// <param name="take">Receives the rows of a table in blocks, in arrays of the shared pool; gives them back there.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>The ranges of those that were read; one that is not small after all has an end. Null if one of them could not be read
    /// with the others: then what was taken counts for nothing.</returns>
    public async Task<IReadOnlyList<LiveRange>?> TryReadAsync(
        IReadOnlyList<LiveTable> tables, int rowMax, Action<LiveTable, LiveBlock> take, CancellationToken cancellationToken)
    {
        try
        {
            return await ReadAsync(Together(tables), rowMax, take, cancellationToken);
        }
        catch (Exception e)
            when (e is IndelibleException || (e is PostgresException && _connection.State == System.Data.ConnectionState.Open))
        {
            await using NpgsqlCommand rollback = LiveSnapshot.Command(_connection, "ROLLBACK");
            await rollback.ExecuteNonQueryAsync(cancellationToken);
            return null;
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => _connection.DisposeAsync();

    /// <summary>The first of them, as many as one snapshot may lock.</summary>
    private static List<LiveTable> Together(IReadOnlyList<LiveTable> tables)
    {
        int relations = 0;
        return [.. tables.TakeWhile(table => (relations += table.RelationCount) <= TogetherMax)];
    }

    private async Task<List<LiveRange>> ReadAsync(
        List<LiveTable> tables, int rowMax, Action<LiveTable, LiveBlock> take, CancellationToken cancellationToken)
    {
        LiveSnapshot snapshot =
            await LiveSnapshot.BeginAsync(_connection, [.. tables.Select(table => table.Select)], LockWait, cancellationToken);
        List<LiveRange> ranges = [];
        long rows = 0;
        foreach (LiveTable table in tables)
        {
            if (rows >= rowMax) break;
            ranges.Add(await table.ReadRangeAsync(snapshot, range: 0, after: null, through: null, rowMax, block =>
            {
                take(table, block);
                return ValueTask.CompletedTask;
            }, cancellationToken));
            rows += ranges[^1].Rows;
        }
        await snapshot.EndAsync(cancellationToken);
        return ranges;
    }
}
