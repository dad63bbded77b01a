using System.Text;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Server;

namespace Indelible.Cli.Output;

/// <summary>An entry as JSON. Sealed values appear as their kind and size, never opened.</summary>
internal static class EntryJson
{
    public static JsonObject Of(long index, Entry entry, bool isClosed = false)
    {
        EntryHeader header = entry.Header;
        JsonObject json = new() { ["index"] = index, ["kind"] = Words.Of(header.Kind), ["sealedAt"] = header.SealedAt.ToString() };
        if (isClosed) json["closedLedger"] = header.Origin;
        Add(json, "source", header.Source);
        Add(json, "committedAt", header.CommittedAt?.ToString());
        if (header.Position is { } position) json["position"] = Position(position);
        if (header.TransactionId is { } transaction) json["transaction"] = transaction;
        if (header.Relation is { } relation) json["relation"] = Relation(relation);
        if (header.Operation is { } operation) json["operation"] = Words.Of(operation);
        if (header.Key is { } key) json["key"] = Key(key);
        if (header.PreviousKey is { } previous) json["previousKey"] = Key(previous);
        if (header.Operator is { } who) json["operator"] = Operator(who);
        if (header.RowCount is { } rows) json["rows"] = rows;
        if (header.Coverage is { } coverage) json["coverage"] = Coverage(coverage);
        if (header.Snapshot is { } snapshot)
            json["snapshot"] = new JsonObject { ["text"] = snapshot.Text, ["readAfter"] = snapshot.ReadAfter.ToString() };
        Add(json, "code", header.Code);
        if (header.Facts is { } facts)
            json["facts"] = new JsonObject(facts.Select(fact => KeyValuePair.Create(fact.Key, (JsonNode?)fact.Value)));
        json["fields"] = new JsonArray([.. entry.Fields.Select(Field)]);
        return json;
    }

    /// <summary>How a value is kept; its text only if it is kept in clear.</summary>
    public static JsonObject Value(FieldValue value)
    {
        JsonObject json = new() { ["kept"] = Words.Of(value.Kind) };
        switch (value.Kind)
        {
            case ValueKind.Missing: json["reason"] = Words.Of(value.Reason); break;
            case ValueKind.Plain: json["value"] = value.IsNull ? null : Encoding.UTF8.GetString(value.Bytes.Span); break;
            case ValueKind.Digest: json["digest"] = Convert.ToHexStringLower(value.Bytes.Span); break;
            case ValueKind.Blob: json["sha256"] = Convert.ToHexStringLower(value.Bytes.Span); json["length"] = value.BlobLength; break;
            default: json["length"] = value.Bytes.Length; break;
        }
        return json;
    }

    public static JsonObject Operator(Operator who)
    {
        JsonObject json = new() { ["grade"] = Words.Of(who.Grade) };
        Add(json, "id", who.Id);
        Add(json, "sessionUser", who.SessionUser);
        Add(json, "role", who.Role);
        Add(json, "loginRole", who.LoginRole);
        Add(json, "application", who.Application);
        Add(json, "address", who.Address);
        if (who.BackendPid is { } pid) json["backendPid"] = pid;
        Add(json, "backendStart", who.BackendStart?.ToString());
        Add(json, "replicationOrigin", who.ReplicationOrigin);
        if (who.OperatorCount > 1) json["operatorsInTransaction"] = who.OperatorCount;
        return json;
    }

    private static JsonObject Position(Position position)
    {
        JsonObject json = new() { ["commitLsn"] = position.CommitLsn.ToString(), ["ordinal"] = position.Ordinal };
        if (position.PartCount > 1) (json["part"], json["parts"]) = (position.Part, position.PartCount);
        return json;
    }

    private static JsonObject Relation(Relation relation)
    {
        JsonObject json = new() { ["schema"] = relation.Schema, ["name"] = relation.Name, ["id"] = relation.Id };
        Add(json, "leaf", relation.Leaf);
        return json;
    }

    private static JsonObject Key(RowKey key) => key.Token.IsEmpty
        ? new JsonObject(key.Columns.Select(column => KeyValuePair.Create(column.Name, (JsonNode?)column.Value)))
        : new JsonObject { ["token"] = Convert.ToHexStringLower(key.Token.Span) };

    private static JsonObject Coverage(Coverage coverage) => new()
    {
        ["from"] = coverage.From.ToString(),
        ["to"] = coverage.To.ToString(),
        ["systemId"] = coverage.SystemId,
        ["timeline"] = coverage.Timeline,
        ["slot"] = coverage.Slot,
        ["protection"] = Convert.ToHexStringLower(coverage.Protection.Span),
    };

    private static JsonNode Field(Field field) => new JsonObject
    {
        [field.Scope == FieldScope.Column ? "column" : "text"] = field.Name,
        ["before"] = Value(field.Before),
        ["after"] = Value(field.After),
    };

    private static void Add(JsonObject json, string name, string? value)
    {
        if (value is not null) json[name] = value;
    }
}
