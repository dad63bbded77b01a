using System.Text;
using System.Text.Encodings.Web;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;

namespace Indelible.Ledger;

/// <summary>Names and contents of the small files of a ledger directory.</summary>
internal static class LedgerFiles
{
    public const string Checkpoint = "checkpoint", Cosigned = "checkpoint.cosigned", Hint = "ledger.json";

    /// <summary>Path of a blob below the ledger directory.</summary>
    public static string Blob(ReadOnlySpan<byte> sha256)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(sha256.Length, Hash.Size);
        string name = Convert.ToHexStringLower(sha256);
        return $"blobs/{name[..2]}/{name}";
    }

    /// <summary>What <c>ledger.json</c> says: for people; no verifier trusts it.</summary>
    public static byte[] HintContent(VerifierKey key)
    {
        static string Quote(string text) => $"\"{JavaScriptEncoder.UnsafeRelaxedJsonEscaping.Encode(text)}\"";
        return Encoding.UTF8.GetBytes($$"""
            {
              "origin": {{Quote(key.Name)}},
              "format": 1,
              "verifierKeys": [{{Quote(key.ToString())}}],
              "note": "A hint for people. Verify with a key you got elsewhere."
            }

            """);
    }
}
