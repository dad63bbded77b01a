using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Indelible.Format.Entries;

namespace Indelible.Format.Verification;

/// <summary>Writes a verification report for people and for machines.</summary>
public static class ReportText
{
    // A key is as it is given elsewhere, with its + signs.
    private static readonly JsonWriterOptions Style = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Several lines for people; ends in a newline. Disclosed values are shown: they are what the file was made for.</summary>
    public static string ToText(VerificationReport report)
    {
        var text = new StringBuilder();
        foreach (Finding finding in report.Findings) Line(text, $"FINDING  {finding}");
        foreach (Finding unread in report.Unread) Line(text, $"not read {unread}");
        foreach (Finding notice in report.Notices) Line(text, $"notice   {notice}");
        if (report.Origin is not null) Line(text, $"origin   {report.Origin}");
        if (report.Root is { } root) Line(text, $"head     size {report.TreeSize}, root {root}");
        foreach (string key in report.SignedBy) Line(text, $"signed   {key}");
        if (report.EntryIndex is { } index) AppendEntry(text, report, index);
        else if (report.Misbehaviour is { } histories) AppendMisbehaviour(text, report, histories);
        else if (report.Origin is not null) AppendLedger(text, report);
        AppendChain(text, report);
        foreach (StampedTime time in report.Times)
            Line(text, $"time     entries 0 to {time.Size - 1} existed before {time.Before}, by the time stamp of {time.Authority}");
        foreach (string what in report.NotChecked) Line(text, $"not checked: {what}");
        Line(text, Summary(report));
        return text.ToString();
    }

    /// <summary>The verdict in one line.</summary>
    public static string Summary(VerificationReport report) => report switch
    {
        { Misbehaviour: not null, Verdict: Verdict.Verified } => "MISBEHAVIOUR PROVED: the ledger's key signed two histories",
        { Misbehaviour: not null } =>
            "SELF-CONSISTENT ONLY: these are two histories, but no key was given, so anybody could have made them",
        { Verdict: Verdict.Verified } => "VERIFIED",
        { Verdict: Verdict.SelfConsistent } =>
            "SELF-CONSISTENT ONLY: nothing contradicts itself, but no key was given, so anybody could have made it",
        { Verdict: Verdict.NotRead } => $"NOT READ: {Count(report.Unread)} {(report.Unread.Count == 1 ? "entry" : "entries")} "
            + "of a newer version, and nothing else is wrong: "
            + "verify it with the program that wrote them, or a newer one",
        { Findings.Count: 1 } => "FAILED: 1 finding",
        _ => $"FAILED: {Count(report.Findings)} findings",
    };

    private static string Count(IReadOnlyList<Finding> findings) =>
        $"{findings.Count}{(findings.Count >= VerificationReport.FindingsMax ? " or more" : "")}";

    private static string Word(Verdict verdict) => verdict switch
    {
        Verdict.Verified => "verified",
        Verdict.SelfConsistent => "self-consistent",
        Verdict.NotRead => "not-read",
        _ => "failed",
    };

