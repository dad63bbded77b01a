using Indelible.Format.Entries;

namespace Indelible.Format.Verification;

/// <summary>Says in one line which event an entry records: place, not values.</summary>
public static class EntryText
{
    /// <summary>Such as <c>change update clinic.patient id=4, source crm, transaction 7751 at 16/B374D848</c>.
    /// Holds clear facts of the header only.</summary>
    public static string Describe(Entry entry)
    {
        EntryHeader header = entry.Header;
        var words = new List<string> { header.Kind.ToString().ToLowerInvariant() };
        if (header.Code is not null) words.Add(header.Code);
        if (header.Operation is { } operation) words.Add(operation.ToString().ToLowerInvariant());
        if (header.Relation is { } relation) words.Add($"{relation.Schema}.{relation.Name}");
        if (header.Key is { } key) words.Add(Describe(key));
        var parts = new List<string> { string.Join(' ', words) };
        if (header.Source is not null) parts.Add($"source {header.Source}");
        if (header.TransactionId is { } transaction) parts.Add($"transaction {transaction}");
        if (header.Position is { } position) parts.Add($"at {position.CommitLsn} row {position.Ordinal}");
        if (header.Coverage is { } coverage) parts.Add($"from {coverage.From} to {coverage.To}");
        if (header.State is { } state) parts.Add($"root {state.Root} at size {state.Size}");
        if (header.CommittedAt is { } committed) parts.Add($"committed {committed}");
        if (header.Operator is { } person)
            parts.Add($"by {person.Id ?? person.SessionUser ?? "unknown"} ({person.Grade.ToString().ToLowerInvariant()})");
        if (entry.Fields.Count > 0) parts.Add($"fields {string.Join(", ", entry.Fields.Select(field => field.Name))}");
        return string.Join(", ", parts);
    }

    private static string Describe(RowKey key) =>
        key.Columns.Count == 0
            ? "token " + Convert.ToHexStringLower(key.Token.Span)
            : string.Join(' ', key.Columns.Select(column => $"{column.Name}={column.Value}"));
}
