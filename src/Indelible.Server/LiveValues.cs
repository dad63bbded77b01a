using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Compares values read from the database with those the ledger holds. One user at a time.</summary>
/// <remarks>The values of a row are mostly of one entry, so the keys of the last entry are kept.</remarks>
internal sealed class LiveValues(LedgerView view)
{
    private Entry? _entry;
    private SubjectKey? _before;
    private SubjectKey? _after;

    /// <summary>False if the ledger only knows that the value changed: there is nothing to compare with.</summary>
    public static bool IsKnown(StateField field) => field.Value.Kind != ValueKind.Missing;

    /// <summary>False if the value cannot be opened for want of a key: erased, or not in this copy of the keyring.</summary>
    public bool HasKey(StateField field)
    {
        FindKeys(field.Entry);
        return field.Value.Kind == ValueKind.Plain || (field.Side == Side.Before ? _before : _after) is not null;
    }

    /// <summary>Null if they are the same; else what differs, in words that hold no value.</summary>
    public string? Compare(StateField field, in CapturedValue live)
    {
        ClearValue candidate = live.IsNull ? ClearValue.Null : ClearValue.Of(live.Text);
        FindKeys(field.Entry);
        if (field.Value.Kind != ValueKind.Plain && (field.Side == Side.Before ? _before : _after) is null)
            return "its key is not in this keyring: cannot be compared";
        if (field.Value.Kind == ValueKind.Digest)
        {
            SubjectKey key = (field.Side == Side.Before ? _before : _after)!.Value;
            return SealedValue.DigestMatches(field.Entry, field.Field, field.Side, key.Bytes, candidate)
                ? null
                : "another value than the digest in the ledger";
        }
        OpenedValue opened = view.Values.Open(field.Entry, field.Field, field.Side, _before, _after);
        if (opened.Fault != OpenFault.None) return $"the sealed value does not open: {Words.Of(opened.Fault)}";
        if (opened.Value.IsNull != live.IsNull)
            return live.IsNull ? "NULL in the database, a value in the ledger" : "a value in the database, NULL in the ledger";
        return opened.Value.Bytes.Span.SequenceEqual(live.Text.Span) ? null : "another value than in the ledger";
    }

    private void FindKeys(Entry entry)
    {
        if (ReferenceEquals(entry, _entry)) return;
        (_entry, _before, _after) = (entry, view.Values.KeyOf(entry.Header.SubjectBefore), view.Values.KeyOf(entry.Header.SubjectAfter));
    }
}
