using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Indelible.Format;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Names and contents of the small files of a ledger directory.</summary>
internal static class LedgerFiles
{
    public const string Checkpoint = "checkpoint", Cosigned = "checkpoint.cosigned", Hint = "ledger.json";

    /// <summary>Format of the ledger directory that this program writes.</summary>
    public const int FormatVersion = 1;

    private const int HintLengthMax = 1 << 20;

    /// <summary>Refuses to write into a ledger of another format.
    /// What is no JSON, or says nothing of it, is as good as missing: it is a hint.</summary>
    public static void RequireFormat(string ledgerDirectory)
    {
        string path = Path.Combine(ledgerDirectory, Hint);
        if (DurableFile.TryReadAll(path, HintLengthMax) is not { } bytes || FormatOf(bytes) is not { } format || format == FormatVersion)
            return;
        throw new IndelibleException(ExitCode.Environment,
            $"expected a ledger of format {FormatVersion}, found format {format} in {path}; use the program that wrote it, or a newer one");
    }

    private static int? FormatOf(ReadOnlySpan<byte> json)
    {
        try
        {
            Utf8JsonReader reader = new(json);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            return document.RootElement is { ValueKind: JsonValueKind.Object } root && root.TryGetProperty("format", out JsonElement format)
                && format.ValueKind == JsonValueKind.Number && format.TryGetInt32(out int number) ? number : null;
        }
        catch (JsonException)
        {
            return null; // no verdict comes of a hint
        }
    }

    /// <summary>Path of a blob below the ledger directory.</summary>
    public static string Blob(ReadOnlySpan<byte> sha256)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sha256.Length, Hash.Size);
        string name = Convert.ToHexStringLower(sha256);
        return $"blobs/{name[..2]}/{name}";
    }

    /// <summary>What <c>ledger.json</c> says: for people; no verifier trusts it.</summary>
    public static byte[] HintContent(VerifierKey key) => HintContent(KeyHistory.Of(key));

    /// <summary>The same, with the keys before it and where the handovers between them are.</summary>
    public static byte[] HintContent(KeyHistory keys)
    {
        IEnumerable<string> sizes = keys.Handovers.Select(
            handover => handover.Checkpoint.Size.ToString(System.Globalization.CultureInfo.InvariantCulture));
        string handovers = keys.Handovers.Count == 0 ? "" : $"\n  \"handovers\": [{string.Join(", ", sizes)}],";
        IEnumerable<VerifierKey> known = keys.Handovers.Select(handover => handover.From).Append(keys.Newest);
        string all = string.Join(", ", known.Select(key => Quote(key.ToString())));
        static string Quote(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";
        return Encoding.UTF8.GetBytes($$"""
            {
              "origin": {{Quote(keys.Newest.Name)}},
              "format": {{FormatVersion}},
              "verifierKeys": [{{all}}],{{handovers}}
              "note": "A hint for people. Verify with a key you got elsewhere."
            }

            """);
    }
}
