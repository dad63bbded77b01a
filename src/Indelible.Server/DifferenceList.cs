using Indelible.Capture;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>Differences as a crosscheck finds them: the first are listed, all are counted. One loop owns it.</summary>
/// <param name="keepsCells">Whether both sides of the cells listed are kept, to be revealed.</param>
public sealed class DifferenceList(bool keepsCells = false)
{
    /// <summary>Differences listed.</summary>
    public const int ListedMax = 10_000;
    /// <summary>Differences named in the sealed result.</summary>
    internal const int SealedMax = 200;
    /// <summary>Longest value kept to be revealed, in bytes.</summary>
    private const int LiveLengthMax = 64 * 1024;

    private readonly List<Difference> _listed = [];

    /// <summary>Differences added.</summary>
    public long Count { get; private set; }
    /// <summary>The first of them.</summary>
    public IReadOnlyList<Difference> Listed => _listed;

    /// <summary>Adds what was found before, by an attempt that did not end.</summary>
    internal void Restore(long count, IEnumerable<Difference> listed)
    {
        Count += count;
        _listed.AddRange(listed.Take(ListedMax - _listed.Count));
    }

    /// <summary>Adds one. A row is named by its key where that is in clear.</summary>
    internal void Add(
        ProtectedTable table, RowKey? row, string? column, string what, long? entry, CapturedValue? live = null, StateField? held = null)
    {
        Count++;
        if (_listed.Count == ListedMax) return;
        DifferingCell? cell = keepsCells && held is not null && live is { } value && value.Text.Length <= LiveLengthMax
            ? new DifferingCell(value, held) : null;
        _listed.Add(new Difference($"{table.Schema}.{table.Name}", row is null ? "" : Name(row), column, what, entry) { Cell = cell });
    }

    /// <summary>A line for the sealed result.</summary>
    internal static string Line(Difference difference) => $"{difference.Table} {difference.Row} {difference.Column}: {difference.What}";

    private static string Name(RowKey row) => row.Token.IsEmpty
        ? string.Join(", ", row.Columns.Select(part => $"{part.Name}={part.Value}"))
        : $"token {Convert.ToHexStringLower(row.Token.Span[..8])}";
}
