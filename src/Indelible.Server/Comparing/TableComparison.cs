using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Compares one table. Whole: its rows are read into parts by hash, the parts merged with the row images,
/// and what did not agree is compared row by row. Of a small one, which <see cref="SmallTables"/> reads, rows are not parted.</summary>
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
    private readonly (int Start, int Length)[] _fields;
    private SuspectRows? _suspects;

    public TableComparison(LedgerView view, string source, ProtectedTable table, LiveTable live, ILedgerReach reach,
        DifferenceList differences, CrosscheckCounts counts, int rangeRows, Action<string> progress,
        FoundRows? found = null)
    {
        (_view, _source, _table, _live, _reach, _counts) = (view, source, table, live, reach, counts);
        _progress = what => progress($"{table.Schema}.{table.Name}: {what}");
        _tag = RowTag.Of(source, table.Id);
        _tokens = view.Keyring.RowTokens(source, table.Id, table.Key.Count);
        _digest = new RowDigest(view.Keyring, source, table, live.LostColumns, view.Index.Rows.MarksOf(_tag));
        (_differences, _rangeRows, _fields) = (differences, rangeRows, new (int, int)[live.CopyColumns]);
        _exact = new ExactRows(view, source, table, live, _tokens, _digest, reach, differences, counts, found);
    }

    /// <summary>The table.</summary>
    public ProtectedTable Table => _table;
    /// <summary>Compares rows of it one by one.</summary>
    public ExactRows Exact => _exact;

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
        TellLost();
        return await _reach.ReachAsync(readAfter, cancellationToken) ?? await MergeAsync(partitions, work.Ranges, rows, cancellationToken);
    }

    /// <summary>Compares the rows with these keys.</summary>
    /// <inheritdoc cref="CheckAllAsync"/>
    public Task<string?> CheckKeysAsync(IReadOnlyList<IReadOnlyList<string>> keys, CancellationToken cancellationToken) =>
        _exact.CheckAsync(keys, cancellationToken);

    /// <summary>Compares some rows, taken at random.</summary>
    /// <inheritdoc cref="CheckAllAsync"/>
    public async Task<string?> CheckSampleAsync(int count, CancellationToken cancellationToken) =>
        await _exact.CheckAsync(await SampleKeysAsync(count, cancellationToken), cancellationToken);

    /// <summary>Keys of rows taken at random, half of them from the table, half from the ledger's entries.</summary>
    public async Task<List<IReadOnlyList<string>>> SampleKeysAsync(int count, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> keys = [.. await _live.SampleKeysAsync((count + 1) / 2, cancellationToken)];
        keys.AddRange(new SampledEntries(_view, _source, _table, _tokens).Keys(count - keys.Count, cancellationToken));
        return [.. keys.DistinctBy(_tokens.Of)];
    }

    /// <summary>Adds the rows of a block, and gives it back.</summary>
    public void Mark(LiveBlock block, List<LiveMark> marks)
    {
        CopyRows rows = new(block.Bytes.Span, _fields);
        while (rows.Next()) marks.Add(new LiveMark(LiveReading.NameOf(rows, _tokens, _table.Key.Count), _digest.Of(rows), block.Range));
        LiveReading.GiveBack(block);
    }

    /// <summary>Compares all rows of a small table at first sight, once the ledger is past where they were read.</summary>
    /// <param name="range">What they were read in.</param>
    /// <param name="marks">The rows.</param>
    /// <param name="rows">To be used meanwhile.</param>
    /// <returns>False, and nothing came of it, if the ledger holds so many other rows that it is to be compared part by part.</returns>
    public bool TryMerge(LiveRange range, ReadOnlySpan<LiveMark> marks, MarkTable rows)
    {
        rows.Begin(marks.Length, sameBits: 0);
        foreach (ref readonly LiveMark mark in marks) rows.Add(mark);
        MergeOutcome outcome =
            new ImageMerge(_view.Index.Rows, _tag, _digest, [range]).Merge(UInt128.MinValue, UInt128.MaxValue, rows, _rangeRows);
        if (outcome.Unseen.Count > _rangeRows) return false;
        TellLost();
        Count(outcome.Agreed);
        _suspects = NewSuspects([range]);
        _suspects.Add(outcome);
        return true;
    }

    /// <summary>Keys of the rows that did not agree at first sight.</summary>
    public async Task<List<IReadOnlyList<string>>> SuspectKeysAsync(CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> all = [];
        await foreach (IReadOnlyList<IReadOnlyList<string>> keys in _suspects!.TakeKeysAsync(cancellationToken)) all.AddRange(keys);
        return all;
    }

    private void TellLost()
    {
        foreach (string lost in _live.LostColumns) _differences.Add(_table, null, lost, "the column is gone from the database", null);
    }

    private void Count(long agreed)
    {
        _counts.Rows += agreed;
        _counts.Values += agreed * _digest.ColumnCount;
    }

    private SuspectRows NewSuspects(IReadOnlyList<LiveRange> ranges) =>
        new(_table, _live, _tokens, ranges, new UnseenRows(_view, _source, _table, _tokens, _counts));

    private void TellRead(long rows) =>
        _progress($"{rows}{(_live.RowEstimate > 0 ? $" of about {Math.Max(rows, _live.RowEstimate)}" : "")} rows read");

    private async Task<string?> MergeAsync(
        Partitions partitions, IReadOnlyList<LiveRange> ranges, long rows, CancellationToken cancellationToken)
    {
        SuspectRows suspects = NewSuspects(ranges);
        PartitionMerge merge = new(partitions, new ImageMerge(_view.Index.Rows, _tag, _digest, ranges));
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
            if (suspects.IsFull && await CheckAsync(suspects, cancellationToken) is { } reason) return reason;
        }
        Count(agreed);
        return await CheckAsync(suspects, cancellationToken);
    }

    private async Task<string?> CheckAsync(SuspectRows suspects, CancellationToken cancellationToken)
    {
        if (suspects.Count > 0) _progress($"{suspects.Count} rows are compared one by one");
        await foreach (IReadOnlyList<IReadOnlyList<string>> keys in suspects.TakeKeysAsync(cancellationToken))
        {
            if (await _exact.CheckAsync(keys, cancellationToken) is { } reason) return reason;
        }
        return null;
    }
}
