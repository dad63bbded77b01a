using System.Globalization;
using System.Text;
using Npgsql;

namespace Indelible.Capture;

/// <summary>The query that reads one protected table, and how its rows are taken apart. Columns: key, protected columns, subject, tableoid.</summary>
internal sealed class LiveSelect
{
    private readonly ProtectedTable _table;
    private readonly IReadOnlyDictionary<uint, string> _leaves;
    private readonly string?[] _columns;
    private readonly IReadOnlyList<string> _key;
    private readonly string[] _keyTypes;
    private readonly string _select;

    /// <summary>A query of one table.</summary>
    /// <param name="table">The table as protected.</param>
    /// <param name="name">What it is called now.</param>
    /// <param name="key">What its key columns are called now, in key order.</param>
    /// <param name="partitioned">True if its rows live in partitions.</param>
    /// <param name="columns">Its columns now.</param>
    /// <param name="leaves">Quoted names of its partitions.</param>
    public LiveSelect(
        ProtectedTable table, RelationName name, IReadOnlyList<string> key, bool partitioned, IReadOnlyList<ColumnFacts> columns, IReadOnlyDictionary<uint, string> leaves)
    {
        (_table, _leaves, _key) = (table, leaves, key);
        _columns = [.. table.Columns.Select(c => columns.FirstOrDefault(f => f.Number == c.Number)?.Name)];
        _keyTypes = [.. key.Select(part => columns.First(f => f.Name == part).Type)];
        IEnumerable<string> values = _columns.Select(c => c is null ? "NULL" : PgIdentifier.Quote(c));
        From = $"{(partitioned ? "" : "ONLY ")}{name.Quoted}";
        string subject = table.Subject is null ? "NULL" : PgIdentifier.Quote(table.Subject);
        _select = $"SELECT {Key}, {string.Join(", ", values)}, {subject}, tableoid FROM {From}";
    }

    /// <summary>The relation: with its partitions, but without tables that inherit from it.</summary>
    public string From { get; }

    private string Key => string.Join(", ", _key.Select(PgIdentifier.Quote));

    /// <summary>All rows after a key, in key order; parameters are the key's parts as text.</summary>
    public string After(bool hasKey)
    {
        string bound = string.Join(", ", _keyTypes.Select((type, i) => string.Create(CultureInfo.InvariantCulture, $"CAST(${i + 1}::text AS {type})")));
        return $"{_select}{(hasKey ? $" WHERE ROW({Key}) > ROW({bound})" : "")} ORDER BY {Key}";
    }

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
