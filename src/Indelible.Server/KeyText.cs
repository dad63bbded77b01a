using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>A row's key as people type and read it: <c>17</c>, <c>id=17</c>, <c>eu, 4</c>, <c>region=eu, id=4</c>,
/// <c>"Smith, John"</c>.</summary>
/// <remarks>Values in the order of the primary key, or each with its column's name, separated by commas.
/// Double quotes, doubled inside, around a value that holds a comma, begins with a quote, or begins or ends with a space;
/// a key of one column needs them for neither comma.</remarks>
public sealed class KeyText
{
    private readonly string _text;

    private KeyText(string text) => _text = text;

    /// <summary>One part: as a value whole, and, if it holds an equals sign, as name and value.</summary>
    private readonly record struct Part(string Whole, string? Name, string Value);

    /// <summary>What somebody typed; taken apart when the key's columns are known.</summary>
    public static KeyText Typed(string text) => new(text);

    /// <summary>The values in the order of the key.</summary>
    /// <param name="columns">The key's columns; empty if they are not known.</param>
    /// <exception cref="IndelibleException">Usage: another number of values, or a quote that does not end.</exception>
    public IReadOnlyList<string> ValuesFor(IReadOnlyList<string> columns)
    {
        List<Part> parts = Split(atCommas: columns.Count != 1);
        if (columns.Count > 0 && parts.Count != columns.Count)
        {
            throw new IndelibleException(
                ExitCode.Usage, $"key: expected {columns.Count} values for {string.Join(", ", columns)}, found {parts.Count} in '{_text}'");
        }
        string[] named =
        [
            .. columns
                .Select(column => parts.Find(part => column.Equals(part.Name, StringComparison.OrdinalIgnoreCase)).Value)
                .OfType<string>(),
        ];
        return columns.Count > 0 && named.Length == columns.Count ? named : [.. parts.Select(part => part.Whole)];
    }

    /// <summary>A key so that it can be typed again; a token by its first digits.</summary>
    public static string Of(RowKey key) => key.Token.IsEmpty
        ? string.Join(", ", key.Columns.Select(column => $"{column.Name}={Quoted(column.Value)}"))
        : $"token {Convert.ToHexStringLower(key.Token.Span[..6])}…";

    private static string Quoted(string value)
    {
        bool needsQuotes = value.Length == 0 || value[0] == '"' || value.Contains(',', StringComparison.Ordinal) || value.Trim() != value;
        return needsQuotes ? $"\"{value.Replace("\"", "\"\"", StringComparison.Ordinal)}\"" : value;
    }

    private List<Part> Split(bool atCommas)
    {
        List<Part> parts = [];
        int at = 0;
        while (true)
        {
            parts.Add(Take(ref at, atCommas));
            if (at == _text.Length) return parts;
            at++;    // the comma
        }
    }

    /// <summary>Reads a part up to its comma or the end.</summary>
    private Part Take(ref int at, bool atCommas)
    {
        int begin = at;
        (string first, bool isQuoted) = Word(ref at, stopAtEquals: true, atCommas);
        if (at == _text.Length || _text[at] != '=') return new Part(first, null, first);
        at++;
        (string value, bool isValueQuoted) = Word(ref at, stopAtEquals: false, atCommas);
        string whole = isQuoted || isValueQuoted ? $"{first}={value}" : _text[begin..at].Trim();
        return new Part(whole, first, value);
    }

    /// <summary>Reads a word, quoted or not, without the spaces around it.</summary>
    private (string Word, bool IsQuoted) Word(ref int at, bool stopAtEquals, bool atCommas)
    {
        int begin = at;
        while (at < _text.Length && char.IsWhiteSpace(_text[at])) at++;
        if (at < _text.Length && _text[at] == '"') return (InQuotes(ref at), true);
        while (at < _text.Length && !(atCommas && _text[at] == ',') && !(stopAtEquals && _text[at] == '=')) at++;
        return (_text[begin..at].Trim(), false);
    }

    private string InQuotes(ref int at)
    {
        StringBuilder word = new();
        for (at++; at < _text.Length; at++)
        {
            if (_text[at] != '"') word.Append(_text[at]);
            else if (at + 1 < _text.Length && _text[at + 1] == '"') word.Append(_text[++at]);
            else break;
        }
        if (at == _text.Length)
            throw new IndelibleException(ExitCode.Usage, $"key: expected a closing double quote, found none in '{_text}'");
        for (at++; at < _text.Length && char.IsWhiteSpace(_text[at]); at++) { }
        if (at < _text.Length && _text[at] is not (',' or '='))
            throw new IndelibleException(ExitCode.Usage, $"key: expected a comma after the quoted value, found '{_text[at]}' in '{_text}'");
        return word.ToString();
    }
}
