using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Differences as a crosscheck finds them: the first are listed, all are counted.</summary>
public sealed class DifferenceList
{
    /// <summary>Differences listed.</summary>
    public const int ListedMax = 10_000;
    /// <summary>Differences named in the sealed result.</summary>
    private const int SealedMax = 200;

    private readonly List<Difference> _listed = [];

    /// <summary>Differences added.</summary>
    public long Count { get; private set; }
    /// <summary>The first of them.</summary>
    public IReadOnlyList<Difference> Listed => _listed;

    /// <summary>Adds one. A row is named by its key where that is in clear.</summary>
    internal void Add(ProtectedTable table, RowKey? row, string? column, string what, long? entry)
    {
        Count++;
        if (_listed.Count < ListedMax) _listed.Add(new Difference($"{table.Schema}.{table.Name}", row is null ? "" : Name(row), column, what, entry));
    }

    /// <summary>Lines for the sealed result; null if there is none.</summary>
    public string? Text() => Count == 0 ? null : string.Join("\n", _listed.Take(SealedMax).Select(d => $"{d.Table} {d.Row} {d.Column}: {d.What}"));

    private static string Name(RowKey row) => row.Token.IsEmpty
        ? string.Join(", ", row.Columns.Select(part => $"{part.Name}={part.Value}"))
        : $"token {Convert.ToHexStringLower(row.Token.Span[..8])}";
}
