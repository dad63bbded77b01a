using System.Text;
using System.Text.Json.Nodes;

namespace Indelible.Cli.Output;

/// <summary>Where one command writes: results to standard output, everything else to standard error.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, bool json, bool isTerminal, int width)
{
    private static readonly System.Text.Json.JsonSerializerOptions JsonStyle = new()
    {
        WriteIndented = false,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    private const string Between = "  ", Indent = "    ";

    /// <summary>Columns of a terminal: a cell wider than this does not widen those above and below it.</summary>
    private const int AlignedMax = 72;

    /// <summary>True if results are wanted as JSON.</summary>
    public bool IsJson => json;

    /// <summary>True if a person watches.</summary>
    public bool IsTerminal => isTerminal && !json;

    /// <summary>A line of the result, for people. Nothing with --json.</summary>
    public void Line(string text = "")
    {
        if (!json) output.WriteLine(text);
    }

    /// <summary>A remark that is no part of the result.</summary>
    public void Note(string text) => error.WriteLine(text);

    /// <summary>Tells how far something is, on standard error: a person who watches once a second at most,
    /// a log every half minute.</summary>
    public Action<string> Pace(TimeProvider time)
    {
        TimeSpan between = IsTerminal ? TimeSpan.FromSeconds(1) : TimeSpan.FromSeconds(30);
        long? told = IsTerminal ? null : time.GetTimestamp();
        return what =>
        {
            if (told is { } at && time.GetElapsedTime(at) < between) return;
            told = time.GetTimestamp();
            Note(what);
        };
    }

    /// <summary>The result for machines: one JSON document on one line. Nothing without --json.</summary>
    public void Json(JsonNode document)
    {
        if (json) output.WriteLine(document.ToJsonString(JsonStyle));
    }

    /// <summary>Rows under headings, aligned but for what is very wide; where a terminal is too narrow a row goes on in indented lines.
    /// Nothing with --json.</summary>
    public void Table(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (json) return;
        IReadOnlyList<string>[] all = [headings, .. rows.Select(row => (IReadOnlyList<string>)[.. row.Select(Visible.Of)])];
        int[] widths = [.. headings.Select((_, column) =>
            all.Select(row => Visible.Width(row[column])).Where(wide => wide <= AlignedMax).DefaultIfEmpty().Max())];
        List<Range> lines = Lines(widths);
        foreach (IReadOnlyList<string> row in all)
        {
            foreach (Range line in lines)
            {
                string indent = line.Start.Value == 0 ? "" : Indent;
                string text = string.Join(
                    Between,
                    Enumerable.Range(0, row.Count).Take(line).Select(column => Visible.Pad(row[column], widths[column]))).TrimEnd();
                if (text.Length > 0) output.WriteLine(indent + Wrap(text, indent.Length));
            }
        }
    }

    /// <summary>Names and values, one pair a line. Nothing with --json.</summary>
    public void Pairs(IEnumerable<(string Name, string Value)> pairs)
    {
        if (json) return;
        (string Name, string Value)[] all = [.. pairs];
        int widest = all.Length == 0 ? 0 : all.Max(pair => Visible.Width(Visible.Of(pair.Name)));
        foreach ((string name, string value) in all)
            output.WriteLine($"{Visible.Pad(Visible.Of(name), widest)}{Between}{Visible.Of(value)}");
    }

    /// <summary>Which columns stand on which line of a row: on a terminal as many as fit, elsewhere all.</summary>
    private List<Range> Lines(int[] widths)
    {
        List<Range> lines = [];
        int first = 0, used = 0;
        for (int column = 0; column < widths.Length; column++)
        {
            int needed = used == 0 ? widths[column] : used + Between.Length + widths[column];
            if (IsTerminal && used > 0 && needed > width)
            {
                lines.Add(first..column);
                (first, needed) = (column, Indent.Length + widths[column]);
            }
            used = needed;
        }
        return [.. lines, first..widths.Length];
    }

    /// <summary>Breaks what is too long for the terminal between words; what follows is indented.
    /// A word that is too long stays whole, to be copied.</summary>
    private string Wrap(string text, int indent)
    {
        if (!IsTerminal || indent + Visible.Width(text) <= width) return text;
        StringBuilder wrapped = new();
        int used = indent;
        foreach (string word in text.Split(' '))
        {
            int length = Visible.Width(word);
            bool breaks = used > indent && used + 1 + length > width;
            if (breaks) wrapped.Append('\n').Append(' ', indent);
            else if (used > indent) wrapped.Append(' ');
            wrapped.Append(word);
            used = breaks ? indent + length : used + length + (used > indent ? 1 : 0);
        }
        return wrapped.ToString();
    }
}
