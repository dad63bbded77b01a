using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;

namespace Indelible.Server;

/// <summary>Compares a value read from the database with one the ledger holds.</summary>
internal static class LiveValues
{
    /// <summary>False if the ledger only knows that the value changed: there is nothing to compare with.</summary>
    public static bool IsKnown(StateField field) => field.Value.Kind != ValueKind.Missing;

    /// <summary>Null if they are the same; else what differs, in words that hold no value.</summary>
    public static string? Compare(LedgerView view, StateField field, in CapturedValue live)
    {
        ClearValue candidate = live.IsNull ? ClearValue.Null : ClearValue.Of(live.Text);
        if (!view.Values.HasKey(field.Entry, field.Value, field.Side)) return "its key is not in this keyring: cannot be compared";
        if (field.Value.Kind == ValueKind.Digest)
        {
            return view.Values.DigestMatches(field.Entry, field.Field, field.Side, candidate) ? null : "another value than the digest in the ledger";
        }
        OpenedValue opened = view.Values.Open(field.Entry, field.Field, field.Side);
        if (opened.Fault != OpenFault.None) return $"the sealed value does not open: {Words.Of(opened.Fault)}";
        if (opened.Value.IsNull != live.IsNull) return live.IsNull ? "NULL in the database, a value in the ledger" : "a value in the database, NULL in the ledger";
        return opened.Value.Bytes.Span.SequenceEqual(live.Text.Span) ? null : "another value than in the ledger";
    }
}
