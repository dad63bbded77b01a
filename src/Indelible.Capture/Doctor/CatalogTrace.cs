using System.Collections.Immutable;
using System.Globalization;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <summary>Which transactions wrote what the record depends on in a source's catalog:
/// what was changed and changed back leaves a trace.</summary>
/// <param name="LogEnd">End of the source's log when it was read.</param>
/// <param name="Lines">What it says, by what it is about.</param>
public sealed record CatalogTrace(Lsn LogEnd, ImmutableSortedDictionary<string, CatalogTrace.Line> Lines)
{
    private const string Absent = "absent";

    /// <summary>One fact of the catalog.</summary>
    /// <param name="How">Whether it is told of when it only appears or goes: <c>always</c>, <c>change</c> (no), <c>appear</c>.</param>
    /// <param name="State">What it is.</param>
    /// <param name="Root">The protected table it is about, by its oid; 0: all of them.</param>
    /// <param name="Hides">What is to be said of those tables if it is another than it was, because the log may not show all that happened
    /// to their rows; empty if it hides nothing.</param>
    public readonly record struct Line(string How, string State, uint Root, string Hides);

    /// <summary>A fact that is another than it was.</summary>
    /// <param name="What">What it is about.</param>
    /// <param name="Before">What it was.</param>
    /// <param name="After">What it is.</param>
    /// <param name="Root">As in <see cref="Line"/>.</param>
    /// <param name="Hides">As in <see cref="Line"/>.</param>
    public readonly record struct Difference(string What, string Before, string After, uint Root, string Hides);

    /// <summary>Reads it, in one statement and so at one moment.</summary>
    /// <exception cref="IndelibleException">The source cannot be reached.</exception>
    public static async Task<CatalogTrace> ReadAsync(SourceConnection source, Protection protection, CancellationToken cancellationToken)
    {
        try
        {
            await using NpgsqlConnection connection = await source.OpenAsync(cancellationToken);
            return await ReadAsync(new SourceCatalog(connection), protection, cancellationToken);
        }
        catch (NpgsqlException e)
        {
            throw SourceFailure.From(e, source);
        }
    }

    /// <inheritdoc cref="ReadAsync(SourceConnection, Protection, CancellationToken)"/>
    internal static async Task<CatalogTrace> ReadAsync(SourceCatalog catalog, Protection protection, CancellationToken cancellationToken)
    {
        // Before the look: what is committed between the two is seen, and the stretch told of later begins before it.
        Lsn end = await catalog.LogEndAsync(cancellationToken);
        object[] parameters =
        [
            protection.Publication,
            protection.Tables.Select(table => (long)table.Oid).ToArray(),
            protection.Tables.Select(table => table.Schema).ToArray(),
            protection.Tables.Select(table => table.Name).ToArray(),
        ];
        List<(string What, Line Line)> lines = await catalog.QueryAsync("trace", parameters,
            static r => (r.GetString(1), new Line(r.GetString(0), r.GetString(2), (uint)r.GetInt64(3), r.GetString(4))),
            cancellationToken);
        return new CatalogTrace(end, lines.ToImmutableSortedDictionary(line => line.What, line => line.Line, StringComparer.Ordinal));
    }

    /// <summary>What is to be told of, coming from an earlier one.</summary>
    public IEnumerable<Difference> Since(CatalogTrace earlier)
    {
        foreach ((string what, Line before) in earlier.Lines)
        {
            if (!Lines.TryGetValue(what, out Line after))
            {
                if (before.How == "always") yield return new Difference(what, before.State, Absent, before.Root, before.Hides);
            }
            else if (after.State != before.State) yield return new Difference(what, before.State, after.State, after.Root, after.Hides);
        }
        foreach ((string what, Line after) in Lines)
        {
            if (after.How is "always" or "appear" && !earlier.Lines.ContainsKey(what))
                yield return new Difference(what, Absent, after.State, after.Root, after.Hides);
        }
    }

    /// <summary>As text: the position, then a line for each fact. Names may be anything but hold no line breaks after escaping.</summary>
    public string ToText() => string.Join('\n', [LogEnd.ToString(), .. Lines.Select(line => ToText(line.Key, line.Value))]);

    private static string ToText(string what, Line line) =>
        string.Join('\t', line.How, Escape(what), Escape(line.State), line.Root, line.Hides);

    /// <summary>Reads what <see cref="ToText"/> wrote.</summary>
    /// <exception cref="FormatException">It is not of that form.</exception>
    public static CatalogTrace Parse(string text)
    {
        string[] lines = text.Split('\n');
        Lsn end = Lsn.Parse(lines[0]);
        return new CatalogTrace(end, lines.Skip(1).Select(line => line.Split('\t')).ToImmutableSortedDictionary(
            parts => parts is [_, var what, _, _, _]
                ? Unescape(what)
                : throw new FormatException($"expected five parts in a line of the catalog, found {parts.Length}"),
            parts => new Line(parts[0], Unescape(parts[2]), uint.Parse(parts[3], CultureInfo.InvariantCulture), parts[4]),
            StringComparer.Ordinal));
    }

    private static string Escape(string text) => Uri.EscapeDataString(text);

    private static string Unescape(string text) => Uri.UnescapeDataString(text);
}
