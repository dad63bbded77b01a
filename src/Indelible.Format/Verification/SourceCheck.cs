using Indelible.Format.Entries;

namespace Indelible.Format.Verification;

/// <summary>What must hold among the entries of one source: order of changes, whole parts, coverage without a break.
/// One verification owns it.</summary>
/// <param name="source">Its name.</param>
/// <param name="findings">Receives what is wrong.</param>
/// <param name="isContinued">True if entries of it may have come before the first that is looked at.</param>
internal sealed class SourceCheck(string source, Findings findings, bool isContinued)
{
    private long _changes, _gaps;
    private Position? _first, _last;
    private Lsn _coveredFrom;
    private Coverage? _covered, _firstCovered;
    private bool _isGapAnnounced;
    // After an announced gap the source may be another cluster, or an earlier state of it: its log may count from below.
    private bool _isRestartAnnounced;
    private bool _isInterrupted;

    public SourceSummary Summary => new(source, _changes, _first, _last, _coveredFrom, _covered?.To ?? Lsn.None, _gaps)
    {
        FirstCoverage = _firstCovered,
        LastCoverage = _covered,
    };

    /// <summary>The next change of this source must lie behind the one before, and behind what was declared covered.</summary>
    public void Change(Position position, string file, long index)
    {
        if (_covered is { } covered && position.CommitLsn < covered.To && !_isGapAnnounced)
        {
            findings.Fault(Rules.Coverage, file, index,
                $"source {source}: the change at {Describe(position)} comes after coverage to {covered.To} was sealed: "
                    + "it was missing then");
        }
        if (_last is { } last) CompareWith(last, position, file, index);
        else if (position.Part != 0 && !isContinued) MissingParts(position, file, index);
        // also where it is out of order: one entry in the wrong place is one or two findings, not one for each that follows
        _last = position;
        _first ??= position;
        _changes++;
        _isRestartAnnounced = _isInterrupted = false;
    }

    /// <summary>The next stretch must be of the same log and begin where the one before ended, unless a gap
    /// was announced between.</summary>
    public void Coverage(Coverage coverage, string file, long index)
    {
        bool goesOn = _covered is { } before && coverage.From == before.To && LogOf(coverage) == LogOf(before);
        if (_covered is not null && !goesOn && !_isGapAnnounced)
        {
            findings.Fault(Rules.Coverage, file, index,
                $"source {source}: expected coverage from {_covered.To} of {LogOf(_covered)}, where it ended before, "
                    + $"found coverage from {coverage.From} to {coverage.To} of {LogOf(coverage)}, and no gap announced");
        }
        if (!goesOn) _coveredFrom = coverage.From;
        _covered = coverage;
        _firstCovered ??= coverage;
        _isGapAnnounced = false;
    }

    /// <summary>The ledger itself says that something may be missing.
    /// Where that is so of one table only, the log was read on without a break.</summary>
    public void Gap(EntryHeader header, string file, long index)
    {
        string facts = header.Facts is null
            ? ""
            : string.Join(", ", header.Facts.OrderBy(fact => fact.Key != "from").Select(fact => $"{fact.Key}={fact.Value}"));
        findings.Notice(
            Rules.Gap, file, index, $"source {source}: a gap was announced at {header.SealedAt}{(facts.Length > 0 ? ": " + facts : "")}");
        _gaps++;
        if (header.Relation is null) _isGapAnnounced = _isRestartAnnounced = true;
    }

    /// <summary>An entry that could not be read may have been of this source, and any of these.</summary>
    public void Interrupt() => _isInterrupted = _isGapAnnounced = _isRestartAnnounced = true;

    /// <summary>After the last entry: a change that was begun must be whole, for all its parts are sealed together.</summary>
    public void Finish()
    {
        if (_last is { } last && last.Part + 1 != last.PartCount) MissingParts(last with { Part = last.Part + 1 }, "", -1);
    }

    private void CompareWith(Position last, Position position, string file, long index)
    {
        int order = position.CompareTo(last);
        if (order == 0)
        {
            findings.Fault(Rules.Duplicate, file, index, $"source {source}: the change at {Describe(position)} is in the ledger already");
            return;
        }
        if (order < 0)
        {
            if (!_isRestartAnnounced)
            {
                findings.Fault(Rules.Order, file, index,
                    $"source {source}: the change at {Describe(position)} comes after the one at {Describe(last)}");
            }
            return;
        }
        bool isSameChange = position.CommitLsn == last.CommitLsn && position.Ordinal == last.Ordinal;
        if (isSameChange ? position.Part != last.Part + 1 || position.PartCount != last.PartCount : position.Part != 0)
            MissingParts(position, file, index);
        else if (!isSameChange && last.Part + 1 != last.PartCount) MissingParts(last with { Part = last.Part + 1 }, file, index);
    }

    private void MissingParts(Position position, string file, long index)
    {
        if (_isInterrupted) return;
        findings.Fault(Rules.Parts, file, index, $"source {source}: a part of the change is missing before or at {Describe(position)}");
    }

    /// <summary>What a position in a log means nothing without.</summary>
    public static string LogOf(Coverage coverage) => $"system {coverage.SystemId}, timeline {coverage.Timeline}, slot {coverage.Slot}";

    public static string Describe(Position position) =>
        $"{position.CommitLsn} row {position.Ordinal}" + (position.PartCount > 1 ? $" part {position.Part} of {position.PartCount}" : "");
}
