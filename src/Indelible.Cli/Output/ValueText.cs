using System.Text;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Server;

namespace Indelible.Cli.Output;

/// <summary>A value opened with the keyring, for people and for machines.</summary>
internal static class ValueText
{
    /// <summary>Its text, NULL, or why there is none to show.</summary>
    public static string Of(FieldValue kept, OpenedValue opened)
    {
        if (opened.Fault == OpenFault.None && !opened.Value.IsMissing)
            return opened.Value.IsNull ? "NULL" : Encoding.UTF8.GetString(opened.Value.Bytes.Span);
        if (kept.Kind is ValueKind.Missing or ValueKind.Digest) return EntryText.Value(kept);
        return opened.Fault == OpenFault.NotSealed ? "(its key is not in this keyring)" : $"(does not open: {Words.Of(opened.Fault)})";
    }

    /// <summary><c>{"value": text}</c>, <c>{"null": true}</c> or <c>{"unavailable": why}</c>.</summary>
    public static JsonObject Json(FieldValue kept, OpenedValue opened)
    {
        if (opened.Fault != OpenFault.None || opened.Value.IsMissing) return new JsonObject { ["unavailable"] = Of(kept, opened) };
        return opened.Value.IsNull ? new JsonObject { ["null"] = true } : new JsonObject { ["value"] = Of(kept, opened) };
    }
}
