using System.Text.Json.Serialization;
using Indelible.Capture;

namespace Indelible.Server;

/// <summary>One difference between the ledger and the live database.</summary>
/// <param name="Table">Schema-qualified table.</param>
/// <param name="Row">The row's key; a token where the key is protected; empty if it is about the whole table.</param>
/// <param name="Column">The column; null if the whole row is on one side only.</param>
/// <param name="What">What differs, in words; never a value.</param>
/// <param name="EntryIndex">The last entry that says what the ledger holds; null if there is none.</param>
public sealed record Difference(string Table, string Row, string? Column, string What, long? EntryIndex)
{
    /// <summary>Both sides, where they were asked for. Shown only once an access entry says so.</summary>
    [JsonIgnore]
    public DifferingCell? Cell { get; init; }
}

/// <summary>Both sides of a cell that differs.</summary>
/// <param name="Live">What the database shows.</param>
/// <param name="Held">What the ledger holds.</param>
public sealed record DifferingCell(CapturedValue Live, StateField Held);

/// <summary>A table of which nothing is asserted, and why.</summary>
public sealed record NotCovered(string Table, string Reason);

/// <summary>What a crosscheck came to.</summary>
public sealed record CrosscheckReport
{
    /// <summary>Short name of the source.</summary>
    public required string Source { get; init; }
    /// <summary>What was to be compared, in words: <c>all</c>, a table, a row, a sample.</summary>
    public required string Scope { get; init; }
    /// <summary>Rows compared.</summary>
    public required long Rows { get; init; }
    /// <summary>Values compared.</summary>
    public required long Values { get; init; }
    /// <summary>Values the ledger knows to have changed without knowing to what: nothing to compare with.</summary>
    public required long UnknownValues { get; init; }
    /// <summary>Values, and rows whose key is sealed, that cannot be opened for want of a key: nothing is asserted of them.</summary>
    public required long LockedValues { get; init; }
    /// <summary>Differences found.</summary>
    public required long DifferenceCount { get; init; }
    /// <summary>The first of them, at most <see cref="DifferenceList.ListedMax"/>.</summary>
    public required IReadOnlyList<Difference> Differences { get; init; }
    /// <summary>Tables of which nothing is asserted.</summary>
    public required IReadOnlyList<NotCovered> NotCovered { get; init; }
    /// <summary>Entry that states this result; null if it was not sealed, because the ledger is somebody else's.</summary>
    public required long? GuardEntry { get; init; }

    /// <summary>True only if everything was compared and nothing differs.</summary>
    public bool IsFine => DifferenceCount == 0 && NotCovered.Count == 0 && LockedValues == 0;
}
