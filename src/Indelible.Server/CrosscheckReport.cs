namespace Indelible.Server;

/// <summary>One difference between the ledger and the live database.</summary>
/// <param name="Table">Schema-qualified table.</param>
/// <param name="Row">The row's key; a token where the key is protected; empty if it is about the whole table.</param>
/// <param name="Column">The column; null if the whole row is on one side only.</param>
/// <param name="What">What differs, in words; never a value.</param>
/// <param name="EntryIndex">The last entry that says what the ledger holds; null if there is none.</param>
public sealed record Difference(string Table, string Row, string? Column, string What, long? EntryIndex);

/// <summary>What a crosscheck came to.</summary>
public sealed record CrosscheckReport
{
    /// <summary>Short name of the source.</summary>
    public required string Source { get; init; }
    /// <summary>Rows compared.</summary>
    public required long Rows { get; init; }
    /// <summary>Values compared.</summary>
    public required long Values { get; init; }
    /// <summary>Values the ledger knows to have changed without knowing to what: nothing to compare with.</summary>
    public required long UnknownValues { get; init; }
    /// <summary>Differences found.</summary>
    public required long DifferenceCount { get; init; }
    /// <summary>The first of them, at most <see cref="DifferenceList.ListedMax"/>.</summary>
    public required IReadOnlyList<Difference> Differences { get; init; }
    /// <summary>Entry that states this result.</summary>
    public required long GuardEntry { get; init; }
}
