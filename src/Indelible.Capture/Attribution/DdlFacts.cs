using System.Text.Json;
using Indelible.Format;

namespace Indelible.Capture.Attribution;

/// <summary>What a genuine in-stream DDL message states.</summary>
internal sealed record DdlFacts
{
    /// <summary>The transaction it was made in.</summary>
    public required uint TransactionId { get; init; }
    /// <summary>Who.</summary>
    public required AttributionFacts Session { get; init; }
    /// <summary>Event of the trigger.</summary>
    public required string Event { get; init; }
    /// <summary>Command tag.</summary>
    public required string Tag { get; init; }
    /// <summary>Statement text; may hold protected values.</summary>
    public required string Statement { get; init; }
    /// <summary>Relation touched.</summary>
    public required uint Oid { get; init; }
    /// <summary>Protected table it belongs to.</summary>
    public required uint Root { get; init; }
    /// <summary>Schema of the relation.</summary>
    public required string Schema { get; init; }
    /// <summary>Name of the relation.</summary>
    public required string Name { get; init; }
    /// <summary>pg_class.relkind.</summary>
    public required string Kind { get; init; }
    /// <summary>pg_class.relreplident; null if dropped.</summary>
    public required string? Identity { get; init; }
    /// <summary>Columns after the statement, in order; empty if dropped.</summary>
    public required IReadOnlyList<DdlColumn> Columns { get; init; }

    /// <summary>Reads the JSON before the MAC. Null if it is not of the format.</summary>
    public static DdlFacts? Read(ReadOnlySpan<byte> body)
    {
        try
        {
            Utf8JsonReader reader = new(body);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return Of(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or KeyNotFoundException or FormatException)
        {
            return null;
        }
    }

    private static DdlFacts Of(JsonElement json)
    {
        uint xid = json.GetProperty("xid").GetUInt32();
        return new DdlFacts
        {
            TransactionId = xid,
            Session = SessionOf(json, xid),
            Event = Text(json, "event"),
            Tag = Text(json, "tag"),
            Statement = Text(json, "statement"),
            Oid = json.GetProperty("oid").GetUInt32(),
            Root = json.GetProperty("root").GetUInt32(),
            Schema = Text(json, "schema"),
            Name = Text(json, "name"),
            Kind = Text(json, "kind"),
            Identity = json.GetProperty("identity").GetString(),
            Columns = [.. json.GetProperty("columns").EnumerateArray()
                .Select(c => new DdlColumn(c.GetProperty("number").GetInt16(), Text(c, "name"), Text(c, "type")))],
        };
    }

    private static AttributionFacts SessionOf(JsonElement json, uint xid)
    {
        string user = Text(json, "user");
        string? op = json.GetProperty("op").GetString();
        (string? id, string? reason) = AttributionFacts.OperatorOf(op);
        return new AttributionFacts(
            Lsn.None, xid, user, AttributionFacts.RoleOf(Text(json, "role"), user), AttributionFacts.OrNull(Text(json, "app")),
            AttributionFacts.OrNull(Text(json, "addr")), json.GetProperty("pid").GetInt32(), id, reason);
    }

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString() ?? "";
}

/// <summary>One column after a statement.</summary>
internal readonly record struct DdlColumn(short Number, string Name, string Type);
