using System.Text.Json;
using Indelible.Format.Notes;

namespace Indelible.Format.Verification;

/// <summary>Finds a ledger's handovers where nothing can be listed: <c>ledger.json</c> names their sizes.
/// It is a hint and nothing more: a handover counts by its signatures.</summary>
public static class HandoverFiles
{
    /// <summary>The hint.</summary>
    public const string HintPath = "ledger.json";

    /// <summary>Paths of the handovers that the hint names; empty for anything that is no such hint.</summary>
    public static IReadOnlyList<string> PathsIn(ReadOnlySpan<byte> hint)
    {
        try
        {
            Utf8JsonReader reader = new(hint);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object || !root.TryGetProperty("handovers", out JsonElement sizes)) return [];
            if (sizes.ValueKind != JsonValueKind.Array) return [];
            return [.. sizes.EnumerateArray().Take(KeyHistory.HandoversMax)
                .Where(size => size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out long number) && number >= 0)
                .Select(size => Handover.PathOf(size.GetInt64()))];
        }
        catch (JsonException)
        {
            return [];
        }
    }

    /// <summary>The key with those that handovers link it with.</summary>
    /// <param name="known">The key.</param>
    /// <param name="fetch">Reads the ledger's files.</param>
    public static KeyHistory History(VerifierKey known, Fetch fetch)
    {
        if (fetch(HintPath) is not { } hint) return KeyHistory.Of(known);
        List<ReadOnlyMemory<byte>> files = [];
        foreach (string path in PathsIn(hint.Span))
        {
            if (fetch(path) is { } bytes) files.Add(bytes.ToArray());
        }
        return KeyHistory.Of(known, files);
    }
}
