using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>Prints a page of entries.</summary>
internal static class Pages
{
    /// <summary>The page as a table and, with --json, as one document with the cursor of the next.</summary>
    /// <param name="terminal">Where to.</param>
    /// <param name="entries">In the order to print.</param>
    /// <param name="next">Cursor of the next page; null if this is the last.</param>
    /// <param name="none">What to say if there are none.</param>
    public static void Print(Terminal terminal, IReadOnlyList<IndexedEntry> entries, string? next, string none)
    {
        if (entries.Count > 0) terminal.Table(EntryText.Headings, [.. entries.Select(entry => EntryText.Row(entry.Index, entry.Entry))]);
        else terminal.Note(none);
        if (next is not null) terminal.Note($"more: the same command with --after {next}");
        terminal.Json(new JsonObject
        {
            ["entries"] = new JsonArray([.. entries.Select(entry => (JsonNode)EntryJson.Of(entry.Index, entry.Entry))]),
            ["next"] = next,
        });
    }
}
