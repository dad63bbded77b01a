using System.Text.Json.Nodes;
using Indelible.Cli.Output;
using Indelible.Format;
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
    /// <param name="report">What verifying them came to; null if they were not verified.</param>
    /// <param name="origin">Of the ledger that goes on, where entries of closed ones may be among them:
    /// those are shown with their ledger's origin. Null: all are of one ledger.</param>
    public static ExitCode Print(
        Terminal terminal, IReadOnlyList<IndexedEntry> entries, string? next, string none, ResultReport? report, string? origin = null)
    {
        bool IsClosed(IndexedEntry entry) => origin is not null && entry.Entry.Header.Origin != origin;
        entries = report?.Proven ?? entries;
        if (entries.Count > 0)
            terminal.Table(EntryText.Headings, [.. entries.Select(entry => EntryText.Row(entry.Index, entry.Entry, IsClosed(entry)))]);
        else terminal.Note(none);
        if (next is not null) terminal.Note($"more: the same command with --after {next}");
        JsonObject json = new()
        {
            ["entries"] = new JsonArray([.. entries.Select(entry => (JsonNode)EntryJson.Of(entry.Index, entry.Entry, IsClosed(entry)))]),
            ["next"] = next,
        };
        if (report is not null) json["verification"] = ResultOptions.Json(report);
        terminal.Json(json);
        return ResultOptions.Tell(terminal, report);
    }
}
