using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server.Comparing;

/// <summary>Compares the protected tables of a source, small ones together, others one after the other;
/// goes on where an attempt that was stopped stood.</summary>
internal sealed class SourceComparison
{
    /// <summary>Work that is older is done again.</summary>
    private static readonly TimeSpan WorkAgeMax = TimeSpan.FromDays(1);

    private readonly LedgerView _view;
    private readonly string _source;
    private readonly SourceConfig _config;
    private readonly CrosscheckScope _scope;
    private readonly CrosscheckPace _pace;
    private readonly ILedgerReach _reach;
    private readonly Action<string> _progress;
    private readonly TimeProvider _time;
    private readonly DifferenceList _differences;
    private readonly List<NotCovered> _notCovered = [];
    private readonly List<uint> _done = [];
    private readonly long _resets;
    private CrosscheckCounts _counts = new();
    private long _savedAt;
    private bool _isSavedInside;
    private (ReadOnlyMemory<byte>? Guard, IReadOnlyDictionary<uint, string> Tables) _openGaps = (null, new Dictionary<uint, string>());

    public SourceComparison(
        LedgerView view, string source, SourceConfig config, CrosscheckScope scope, bool keepsCells, CrosscheckPace pace,
        ILedgerReach reach, Action<string> progress, TimeProvider time)
    {
        (_view, _source, _config, _scope, _pace, _reach, _progress, _time) = (view, source, config, scope, pace, reach, progress, time);
        _differences = new DifferenceList(keepsCells);
        _resets = view.Index.Resets;
        _savedAt = time.GetTimestamp();
    }

    private string About =>
        string.Join('\n', _view.Origin, _source, _scope.Words(), Convert.ToHexString(ProtectionDigest.Of(_config.Protection)),
            _config.Protection.SystemId.ToString(CultureInfo.InvariantCulture));

    /// <summary>Compares, and says what came of it; nothing is sealed.</summary>
    /// <param name="anew">Whether what an earlier attempt has done is thrown away.</param>
    /// <param name="cancellationToken">Stops; the next attempt goes on.</param>
    public async Task<CrosscheckReport> RunAsync(bool anew, CancellationToken cancellationToken)
    {
        using Workshop workshop = new(_view, _source);
        SavedWork? saved = anew || !_scope.IsWhole ? null : GoOn(workshop.Load());
        if (saved is null && _scope.IsWhole) workshop.Clear();      // the rows it speaks of are written over from here on
        _isSavedInside = saved?.Table > 0;
        HashSet<uint> done = [.. _done];
        Queue<ProtectedTable> open = new(
            _config.Protection.Tables.Where(table => (_scope.Table ?? table) == table && !done.Contains(table.Id))
                .OrderBy(table => table.Id != saved?.Table));
        if (saved?.Table > 0 && open.Count > 0) await CheckAloneAsync([open.Dequeue()], workshop, saved, cancellationToken);
        while (open.Count > 0)
        {
            List<ProtectedTable> round = TakeRound(open);
            bool isAlone = _scope.Key is not null || round.Count == 1;
            IReadOnlyList<ProtectedTable> others = isAlone ? round : await CheckTogetherAsync(round, open, workshop, cancellationToken);
            await CheckAloneAsync(others, workshop, null, cancellationToken);
        }
        if (_scope.IsWhole) workshop.Clear();
        return Report();
    }

    private static List<ProtectedTable> TakeRound(Queue<ProtectedTable> tables)
    {
        List<ProtectedTable> round = [];
        for (int columns = 0; round.Count < SmallTables.TablesMax && tables.TryPeek(out ProtectedTable? next); round.Add(tables.Dequeue()))
        {
            if ((columns += next.Columns.Count) > SmallTables.ColumnsMax && round.Count > 0) break;
        }
        return round;
    }

    /// <summary>Compares tables that are small; those that there is no room for are put back.</summary>
    /// <returns>The others.</returns>
    private async Task<IReadOnlyList<ProtectedTable>> CheckTogetherAsync(
        List<ProtectedTable> round, Queue<ProtectedTable> open, Workshop workshop, CancellationToken cancellationToken)
    {
        IReadOnlyDictionary<uint, string> gaps = OpenGaps();
        Done(round.Where(table => gaps.ContainsKey(table.Id)), table => gaps[table.Id], workshop);
        List<ProtectedTable> whole = [.. round.Where(table => !gaps.ContainsKey(table.Id))];
        if (whole.Count == 0) return [];
        await using LiveTables live = await LiveTables.OpenAsync(SourceConnections.Of(_config), cancellationToken);
        SmallTables small = new(live, NewComparison, _reach, _differences, _pace.RangeRows, _progress);
        string? reason = _scope.Sample is { } count
            ? await small.CheckSampleAsync(whole, count, cancellationToken)
            : await small.CheckAllAsync(whole, cancellationToken);
        gaps = OpenGaps();
        Done(small.Compared, table => gaps.GetValueOrDefault(table.Id) ?? reason, workshop);
        foreach (ProtectedTable table in small.Left) open.Enqueue(table);
        return small.Others;
    }

    private async Task CheckAloneAsync(
        IEnumerable<ProtectedTable> tables, Workshop workshop, SavedWork? saved, CancellationToken cancellationToken)
    {
        foreach (ProtectedTable table in tables)
        {
            string? reason = await CheckTableAsync(table, workshop, saved, cancellationToken);
            Done([table], _ => reason, workshop);
        }
    }

