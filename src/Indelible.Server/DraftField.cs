using System.Text;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;

namespace Indelible.Server;

/// <summary>A field before it is sealed. Refers to the captured batch's memory.</summary>
internal readonly record struct DraftField(FieldScope Scope, string Name, ColumnPolicy Policy, ClearValue Before, ClearValue After)
{
    /// <summary>A free text; always sealed.</summary>
    public static DraftField OfText(string name, string text) => new(
        FieldScope.Text, name, ColumnPolicy.Sealed, ClearValue.Missing(MissingReason.NotApplicable),
        ClearValue.Of(Encoding.UTF8.GetBytes(text)));

    /// <summary>A column's value, kept by its policy.</summary>
    public static DraftField Of(in CapturedField field) => new(
        FieldScope.Column, field.Column.Name, field.Column.Policy, Clear(field.Before), Clear(field.After));

    public static void AddAll(List<DraftField> drafts, IReadOnlyList<CapturedField> fields)
    {
        for (int i = 0; i < fields.Count; i++) drafts.Add(Of(fields[i]));
    }

    /// <summary>True if this side needs a subject key.</summary>
    public bool NeedsKey(in ClearValue value) =>
        !value.IsMissing && (Policy != ColumnPolicy.Plain || value.Bytes.Length > EntryWriter.BlobThreshold);

    private static ClearValue Clear(in CapturedValue value) =>
        value.IsMissing ? ClearValue.Missing(value.Reason) : value.IsNull ? ClearValue.Null : ClearValue.Of(value.Text);
}

/// <summary>Which sides of an entry need a subject key.</summary>
internal readonly record struct SidesNeeded(bool Before, bool After)
{
    public static SidesNeeded By(List<DraftField> fields)
    {
        bool before = false, after = false;
        foreach (DraftField field in fields)
        {
            before |= field.NeedsKey(field.Before);
            after |= field.NeedsKey(field.After);
        }
        return new SidesNeeded(before, after);
    }
}
