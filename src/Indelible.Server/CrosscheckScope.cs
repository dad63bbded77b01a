using Indelible.Capture;

namespace Indelible.Server;

/// <summary>What of a source a crosscheck compares; nothing said: all protected tables whole.</summary>
public sealed record CrosscheckScope
{
    /// <summary>Only this table; null: all.</summary>
    public ProtectedTable? Table { get; init; }
    /// <summary>Only the row with this key, values in key order; needs a table. Null: all rows.</summary>
    public IReadOnlyList<string>? Key { get; init; }
    /// <summary>Only about so many rows of each table, taken at random; null: all rows.</summary>
    public int? Sample { get; init; }

    /// <summary>In words: <c>all</c>, a table, one row of a table, a sample. Never a key, which may be protected.</summary>
    public string Words()
    {
        string tables = Table is null ? All : $"{Table.Schema}.{Table.Name}";
        return Key is not null ? $"one row of {tables}" : Sample is { } count ? $"sample of {count} rows of {tables}" : tables;
    }

    /// <summary>Words of a scope that leaves nothing out.</summary>
    public const string All = "all";

    internal bool IsWhole => Key is null && Sample is null;
}
