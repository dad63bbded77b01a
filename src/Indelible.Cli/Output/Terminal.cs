using System.Text.Json.Nodes;
using Spectre.Console;

namespace Indelible.Cli.Output;

/// <summary>Where one command writes: results to standard output, everything else to standard error.</summary>
internal sealed class Terminal(TextWriter output, TextWriter error, bool json, bool isTerminal, int width)
{
    private static readonly System.Text.Json.JsonSerializerOptions JsonStyle = new()
    {
        WriteIndented = false,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

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

    /// <summary>Tells a person who watches how far something is, once a second at most; nobody else.</summary>
    public Action<string> Pace(TimeProvider time)
    {
        if (!IsTerminal) return static _ => { };
        long told = 0;
        return what =>
        {
            if (told != 0 && time.GetElapsedTime(told) < TimeSpan.FromSeconds(1)) return;
            told = time.GetTimestamp();
            Note(what);
        };
    }

    /// <summary>The result for machines: one JSON document on one line. Nothing without --json.</summary>
    public void Json(JsonNode document)
    {
        if (json) output.WriteLine(document.ToJsonString(JsonStyle));
    }

    /// <summary>Rows under headings: drawn on a terminal, aligned plain text otherwise. Nothing with --json.</summary>
    public void Table(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (json) return;
        IReadOnlyList<string>[] visible = [.. rows.Select(row => (IReadOnlyList<string>)[.. row.Select(Visible.Of)])];
        if (isTerminal) Draw(headings, visible);
        else Align(headings, visible);
    }

    /// <summary>Names and values, one pair a line. Nothing with --json.</summary>
    public void Pairs(IEnumerable<(string Name, string Value)> pairs)
    {
        if (json) return;
        (string Name, string Value)[] all = [.. pairs];
        int widest = all.Length == 0 ? 0 : all.Max(pair => pair.Name.Length);
        foreach ((string name, string value) in all) output.WriteLine($"{Visible.Of(name).PadRight(widest)}  {Visible.Of(value)}");
    }

    private void Draw(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        Table table = new() { Border = TableBorder.Simple };
        foreach (string heading in headings) table.AddColumn(new TableColumn(Markup.Escape(heading)));
        foreach (IReadOnlyList<string> row in rows) table.AddRow(row.Select(cell => new Text(cell)));
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Out = new AnsiConsoleOutput(output),
            Ansi = AnsiSupport.Yes,
            Interactive = InteractionSupport.No,
        });
        console.Profile.Width = Math.Max(width, 40);
        console.Write(table);
    }

    private void Align(IReadOnlyList<string> headings, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        int[] widths = [.. headings.Select((heading, column) =>
            Math.Max(heading.Length, rows.Count == 0 ? 0 : rows.Max(row => row[column].Length)))];
        foreach (IReadOnlyList<string> row in rows.Prepend(headings))
        {
            output.WriteLine(string.Join("  ", row.Select((cell, column) => cell.PadRight(widths[column]))).TrimEnd());
        }
    }
}