    /// <summary>Notes tables that are done, and of which nothing may be asserted for a reason, if there is one.</summary>
    private void Done(IEnumerable<ProtectedTable> tables, Func<ProtectedTable, string?> reasonOf, Workshop workshop)
    {
        if (_view.Index.Resets != _resets)
        {
            throw new IndelibleException(
                ExitCode.Environment, "the index was made again while it was compared with; run the crosscheck again");
        }
        foreach (ProtectedTable table in tables)
        {
            _done.Add(table.Id);
            if (reasonOf(table) is { } reason) _notCovered.Add(new NotCovered($"{table.Schema}.{table.Name}", reason));
        }
        if (_scope.IsWhole && (_isSavedInside || IsToSave)) Save(workshop, Work(0, [], 0, false));
    }

    /// <summary>Why nothing may be asserted of the table; null if it was compared.</summary>
    private async Task<string?> CheckTableAsync(
        ProtectedTable table, Workshop workshop, SavedWork? saved, CancellationToken cancellationToken)
    {
        if (OpenGaps().GetValueOrDefault(table.Id) is { } before) return before;
        try
        {
            await using LiveTable live = await LiveTable.OpenAsync(SourceConnections.Of(_config), table, cancellationToken);
            TableComparison comparison = NewComparison(live);
            string? reason = _scope switch
            {
                { Key: { } key } => await comparison.CheckKeysAsync([key], cancellationToken),
                { Sample: { } count } => await comparison.CheckSampleAsync(count, cancellationToken),
                _ => await comparison.CheckAllAsync(WorkOf(table, workshop, saved), cancellationToken),
            };
            return OpenGaps().GetValueOrDefault(table.Id) ?? reason;
        }
        catch (IndelibleException e) when (e.ExitCode == ExitCode.Finding)
        {
            _differences.Add(table, null, null, e.Message, null);    // dropped, or its key redefined
            return null;
        }
    }

    private TableComparison NewComparison(LiveTable live) =>
        new(_view, _source, live.Table, live, _reach, _differences, _counts, _pace.RangeRows, _progress);

    /// <summary>Gaps that no baseline of a table has followed, by the table's id: what the ledger holds of it may be old.
    /// Asked before tables are compared and after, and worked out when there is a guard entry that was not there before.</summary>
    private IReadOnlyDictionary<uint, string> OpenGaps()
    {
        ReadOnlyMemory<byte>? newest = _view.NewestFirst(_source, EntryKind.Guard).FirstOrDefault()?.Nonce;
        if (newest is { } guard && !(_openGaps.Guard is { } known && known.Span.SequenceEqual(guard.Span)))
            _openGaps = (guard, FindOpenGaps());
        return _openGaps.Tables;
    }

    private Dictionary<uint, string> FindOpenGaps()
    {
        Dictionary<uint, string> open = [];
        foreach ((EntryHeader gap, IReadOnlyList<uint> tables) in Gaps.Owed(_view, _source, _config.Protection))
        {
            (string? from, string? to) = (gap.Facts?.GetValueOrDefault("from"), gap.Facts?.GetValueOrDefault("to"));
            foreach (uint table in tables)
                open.TryAdd(table, $"a gap is open: the log from {from} to {to} was not seen, and no baseline has followed");
        }
        return open;
    }

    /// <summary>Takes over what an earlier attempt has done, if it is about the same and not too old.</summary>
    private SavedWork? GoOn(SavedWork? saved)
    {
        if (saved is null || saved.About != About || _time.GetUtcNow() - saved.At > WorkAgeMax) return null;
        _done.AddRange(saved.Done);
        _counts = saved.Counts;
        _differences.Restore(saved.DifferenceCount, saved.Differences);
        _notCovered.AddRange(saved.NotCovered);
        _progress(
            $"going on where the crosscheck of {MicroTime.From(saved.At)} stood: {saved.Done.Count} tables done, "
                + $"{saved.Ranges.Sum(range => range.Rows)} rows of the next one read");
        return saved;
    }

    private TableWork WorkOf(ProtectedTable table, Workshop workshop, SavedWork? saved)
    {
        List<LiveRange> ranges = [];
        foreach (SavedRange range in saved?.Ranges ?? []) ranges.Add(range.Range(ranges.LastOrDefault()?.Through));
        void SaveWork(TableWork work)
        {
            if (IsToSave) Save(workshop, Work(table.Id, [.. work.Ranges.Select(SavedRange.Of)], work.Blocks, work.IsRead));
        }
        return new TableWork(workshop, ranges, saved?.Blocks ?? 0, saved?.IsRead ?? false, () => IsToSave, SaveWork);
    }

    private bool IsToSave => _time.GetElapsedTime(_savedAt) >= _pace.SaveInterval;

    /// <summary>What is kept inside a table speaks of its rows, and is to be replaced before those of the next
    /// are written over them.</summary>
    private void Save(Workshop workshop, SavedWork work)
    {
        workshop.Save(work);
        (_savedAt, _isSavedInside) = (_time.GetTimestamp(), work.Table > 0);
    }

    private SavedWork Work(uint table, List<SavedRange> ranges, int blocks, bool isRead) => new()
    {
        About = About,
        At = _time.GetUtcNow(),
        Done = _done,
        Counts = _counts,
        DifferenceCount = _differences.Count,
        Differences = [.. _differences.Listed],
        NotCovered = _notCovered,
        Table = table,
        Ranges = ranges,
        Blocks = blocks,
        IsRead = isRead,
    };

    private CrosscheckReport Report() => new()
    {
        Source = _source,
        Scope = _scope.Words(),
        Rows = _counts.Rows,
        Values = _counts.Values,
        UnknownValues = _counts.Unknown,
        LockedValues = _counts.Locked,
        DifferenceCount = _differences.Count,
        Differences = _differences.Listed,
        NotCovered = _notCovered,
        GuardEntry = null,
    };
}
