using System.Runtime.InteropServices;
using Indelible.Capture;
using Indelible.Format;

namespace Indelible.Server.Comparing;

/// <summary>Compares many tables together: the rows of those that fit in one range are read into memory, many tables in one snapshot; then
/// the ledger is waited for, once; then each table is merged with its row images, and what did not agree is compared row by row,
/// of all tables together.</summary>
/// <remarks>It is the comparison of <see cref="TableComparison"/>, whose rows have been read in ranges, each in a snapshot, too.
/// Memory: 28 bytes a row, and <see cref="RowsMax"/> rows, beyond which no more tables are read. For one use.</remarks>
internal sealed class SmallTables(
    LiveTables live, Func<LiveTable, TableComparison> comparisonOf, ILedgerReach reach, DifferenceList differences, int rangeRows,
    Action<string> progress)
{
    /// <summary>Tables to be given, at most: that many stand in memory.</summary>
    public const int TablesMax = 1024;
    /// <summary>Protected columns of these, at most.</summary>
    public const int ColumnsMax = 1 << 15;
    private const int RowsMax = 1 << 19;

    private readonly List<Reading> _readings = [];
    private readonly List<LiveMark> _marks = [];
    private readonly List<ProtectedTable> _compared = [];
    private readonly List<ProtectedTable> _others = [];
    private readonly List<ProtectedTable> _left = [];

    /// <summary>A table that was read.</summary>
    private sealed record Reading(TableComparison Of, LiveRange Range, int First);

    /// <summary>Rows to be compared one by one.</summary>
    private sealed record Wanted(TableComparison Of, IReadOnlyList<IReadOnlyList<string>> Keys);

    /// <summary>Tables that were compared.</summary>
    public IReadOnlyList<ProtectedTable> Compared => _compared;
    /// <summary>Tables to be compared each by itself: they are large, or could not be read beside others.</summary>
    public IReadOnlyList<ProtectedTable> Others => _others;
    /// <summary>Tables that there was no room for.</summary>
    public IReadOnlyList<ProtectedTable> Left => _left;

    /// <summary>Compares every row on either side.</summary>
    /// <returns>Null; or why nothing may be asserted of the tables compared.</returns>
    public async Task<string?> CheckAllAsync(IReadOnlyList<ProtectedTable> tables, CancellationToken cancellationToken)
    {
        foreach (ProtectedTable[] some in tables.Chunk(LiveTables.TogetherMax))
        {
            await ReadAsync(some, cancellationToken);
            progress($"{_marks.Count} rows of {_readings.Count} tables read");
        }
        if (_readings.Count == 0) return null;
        Lsn readAfter = _readings.Max(reading => reading.Range.ReadAfter);
        progress($"{_marks.Count} rows of {_readings.Count} tables read; waiting until the ledger is past {readAfter}");
        string? reason = await reach.ReachAsync(readAfter, cancellationToken);
        List<TableComparison> merged = reason is null ? Merge(cancellationToken) : [.. _readings.Select(reading => reading.Of)];
        _compared.AddRange(merged.Select(of => of.Table));
        return reason ?? await CheckRowsAsync(merged, static (of, stop) => of.SuspectKeysAsync(stop), cancellationToken);
    }

    /// <summary>Compares some rows of each table, taken at random.</summary>
    /// <inheritdoc cref="CheckAllAsync"/>
    public async Task<string?> CheckSampleAsync(IReadOnlyList<ProtectedTable> tables, int count, CancellationToken cancellationToken)
    {
        List<TableComparison> found = [];
        foreach (ProtectedTable[] some in tables.Chunk(LiveTables.TogetherMax))
        {
            if (await live.TryLookUpAsync(some, cancellationToken) is { } looked) found.AddRange(looked.Select(comparisonOf));
            else _others.AddRange(some);
        }
        _compared.AddRange(found.Select(of => of.Table));
        return await CheckRowsAsync(found, (of, stop) => of.SampleKeysAsync(count, stop), cancellationToken);
    }

    private async Task ReadAsync(ProtectedTable[] tables, CancellationToken cancellationToken)
    {
        if (await live.TryLookUpAsync(tables, cancellationToken) is not { } found)
        {
            await ReadHalvesAsync(tables, cancellationToken);
            return;
        }
        _others.AddRange(found.Where(table => !LiveTables.IsSmall(table, rangeRows)).Select(table => table.Table));
        List<LiveTable> open = [.. found.Where(table => LiveTables.IsSmall(table, rangeRows))];
        while (open.Count > 0 && _marks.Count < RowsMax)
        {
            int marks = _marks.Count;
            Dictionary<LiveTable, TableComparison> comparisons = open.ToDictionary(table => table, comparisonOf);
            if (await live.TryReadAsync(
                open, rangeRows, (table, block) => comparisons[table].Mark(block, _marks), cancellationToken) is not { } ranges)
            {
                Forget(marks);
                await ReadHalvesAsync([.. open.Select(table => table.Table)], cancellationToken);
                return;
            }
            for (int i = 0; i < ranges.Count; i++) Add(comparisons[open[i]], ranges[i], ref marks);
            open.RemoveRange(0, ranges.Count);
        }
        _left.AddRange(open.Select(table => table.Table));
    }

    /// <summary>What cannot be read with others is found by halves; the others do not suffer for it.</summary>
    private async Task ReadHalvesAsync(ProtectedTable[] tables, CancellationToken cancellationToken)
    {
        if (tables.Length == 1) _others.Add(tables[0]);
        else foreach (ProtectedTable[] half in tables.Chunk((tables.Length + 1) / 2)) await ReadAsync(half, cancellationToken);
    }

    /// <summary>A table of more than one range is the last of its snapshot, and its rows are forgotten.</summary>
    private void Add(TableComparison of, LiveRange range, ref int marks)
    {
        if (range.Through is null) _readings.Add(new Reading(of, range, marks));
        else
        {
            Forget(marks);
            _others.Add(of.Table);
        }
        marks += (int)range.Rows;
    }

    private void Forget(int from) => _marks.RemoveRange(from, _marks.Count - from);

    private List<TableComparison> Merge(CancellationToken cancellationToken)
    {
        List<TableComparison> merged = [];
        MarkTable rows = new();
        foreach (Reading reading in _readings)
        {
            cancellationToken.ThrowIfCancellationRequested();
            ReadOnlySpan<LiveMark> marks = CollectionsMarshal.AsSpan(_marks).Slice(reading.First, (int)reading.Range.Rows);
            if (reading.Of.TryMerge(reading.Range, marks, rows)) merged.Add(reading.Of);
            else _others.Add(reading.Of.Table);
        }
        return merged;
    }

    private async Task<string?> CheckRowsAsync(
        List<TableComparison> tables, Func<TableComparison, CancellationToken, Task<List<IReadOnlyList<string>>>> keysOf,
        CancellationToken cancellationToken)
    {
        List<Wanted> wanted = [];
        foreach (TableComparison of in tables)
        {
            List<IReadOnlyList<string>> keys = await UnlessGoneAsync(of, () => keysOf(of, cancellationToken)) ?? [];
            foreach (IReadOnlyList<string>[] some in keys.Chunk(LiveTable.ChunkRowMax))
            {
                wanted.Add(new Wanted(of, some));
                if (wanted.Sum(one => one.Keys.Count) < LiveTable.ChunkRowMax) continue;
                if (await CheckRowsAsync(wanted, cancellationToken) is { } reason) return reason;
                wanted = [];
            }
        }
        return await CheckRowsAsync(wanted, cancellationToken);
    }

    /// <summary>Compares rows one by one; those that cannot be told are read once more.</summary>
    private async Task<string?> CheckRowsAsync(List<Wanted> wanted, CancellationToken cancellationToken)
    {
        while (wanted.Count > 0)
        {
            progress($"{wanted.Sum(one => one.Keys.Count)} rows are compared one by one");
            List<(Wanted Of, LiveChunk Rows)> read = [];
            foreach (Wanted one in wanted)
            {
                LiveChunk? rows = await UnlessGoneAsync(one.Of, () => one.Of.Exact.ReadAsync(one.Keys, cancellationToken));
                if (rows is not null) read.Add((one, rows));
            }
            if (read.Count == 0) return null;
            if (await reach.ReachAsync(read.Max(one => one.Rows.ReadAfter), cancellationToken) is { } reason) return reason;
            wanted = [];
            foreach ((Wanted of, LiveChunk rows) in read)
            {
                IReadOnlyList<IReadOnlyList<string>> open = await of.Of.Exact.CompareAsync(of.Keys, rows, cancellationToken);
                if (open.Count > 0) wanted.Add(new Wanted(of.Of, open));
            }
        }
        return null;
    }

    /// <summary>Null if the table was dropped or renamed since it was looked up, which is then what differs.</summary>
    private async Task<T?> UnlessGoneAsync<T>(TableComparison of, Func<Task<T>> read) where T : class
    {
        try
        {
            return await read();
        }
        catch (IndelibleException e) when (e.ExitCode == ExitCode.Finding)
        {
            differences.Add(of.Table, null, null, e.Message, null);
            return null;
        }
    }
}
