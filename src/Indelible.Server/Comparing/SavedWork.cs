using Indelible.Capture;
using Indelible.Format;

namespace Indelible.Server.Comparing;

/// <summary>What a crosscheck that was stopped has done. Kept encrypted: it holds row keys.</summary>
internal sealed record SavedWork
{
    /// <summary>What it is about: ledger, source, protection, tables. Another is of no use.</summary>
    public required string About { get; init; }
    /// <summary>When it was kept.</summary>
    public required DateTimeOffset At { get; init; }
    /// <summary>Tables that are done, by their ids.</summary>
    public required List<uint> Done { get; init; }
    /// <summary>What was compared in them.</summary>
    public required CrosscheckCounts Counts { get; init; }
    /// <summary>Differences found in them.</summary>
    public required long DifferenceCount { get; init; }
    /// <summary>The first of these.</summary>
    public required List<Difference> Differences { get; init; }
    /// <summary>Tables of which nothing is asserted.</summary>
    public required List<NotCovered> NotCovered { get; init; }
    /// <summary>The table that was being read; 0 if none.</summary>
    public required uint Table { get; init; }
    /// <summary>Its ranges that were read.</summary>
    public required List<SavedRange> Ranges { get; init; }
    /// <summary>Blocks of their rows.</summary>
    public required int Blocks { get; init; }
    /// <summary>Whether these are all.</summary>
    public required bool IsRead { get; init; }
}

/// <summary>A range of keys that was read.</summary>
internal sealed record SavedRange(ulong ReadBefore, ulong ReadAfter, IReadOnlyList<string>? Through, long Rows)
{
    public static SavedRange Of(LiveRange range) => new(range.ReadBefore.Bytes, range.ReadAfter.Bytes, range.Through, range.Rows);

    public LiveRange Range(IReadOnlyList<string>? after) =>
        new() { ReadBefore = new Lsn(ReadBefore), ReadAfter = new Lsn(ReadAfter), After = after, Through = Through, Rows = Rows };
}
