using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>From where to where of its log a source's record is complete, and where it is not, as the ledger says.</summary>
/// <param name="Source">Short name of the source.</param>
/// <param name="Intervals">Stretches read without a break, in order.</param>
/// <param name="Gaps">What the record cannot vouch for, in order.</param>
public sealed record CoverageReport(string Source, IReadOnlyList<CoverageInterval> Intervals, IReadOnlyList<CoverageGap> Gaps)
{
    private const int PageLimit = 1000;

    /// <summary>Reads it from the published entries that the index knows.</summary>
    public static CoverageReport Of(LedgerView view, string source, Protection protection, CancellationToken cancellationToken)
    {
        CoverageWalk walk = new([.. protection.Tables.Select(table => table.Id)]);
        foreach (long index in Merge.InOrder(Found(view, source, EntryKind.Coverage), Found(view, source, EntryKind.Guard)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            walk.Add(index, view.Header(index));
        }
        return new CoverageReport(source, walk.Intervals, walk.Gaps);
    }

    private static IEnumerable<long> Found(LedgerView view, string source, EntryKind kind)
    {
        Query query = new() { Source = source, Kind = kind, OldestFirst = true, Limit = PageLimit };
        for (string? after = null; ;)
        {
            Page page = view.Index.Find(query with { After = after });
            foreach (long index in page.Entries) yield return index;
            if ((after = page.Next) is null) yield break;
        }
    }
}

/// <summary>A stretch of a source's log that was read without a break.</summary>
/// <param name="From">Beginning, exclusive; none: from before anything was protected.</param>
/// <param name="To">End.</param>
/// <param name="SystemId">The cluster.</param>
/// <param name="Timeline">Its timeline.</param>
/// <param name="Slot">The replication slot.</param>
/// <param name="Protection">SHA-256 of what was protected, in hex; docs/format.md#protection.</param>
/// <param name="Since">When the first entry that says so was sealed.</param>
/// <param name="Until">When the last one was.</param>
/// <param name="FirstEntry">The first one.</param>
/// <param name="LastEntry">The last one.</param>
public sealed record CoverageInterval(
    Lsn From, Lsn To, ulong SystemId, uint Timeline, string Slot, string Protection,
    MicroTime Since, MicroTime Until, long FirstEntry, long LastEntry);

/// <summary>A stretch that was not seen.</summary>
/// <param name="Entry">The guard entry that says so.</param>
/// <param name="Reason">Why.</param>
/// <param name="From">Last position covered before it.</param>
/// <param name="To">First position covered after it; as the guard entry says.</param>
/// <param name="SealedAt">When it was found.</param>
/// <param name="Message">Words.</param>
/// <param name="WholeFrom">The entry with which every protected table was stated anew: from there on the record is whole again.
/// Null while it is not.</param>
/// <param name="Table">The only table it is about, with its schema; null: every protected one.</param>
public sealed record CoverageGap(
    long Entry, string Reason, string From, string To, MicroTime SealedAt, string Message, long? WholeFrom, string? Table);

/// <summary>Puts coverage and guard entries of one source together, in their order.</summary>
/// <param name="tables">Ids of the tables protected now: a gap is over when each of them that was stated before it is stated again.</param>
internal sealed class CoverageWalk(HashSet<uint> tables)
{
    private readonly HashSet<uint> _stated = [];
    private readonly List<(int Gap, HashSet<uint> Owed)> _open = [];

    public List<CoverageInterval> Intervals { get; } = [];
    public List<CoverageGap> Gaps { get; } = [];
    private bool _isBroken = true;
    private Lsn _brokenTo;

    public void Add(long index, EntryHeader header)
    {
        if (header.Coverage is { } coverage) Add(index, header, coverage);
        else if (header.Code == GuardCode.Gap) AddGap(index, header);
        else if (header is { Code: GuardCode.BaselineComplete, Relation.Id: var table }) Settle(index, table);
    }

    private void Add(long index, EntryHeader header, Coverage coverage)
    {
        if (coverage.To <= _brokenTo) return;
        string protection = Convert.ToHexStringLower(coverage.Protection.Span);
        CoverageInterval next = new(coverage.From < _brokenTo ? _brokenTo : coverage.From, coverage.To, coverage.SystemId,
            coverage.Timeline, coverage.Slot, protection, header.SealedAt, header.SealedAt, index, index);
        if (!_isBroken && Continues(Intervals[^1], next))
            Intervals[^1] = Intervals[^1] with { To = next.To, Until = next.Until, LastEntry = index };
        else Intervals.Add(next);
        _isBroken = false;
    }

    private static bool Continues(CoverageInterval one, CoverageInterval next) =>
        (one.To, one.SystemId, one.Timeline, one.Slot, one.Protection)
            == (next.From, next.SystemId, next.Timeline, next.Slot, next.Protection);

    /// <summary>What was taken for covered and turned out not to be is not.</summary>
    private void AddGap(long index, EntryHeader header)
    {
        string Fact(string name) => header.Facts?.GetValueOrDefault(name) ?? "";
        string? of = header.Relation is { } one ? $"{one.Schema}.{one.Name}" : null;
        Gaps.Add(new CoverageGap(index, Fact("reason"), Fact("from"), Fact("to"), header.SealedAt, Fact("message"), null, of));
        IEnumerable<uint> unsettled =
            _stated.Where(table => tables.Contains(table) && (header.Relation is null || header.Relation.Id == table));
        _open.Add((Gaps.Count - 1, [.. unsettled]));
        _isBroken = true;
        if (!Lsn.TryParse(Fact("from"), out Lsn from) || !Lsn.TryParse(Fact("to"), out _brokenTo)) return;
        while (Intervals.Count > 0 && Intervals[^1].From >= from && Intervals[^1].From > Lsn.None) Intervals.RemoveAt(Intervals.Count - 1);
        if (Intervals.Count > 0 && from > Intervals[^1].From && from < Intervals[^1].To) Intervals[^1] = Intervals[^1] with { To = from };
    }

    private void Settle(long index, uint table)
    {
        _stated.Add(table);
        foreach ((int gap, HashSet<uint> owed) in _open)
        {
            owed.Remove(table);
            if (owed.Count == 0) Gaps[gap] = Gaps[gap] with { WholeFrom = index };
        }
        _open.RemoveAll(open => open.Owed.Count == 0);
    }
}
