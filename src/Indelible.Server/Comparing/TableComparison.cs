using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Compares one table. Whole: its rows are read into parts by hash, the parts merged with the row images,
/// and what did not agree is compared row by row.</summary>
internal sealed class TableComparison
{
    /// <summary>Merges at a time.</summary>
    private const int MergersMax = 2;

    private readonly LedgerView _view;
    private readonly string _source;
    private readonly ProtectedTable _table;
    private readonly LiveTable _live;
    private readonly ILedgerReach _reach;
    private readonly CrosscheckCounts _counts;
    private readonly Action<string> _progress;
    private readonly RowTokens _tokens;
    private readonly RowDigest _digest;
    private readonly ExactRows _exact;
    private readonly DifferenceList _differences;
    private readonly ulong _tag;
    private readonly int _rangeRows;

    public TableComparison(LedgerView view, string source, ProtectedTable table, LiveTable live, ILedgerReach reach,
        DifferenceList differences, CrosscheckCounts counts, int rangeRows, Action<string> progress,
        FoundRows? found = null)
    {
        (_view, _source, _table, _live, _reach, _counts) = (view, source, table, live, reach, counts);
        _progress = what => progress($"{table.Schema}.{table.Name}: {what}");
        _tag = RowTag.Of(source, table.Id);
        _tokens = view.Keyring.RowTokens(source, table.Id, table.Key.Count);
        _digest = new RowDigest(view.Keyring, source, table, live.LostColumns, view.Index.Rows.MarksOf(_tag));
        (_differences, _rangeRows) = (differences, rangeRows);
        _exact = new ExactRows(view, source, table, live, _tokens, _digest, reach, differences, counts, found);
    }

    /// <summary>Compares every row on either side.</summary>
    /// <param name="work">What an attempt before this one has read; what is read is added, and kept from time to time.</param>
    /// <param name="cancellationToken">Stops; what was read stays with <paramref name="work"/>.</param>
    /// <returns>Null; or why nothing may be asserted of the table.</returns>
    public async Task<string?> CheckAllAsync(TableWork work, CancellationToken cancellationToken)
    {
        using Partitions partitions = work.OpenPartitions();
        LiveReading reading = new(_live, _tokens, _digest, _table.Key.Count, partitions, _rangeRows);
        long rows = work.Ranges.Sum(range => range.Rows);
        while (!work.IsRead)
        {
            bool isRead = await reading.ReadAsync(work.Ranges, work.IsDue, read => TellRead(rows += read), cancellationToken);
            work.Keep(partitions.Blocks, isRead);
        }
        Lsn readAfter = work.Ranges.Max(range => range.ReadAfter);
        _progress($"{rows} rows read; waiting until the ledger is past {readAfter}");
        foreach (string lost in _live.LostColumns) _differences.Add(_table, null, lost, "the column is gone from the database", null);
        return await _reach.ReachAsync(readAfter, cancellationToken) ?? await MergeAsync(partitions, work.Ranges, rows, cancellationToken);
    }

    /// <summary>Compares the rows with these keys.</summary>
    /// <inheritdoc cref="CheckAllAsync"/>
    public Task<string?> CheckKeysAsync(IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancellationToken) =>
        _exact.CheckAsync(keys, cancellationToken);

    /// <summary>Compares some rows: half of them taken from the table, half from the ledger's entries, both at random.</summary>
    /// <inheritdoc cref="CheckAllAsync"/>
    public async Task<string?> CheckSampleAsync(int count, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> keys = [.. await _live.SampleKeysAsync((count + 1) / 2, cancellationToken)];
        keys.AddRange(new SampledEntries(_view, _source, _table, _tokens).Keys(count - keys.Count, cancellationToken));
        return await _exact.CheckAsync([.. keys.DistinctBy(_tokens.Of)], cancellationToken);
    }

    private void TellRead(long rows) =>
        _progress($"{rows}{(_live.RowEstimate > 0 ? $" of about {Math.Max(rows, _live.RowEstimate)}" : "")} rows read");

    private async Task<string?> MergeAsync(
        Partitions partitions, IReadOnlyList<LiveRange> ranges, long rows, CancellationToken cancellationToken)
    {
        SuspectRows suspects = new(_table, _live, _tokens, ranges, _exact, new UnseenRows(_view, _source, _table, _tokens, _counts));
        PartitionMerge merge = new(partitions, _view.Index.Rows, _tag, _digest, ranges);
        MarkTable[] tables = [.. Enumerable.Range(0, MergersMax).Select(_ => new MarkTable())];
        long agreed = 0;
        foreach (PartitionMerge.Stretch[] stretches in PartitionMerge.Stretches(partitions).Chunk(MergersMax))
        {
            MergeOutcome[] outcomes = new MergeOutcome[stretches.Length];
            await Parallel.ForAsync(0, stretches.Length, cancellationToken, (i, _) =>
            {
                outcomes[i] = merge.Merge(stretches[i], tables[i]);
                return ValueTask.CompletedTask;
            });
            foreach (MergeOutcome outcome in outcomes)
            {
                agreed += outcome.Agreed;
                suspects.Add(outcome);
            }
            _progress(string.Create(CultureInfo.InvariantCulture, $"{agreed} of {rows} rows agree"));
            if (suspects.IsFull && await suspects.CheckAsync(_progress, cancellationToken) is { } reason) return reason;
        }
        _counts.Rows += agreed;
        _counts.Values += agreed * _digest.ColumnCount;
        return await suspects.CheckAsync(_progress, cancellationToken);
    }
}
