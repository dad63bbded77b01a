using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Notes;
using Indelible.Ledger;

namespace Indelible.Cli.Demo;

/// <summary>What a demo made: counted from the ledger's own bytes, not from what anybody reported.</summary>
internal sealed class DemoSummary
{
    private readonly SortedDictionary<string, int> kinds = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> operations = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, int> grades = new(StringComparer.Ordinal);

    /// <summary>Results of checks and timings, by name; filled as the story goes.</summary>
    public JsonObject Results { get; } = [];

    /// <summary>What attackers did, and what the record says of it, in words.</summary>
    public JsonArray Attacks { get; } = [];

    /// <summary>Milliseconds each step took.</summary>
    public JsonObject TimingsMs { get; } = [];

    /// <summary>Notes an attack and what became of it.</summary>
    public void Add(string name, string done, string record, bool isCaught)
    {
        Results[name] = isCaught;
        Attacks.Add(new JsonObject { ["attack"] = done, ["record"] = record, ["caught"] = isCaught });
    }

    /// <summary>Counts every entry of a ledger.</summary>
    public void Count(LedgerReader reader, long treeSize)
    {
        foreach ((long index, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(0, treeSize))
        {
            EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
            if (fault != EntryFault.None) throw new IndelibleException(ExitCode.Finding, $"entry {index}: {fault}");
            Add(kinds, entry.Header.Kind.ToString().ToLowerInvariant());
            if (entry.Header.Operation is { } operation) Add(operations, operation.ToString().ToLowerInvariant());
            if (entry.Header.Kind == EntryKind.Change) Add(grades, entry.Header.Operator!.Grade.ToString().ToLowerInvariant());
        }
    }

    /// <summary>The whole as one document.</summary>
    public JsonObject Json(Checkpoint head, string verifierKey, string directory) => new()
    {
        ["origin"] = head.Origin,
        ["vkey"] = verifierKey,
        ["treeSize"] = head.Size,
        ["root"] = head.Root.ToString(),
        ["directory"] = directory,
        ["entries"] = Object(kinds),
        ["changes"] = Object(operations),
        ["grades"] = Object(grades),
        ["verification"] = Results,
        ["attacks"] = Attacks,
        ["timingsMs"] = TimingsMs,
    };

    private static void Add(SortedDictionary<string, int> counts, string name) =>
        counts[name] = counts.TryGetValue(name, out int count) ? count + 1 : 1;

    private static JsonObject Object(SortedDictionary<string, int> counts) =>
        new(counts.Select(count => KeyValuePair.Create(count.Key, (JsonNode?)count.Value)));
}