    /// <summary>One JSON object, UTF-8, without a newline. docs/format.md#report.</summary>
    public static byte[] ToJson(VerificationReport report)
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Style)) Write(json, report);
        return stream.ToArray();
    }

    private static void AppendLedger(StringBuilder text, VerificationReport report)
    {
        Line(text, $"checked  {report.Entries} entries, {report.Tiles} tiles, {report.Blobs} blobs");
        if (report.OlderSize is { } older && report.IsSound)
            Line(text, $"older    the first {older} entries are those of the checkpoint given");
        if (report.Kinds.Count > 0)
        {
            Line(text,
                $"kinds    {string.Join(", ", report.Kinds.Select(kind => $"{kind.Key.ToString().ToLowerInvariant()} {kind.Value}"))}");
        }
        foreach (SourceSummary source in report.Sources)
        {
            string covered = source.CoveredTo == Lsn.None ? "no coverage sealed" : $"covered {source.CoveredFrom} to {source.CoveredTo}";
            Line(text, $"source   {source.Source}: {source.Changes} changes, {covered}, {source.Gaps} gaps announced");
        }
    }

    private static void AppendChain(StringBuilder text, VerificationReport report)
    {
        if (report.Successor is { } successor) Line(text, $"closed   in favour of {successor.Origin}, key {successor.Key}");
        foreach (ChainedLedger chained in report.Chain)
        {
            Predecessor ledger = chained.Ledger;
            string covered = chained.Report is null ? "NOT AT HAND, not verified" : chained.Report.IsSound
                ? $"verified: {chained.Report.Entries} entries"
                : chained.Report.Verdict == Verdict.NotRead ? "NOT READ" : "FAILED";
            Line(text, $"chain    {ledger.Origin} before it, size {ledger.Size}, root {ledger.Root}: {covered}");
        }
    }

    private static void AppendEntry(StringBuilder text, VerificationReport report, long index)
    {
        Line(text, $"entry    {index}{(report.Entry is null ? "" : ": " + EntryText.Describe(report.Entry))}");
        foreach (DisclosedValue value in report.Disclosed)
            Line(text, $"value    {value.Name} {value.Side.ToString().ToLowerInvariant()}: {Value(value)}");
    }

    private static void AppendMisbehaviour(StringBuilder text, VerificationReport report, TwoHistories histories)
    {
        Line(text, $"signed too: size {histories.Size}, root {histories.Root}");
        if (histories.Prefix is { } prefix)
            Line(text, $"but the first {histories.Size} entries of the tree of size {report.TreeSize} have root {prefix}");
    }

    private static void Write(Utf8JsonWriter json, VerificationReport report)
    {
        json.WriteStartObject();
        json.WriteString("verdict", Word(report.Verdict));
        json.WriteString("origin", report.Origin);
        json.WriteNumber("treeSize", report.TreeSize);
        json.WriteString("root", report.Root?.ToString());
        WriteTexts(json, "signedBy", report.SignedBy);
        WriteFindings(json, "findings", report.Findings);
        WriteFindings(json, "unread", report.Unread);
        WriteFindings(json, "notices", report.Notices);
        WriteTexts(json, "notChecked", report.NotChecked);
        json.WriteStartArray("times");
        foreach (StampedTime time in report.Times)
        {
            json.WriteStartObject();
            json.WriteNumber("size", time.Size);
            json.WriteString("before", time.Before.ToString());
            json.WriteString("authority", time.Authority);
            json.WriteEndObject();
        }
        json.WriteEndArray();
        if (report.OlderSize is { } older && report.IsSound) json.WriteNumber("olderSize", older);
        json.WriteNumber("entries", report.Entries);
        json.WriteNumber("tiles", report.Tiles);
        json.WriteNumber("blobs", report.Blobs);
        json.WriteStartObject("kinds");
        foreach ((EntryKind kind, long count) in report.Kinds) json.WriteNumber(kind.ToString().ToLowerInvariant(), count);
        json.WriteEndObject();
        json.WriteStartArray("sources");
        foreach (SourceSummary source in report.Sources) Write(json, source);
        json.WriteEndArray();
        WriteChain(json, report);
        if (report.EntryIndex is { } index) WriteEntry(json, report, index);
        if (report.Misbehaviour is { } histories) Write(json, histories);
        json.WriteEndObject();
    }

    private static void WriteChain(Utf8JsonWriter json, VerificationReport report)
    {
        if (report.Successor is { } successor)
        {
            json.WriteStartObject("closed");
            json.WriteString("successor", successor.Origin);
            json.WriteString("successorKey", successor.Key);
            json.WriteEndObject();
        }
        json.WriteStartArray("chain");
        foreach (ChainedLedger chained in report.Chain)
        {
            json.WriteStartObject();
            json.WriteString("origin", chained.Ledger.Origin);
            json.WriteNumber("treeSize", chained.Ledger.Size);
            json.WriteString("root", chained.Ledger.Root.ToString());
            json.WriteString("verdict",
                chained.Report is null ? "missing" : chained.Report.IsSound ? "verified" : Word(chained.Report.Verdict));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void Write(Utf8JsonWriter json, SourceSummary source)
    {
        json.WriteStartObject();
        json.WriteString("source", source.Source);
        json.WriteNumber("changes", source.Changes);
        json.WriteString("first", source.First?.CommitLsn.ToString());
        json.WriteString("last", source.Last?.CommitLsn.ToString());
        json.WriteString("coveredFrom", source.CoveredFrom.ToString());
        json.WriteString("coveredTo", source.CoveredTo.ToString());
        json.WriteNumber("gaps", source.Gaps);
        json.WriteEndObject();
    }

    private static void Write(Utf8JsonWriter json, TwoHistories histories)
    {
        json.WriteStartObject("misbehaviour");
        json.WriteNumber("olderSize", histories.Size);
        json.WriteString("olderRoot", histories.Root.ToString());
        json.WriteString("prefixRoot", histories.Prefix?.ToString());
        json.WriteEndObject();
    }

    private static void WriteEntry(Utf8JsonWriter json, VerificationReport report, long index)
    {
        json.WriteNumber("entryIndex", index);
        if (report.Entry is not null) json.WriteString("entry", EntryText.Describe(report.Entry));
        json.WriteStartArray("disclosed");
        foreach (DisclosedValue value in report.Disclosed)
        {
            json.WriteStartObject();
            json.WriteString("scope", value.Scope.ToString().ToLowerInvariant());
            json.WriteString("name", value.Name);
            json.WriteString("side", value.Side.ToString().ToLowerInvariant());
            json.WriteString("value", value.IsNull ? null : Encoding.UTF8.GetString(value.Text.Span));
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteFindings(Utf8JsonWriter json, string name, IReadOnlyList<Finding> findings)
    {
        json.WriteStartArray(name);
        foreach (Finding finding in findings)
        {
            json.WriteStartObject();
            json.WriteString("rule", finding.Rule);
            json.WriteString("file", finding.File);
            if (finding.EntryIndex >= 0) json.WriteNumber("entryIndex", finding.EntryIndex);
            json.WriteString("message", finding.Message);
            json.WriteEndObject();
        }
        json.WriteEndArray();
    }

    private static void WriteTexts(Utf8JsonWriter json, string name, IReadOnlyList<string> texts)
    {
        json.WriteStartArray(name);
        foreach (string text in texts) json.WriteStringValue(text);
        json.WriteEndArray();
    }

    private static string Value(DisclosedValue value) => value.IsNull ? "NULL" : $"'{Encoding.UTF8.GetString(value.Text.Span)}'";

    private static void Line(StringBuilder text, string line)
    {
        foreach (char c in line) text.Append(char.IsControl(c) ? ' ' : c);
        text.Append(CultureInfo.InvariantCulture, $"\n");
    }
}
