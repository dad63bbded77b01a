using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Server;

namespace Indelible.Cli;

/// <summary>Prints a page of entries.</summary>
internal static class Pages
{
    /// <summary>The page as a table and, with --json, as one document with the cursor of the next.</summary>
    public static void Print(Terminal terminal, LedgerView view, Page page)
    {
        (long Index, Entry Entry)[] entries = [.. page.Entries.Select(index => (index, Entries.Read(view.Reader, index)))];
        terminal.Table(EntryText.Headings, [.. entries.Select(entry => EntryText.Row(entry.Index, entry.Entry))]);
        if (entries.Length == 0) terminal.Note("no entry matches");
        if (page.Next is { } next) terminal.Note($"more: add --after {next}");
        terminal.Json(new JsonObject
        {
            ["entries"] = new JsonArray([.. entries.Select(entry => (JsonNode)EntryJson.Of(entry.Index, entry.Entry))]),
            ["next"] = page.Next,
        });
    }
}
