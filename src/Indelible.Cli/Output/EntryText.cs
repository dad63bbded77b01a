using System.Text;
using Indelible.Format.Entries;
using Indelible.Server;

namespace Indelible.Cli.Output;

/// <summary>An entry as a person reads it. Sealed values stay sealed.</summary>
internal static class EntryText
{
    /// <summary>Headings of <see cref="Row"/>.</summary>
    public static readonly IReadOnlyList<string> Headings = ["INDEX", "TIME", "WHAT", "ROW", "COLUMNS", "WHO", "GRADE"];

    /// <summary>One line of a list.</summary>
    /// <param name="index">Its index.</param>
    /// <param name="entry">The entry.</param>
    /// <param name="isClosed">True for an entry of a closed ledger, which is then named.</param>
    public static IReadOnlyList<string> Row(long index, Entry entry, bool isClosed = false)
    {
        EntryHeader header = entry.Header;
        return
        [
            index.ToString(System.Globalization.CultureInfo.InvariantCulture) + (isClosed ? $" of {header.Origin}" : ""),
            (header.CommittedAt ?? header.SealedAt).ToString(),
            What(header),
            Where(header),
            string.Join(", ", entry.Fields.Where(field => field.Scope == FieldScope.Column).Select(field => field.Name)),
            header.Operator is { } who ? Who(who) : header.Facts?.GetValueOrDefault("by") ?? "",
            header.Operator is { } graded ? Words.Of(graded.Grade) : "",
        ];
    }

    /// <summary>All of it, as names and values.</summary>
    public static IEnumerable<(string Name, string Value)> Whole(long index, Entry entry)
    {
        EntryHeader header = entry.Header;
        yield return ("entry", index.ToString(System.Globalization.CultureInfo.InvariantCulture));
        yield return ("what", What(header));
        if (header.Source is { } source) yield return ("source", source);
        if (header.Relation is { } relation)
            yield return ("table", $"{relation.Schema}.{relation.Name}" + (relation.Leaf is { } leaf ? $" (partition {leaf})" : ""));
        if (header.Key is { } key) yield return ("row", KeyText.Of(key));
        if (header.PreviousKey is { } previous) yield return ("row before", KeyText.Of(previous));
        if (header.CommittedAt is { } committed) yield return ("committed", committed.ToString());
        yield return ("sealed", header.SealedAt.ToString());
        if (header.TransactionId is { } transaction) yield return ("transaction", $"{transaction}");
        if (header.Position is { } at)
            yield return ("position", $"{at.CommitLsn} #{at.Ordinal}" + (at.PartCount > 1 ? $" part {at.Part + 1} of {at.PartCount}" : ""));
        if (header.Operator is { } who) foreach ((string, string) line in Operator(who)) yield return line;
        if (header.RowCount is { } rows) yield return ("rows", $"{rows}");
        if (header.Coverage is { } covered)
        {
            yield return ("coverage",
                $"{covered.From} to {covered.To}, slot {covered.Slot}, system {covered.SystemId}, timeline {covered.Timeline}");
        }
        if (header.Snapshot is { } snapshot) yield return ("snapshot", $"{snapshot.Text}, before {snapshot.ReadAfter}");
        foreach ((string name, string value) in (header.Facts ?? new Dictionary<string, string>()).OrderBy(fact => fact.Key != "from"))
            yield return (name, value.Length == 0 ? "–" : value);
        foreach (Field field in entry.Fields) yield return (field.Name, $"{Value(field.Before)} → {Value(field.After)}");
    }

    /// <summary>How a value is kept.</summary>
    public static string Value(FieldValue value) => value.Kind switch
    {
        ValueKind.Missing => value.Reason switch
        {
            MissingReason.NoRow or MissingReason.NotApplicable => "–",
            MissingReason.NotCaptured => "(not captured)",
            MissingReason.Unchanged => "(unchanged)",
            _ => "(too large)",
        },
        ValueKind.Plain => value.IsNull ? "NULL" : Encoding.UTF8.GetString(value.Bytes.Span),
        ValueKind.Digest => $"(digest {Convert.ToHexStringLower(value.Bytes.Span[..4])}…)",
        ValueKind.Blob => $"(sealed, {value.BlobLength} bytes in a blob)",
        _ => $"(sealed, {value.Bytes.Length} bytes)",
    };

    /// <summary>What happened, in a word or two.</summary>
    public static string What(EntryHeader header) => header.Kind switch
    {
        EntryKind.Change => Words.Of(header.Operation ?? Operation.Update),
        EntryKind.Guard or EntryKind.Access or EntryKind.Admin when header.Code is { } code => $"{Words.Of(header.Kind)} {code}",
        _ => Words.Of(header.Kind),
    };

    /// <summary>The partition, where it says what happened to which rows.</summary>
    private static string Leaf(EntryHeader header) => header is { Operation: Operation.Truncate, Relation.Leaf: { } leaf }
        ? $" (partition {leaf})" : "";

    private static string Before(EntryHeader header) => header.PreviousKey is { } previous ? $" (before: {KeyText.Of(previous)})" : "";

    private static string Where(EntryHeader header) => header.Relation is not { } relation
        ? string.Join(": ", new[] { header.Source, About(header) }.OfType<string>())
        : $"{relation.Schema}.{relation.Name}{Leaf(header)} {(header.Key is { } key ? KeyText.Of(key) : "")}{Before(header)}".TrimEnd();

    /// <summary>What a guard entry that is about no row is about, where it says so in a few words.</summary>
    private static string? About(EntryHeader header)
    {
        if (header.Facts is not { } facts) return null;
        return facts.GetValueOrDefault("what") ?? (header.Code == GuardCode.Ddl
            ? $"{facts.GetValueOrDefault("tag")} {facts.GetValueOrDefault("relation")}".Trim()
            : facts.GetValueOrDefault("reason"));
    }

    private static string Who(Operator who) => who.Id ?? who.SessionUser ?? who.ReplicationOrigin ?? "?";

    private static IEnumerable<(string, string)> Operator(Operator who)
    {
        yield return ("operator", $"{Who(who)} ({Words.Of(who.Grade)})");
        string session = string.Join(", ", new[]
        {
            who.SessionUser is { } user ? $"user {user}" : null,
            who.Role is { } role ? $"role {role}" : null,
            who.LoginRole is { } login ? $"logged in as {login}" : null,
            who.Application is { } application ? $"application {application}" : null,
            who.Address is { } address ? $"from {address}" : null,
            who.BackendPid is { } pid ? $"backend {pid}" : null,
            who.BackendStart is { } start ? $"since {start}" : null,
        }.Where(part => part is not null));
        if (session.Length > 0) yield return ("session", session);
        if (who.OperatorCount > 1) yield return ("operators", $"{who.OperatorCount} named so far in this transaction");
    }
}
