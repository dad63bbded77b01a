using System.Text;
using Indelible.Format.Entries;

namespace Indelible.Adversary.Tests;

/// <summary>Entries in a few words, to compare with: who did what to which row, and what was found. Values are not opened.</summary>
internal static class Telling
{
    /// <summary>Null for entries that tell nothing of an attack: coverage and baselines.</summary>
    public static string? Of(Entry entry) => entry.Header switch
    {
        { Kind: EntryKind.Change, Operation: Operation.Found } header => $"found {Row(header)}: {Columns(entry)}",
        { Kind: EntryKind.Change } header =>
            $"{header.Operation.ToString()!.ToLowerInvariant()} {Row(header)}{Fields(entry)} by {Who(header.Operator!)}",
        { Kind: EntryKind.Guard } header => Of(header, header.Facts ?? new Dictionary<string, string>()),
        _ => null,
    };

    private static string? Of(EntryHeader header, IReadOnlyDictionary<string, string> facts) => header.Code switch
    {
        "baseline-complete" or "rights" or "catalog" => null,
        "ddl" => $"ddl {facts["tag"]} by {Who(header.Operator!)}",
        "identity-changed" => $"identity-changed {facts["what"]}: {facts["found"].Split(" (")[0]}",
        "gap" => $"gap {facts["reason"]}",
        "continuity" =>
            $"continuity {Row(header)}{(facts.TryGetValue("columns", out string? columns) ? $" {columns}" : "")}: {facts["what"]}",
        "login-mismatch" => $"login-mismatch {facts["login"]} as {facts["sessionUser"]}",
        "crosscheck" => $"crosscheck {facts["differences"]} differences",
        _ => header.Code,
    };

    private static string Row(EntryHeader header)
    {
        StringBuilder row = new(header.Relation!.Leaf?.Replace("\"", "", StringComparison.Ordinal) ?? header.Relation.Name);
        if (header.Key is { } key) row.Append(' ').AppendJoin(',', key.Columns.Select(column => column.Value));
        return row.ToString();
    }

    private static string Fields(Entry entry) => Columns(entry) is { Length: > 0 } columns ? $" {columns}" : "";

    private static string Columns(Entry entry) =>
        string.Join(",", entry.Fields.Where(field => field.Scope == FieldScope.Column).Select(field => field.Name));

    /// <summary>Grade, operator named, and the database's own facts: session_user, role in force, origin.</summary>
    private static string Who(Operator who)
    {
        string facts = string.Join(' ', new[]
        {
            who.SessionUser, who.Role is null ? null : $"as {who.Role}", who.ReplicationOrigin is null ? null : "from a subscription",
        }.OfType<string>());
        return $"{who.Grade.ToString().ToLowerInvariant()} {(who.Id is null ? "" : $"'{who.Id}' ")}{facts}".TrimEnd();
    }
}
