using System.Globalization;
using System.Text;
using Npgsql;

namespace Indelible.Capture;

/// <summary>The query that reads one protected table, and how its rows are taken apart.
/// Columns: key, protected columns, subject, tableoid.</summary>
internal sealed class LiveSelect
{
    /// <summary>Tables up to so many rows are sampled from all their pages.</summary>
    private const long SampleWholeMax = 10_000;

    private readonly ProtectedTable _table;
    private readonly IReadOnlyDictionary<uint, string> _leaves;
    private readonly string?[] _columns;
    private readonly IReadOnlyList<string> _key;
    private readonly string[] _keyTypes;
    private readonly string _select;
    private readonly string _values;

    /// <summary>A query of one table.</summary>
    /// <param name="table">The table as protected.</param>
    /// <param name="name">What it is called now.</param>
    /// <param name="key">What its key columns are called now, in key order.</param>
    /// <param name="partitioned">True if its rows live in partitions.</param>
    /// <param name="columns">Its columns now.</param>
    /// <param name="leaves">Quoted names of its partitions.</param>
    public LiveSelect(
        ProtectedTable table, RelationName name, IReadOnlyList<string> key, bool partitioned, IReadOnlyList<ColumnFacts> columns,
        IReadOnlyDictionary<uint, string> leaves)
    {
        (_table, _leaves, _key, Name) = (table, leaves, key, name);
        _columns = [.. table.Columns.Select(c => columns.FirstOrDefault(f => f.Number == c.Number)?.Name)];
        _keyTypes = [.. key.Select(part => columns.First(f => f.Name == part).Type)];
        _values = string.Join(", ", _columns.Select(c => c is null ? "NULL" : PgIdentifier.Quote(c)));
        From = $"{(partitioned ? "" : "ONLY ")}{name.Quoted}";
        string subject = table.Subject is null ? "NULL" : PgIdentifier.Quote(table.Subject);
        _select = $"SELECT {Key}, {_values}, {subject}, tableoid FROM {From}";
    }

    /// <summary>What the table is called now.</summary>
    public RelationName Name { get; }

    /// <summary>The relation: with its partitions, but without tables that inherit from it.</summary>
    public string From { get; }

    /// <summary>The protected columns that the table no longer has, by their names when protected.</summary>
    public IEnumerable<string> Lost => _table.Columns.Where((_, i) => _columns[i] is null).Select(column => column.Name);

    /// <summary>Columns of the key.</summary>
    public int KeyWidth => _key.Count;

    /// <summary>Columns of a row as <see cref="Copy"/> prints it.</summary>
    public int Width => _key.Count + _columns.Length;

    private string Key => string.Join(", ", _key.Select(PgIdentifier.Quote));

    /// <summary>All rows after a key, in key order; parameters are the key's parts as text.</summary>
    public string After(bool hasKey)
    {
        string bound = string.Join(
            ", ", _keyTypes.Select((type, i) => string.Create(CultureInfo.InvariantCulture, $"CAST(${i + 1}::text AS {type})")));
        return $"{_select}{(hasKey ? $" WHERE ROW({Key}) > ROW({bound})" : "")} ORDER BY {Key}";
    }

    /// <summary>COPY of the rows behind one key up to another, in key order: the key, then the protected columns.</summary>
    /// <param name="after">Key to begin behind; null: from the first row.</param>
    /// <param name="through">Last key wanted; null: to the end.</param>
    /// <param name="rowMax">Most rows; 0: all.</param>
    public string Copy(IReadOnlyList<string>? after, IReadOnlyList<string>? through, int rowMax)
    {
        string[] bounds = [.. new[] { Bound(">", after), Bound("<=", through) }.OfType<string>()];
        string where = bounds.Length == 0 ? "" : $" WHERE {string.Join(" AND ", bounds)}";
        string limit = rowMax == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $" LIMIT {rowMax}");
        return $"COPY (SELECT {Key}, {_values} FROM {From}{where} ORDER BY {Key}{limit}) TO STDOUT";
    }

    /// <summary>Keys of about so many rows: a share of the pages, by the server's statistics.</summary>
    public string Sample(int count, long rowEstimate)
    {
        double percent = rowEstimate <= SampleWholeMax ? 100 : Math.Clamp(200.0 * count / rowEstimate, 0.0001, 100);
        return string.Create(
            CultureInfo.InvariantCulture, $"SELECT {Key} FROM {From} TABLESAMPLE SYSTEM ({percent}) ORDER BY random() LIMIT {count}");
    }

    private string? Bound(string comparison, IReadOnlyList<string>? key) => key is null ? null
        : $"ROW({Key}) {comparison} "
            + $"ROW({string.Join(", ", _keyTypes.Select((type, i) => $"CAST({PgIdentifier.Literal(key[i])} AS {type})"))})";

    /// <summary>The rows with given keys; parameters are arrays of text, one per key column.</summary>
    public string ByKeys()
    {
        string parts = string.Join(", ", _keyTypes.Select((type, i) => $"CAST(k{i} AS {type})"));
        string arrays = string.Join(", ", _keyTypes.Select((_, i) => $"${i + 1}::text[]"));
        string names = string.Join(", ", _keyTypes.Select((_, i) => $"k{i}"));
        return $"{_select} WHERE ({Key}) IN (SELECT {parts} FROM unnest({arrays}) AS wanted({names}))";
    }

    /// <summary>The current row of a reader whose values are text; adds the length of what it holds.</summary>
    public LiveRow Read(NpgsqlDataReader reader, ref long bytes)
    {
        int keys = _table.Key.Count;
        string[] key = new string[keys];
        for (int i = 0; i < keys; i++) key[i] = reader.GetString(i);
        var values = new CapturedValue[_columns.Length];
        for (int i = 0; i < values.Length; i++)
        {
            values[i] = _columns[i] is null ? CapturedValue.Missing(Format.Entries.MissingReason.NotCaptured) : Value(reader, keys + i);
            bytes += values[i].Text.Length;
        }
        int subject = keys + values.Length;
        bytes += 64 + key.Sum(part => part.Length);
        return new LiveRow
        {
            Key = key,
            Values = values,
            Subject = reader.IsDBNull(subject) ? null : reader.GetString(subject),
            Leaf = _leaves.GetValueOrDefault(uint.Parse(reader.GetString(subject + 1), CultureInfo.InvariantCulture)),
        };
    }

    private static CapturedValue Value(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? CapturedValue.Null : CapturedValue.Of(Encoding.UTF8.GetBytes(reader.GetString(column)));
}
