using System.Text.Json;
using System.Text.Json.Nodes;
using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>Something somebody should know. Says what entry headers hold in clear, never a protected value.</summary>
public sealed record Alert
{
    private static readonly JsonSerializerOptions Style =
        new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The same whenever this alert is told again: receivers may pass over what they have seen.</summary>
    public required string Id { get; init; }
    /// <summary>What kind: a word of docs/alerts.md.</summary>
    public required string Kind { get; init; }
    /// <summary>True if it tells that a condition is over.</summary>
    public bool IsOver { get; init; }
    /// <summary>The ledger.</summary>
    public required string Origin { get; init; }
    /// <summary>When it happened: sealed, or begun, or over.</summary>
    public required MicroTime At { get; init; }
    /// <summary>What happened and what to do, for people.</summary>
    public required string Message { get; init; }
    /// <summary>Source it is about; null if none.</summary>
    public string? Source { get; init; }
    /// <summary>Table it is about; null if none.</summary>
    public string? Table { get; init; }
    /// <summary>Code of the guard entry; null if it is about none.</summary>
    public string? Code { get; init; }
    /// <summary>Key of the row, as the header has it; null if it is about none, or several.</summary>
    public string? Row { get; init; }
    /// <summary>Who did it; null if not known.</summary>
    public string? Operator { get; init; }
    /// <summary>First and last entry it is about; null if it is about none.</summary>
    public (long First, long Last)? Entries { get; init; }
    /// <summary>Entries it is about; 0 if none.</summary>
    public long Count { get; init; }
    /// <summary>Facts of the first entry; null if it has none.</summary>
    public IReadOnlyDictionary<string, string>? Facts { get; init; }

    /// <summary>One JSON object, on one line.</summary>
    public override string ToString() => Json().ToJsonString(Style);

    private JsonObject Json()
    {
        JsonObject json =
            new() { ["alert"] = Kind, ["state"] = IsOver ? "over" : "raised", ["id"] = Id, ["origin"] = Origin, ["at"] = At.ToString() };
        (string Name, string? Value)[] about =
            [("source", Source), ("table", Table), ("code", Code), ("row", Row), ("operator", Operator)];
        foreach ((string name, string? value) in about)
            if (value is not null) json[name] = value;
        if (Entries is { } entries) (json["firstEntry"], json["lastEntry"], json["count"]) = (entries.First, entries.Last, Count);
        json["message"] = Message;
        if (Facts is not null)
            json["facts"] = new JsonObject([.. Facts.Select(fact => KeyValuePair.Create(fact.Key, (JsonNode?)fact.Value))]);
        return json;
    }
}

/// <summary>Tells one receiver, once; returns when it has taken the alert, throws if it has not.
/// <see cref="Indelible.Format.IndelibleException"/> says why in words.</summary>
internal delegate Task SendAlert(Alert alert, CancellationToken cancellationToken);
