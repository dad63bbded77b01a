using Indelible.Capture.PgOutput;
using Indelible.Capture.Relations;
using Indelible.Format.Sealing;
using Tuple = Indelible.Capture.PgOutput.Tuple;

namespace Indelible.Capture.Reading;

/// <summary>Fingerprints of all protected columns of a row, changed or not, in the order of <see cref="ProtectedTable.Columns"/>.</summary>
/// <remarks>An update names only what it changed; a value that was changed where the log could not see it shows in the
/// columns that stayed.</remarks>
internal static class RowFingerprints
{
    /// <summary>Of the row before: only what the old tuple really states.</summary>
    public static Fingerprint[] Before(ReadOnlySpan<byte> message, RowPlan plan, Tuple tuple, OldTuple old)
    {
        if (plan.Unmapped || old == OldTuple.None) return [];
        Fingerprint[] row = new Fingerprint[plan.Table.Columns.Count];
        foreach (PlannedColumn column in plan.Columns)
        {
            if (plan.IsStated(column.Index, old)) row[column.Place] = Of(message, tuple[column.Index], column);
        }
        return row;
    }

    /// <summary>Of the row after. A value that is not sent again is the one before.</summary>
    public static Fingerprint[] After(ReadOnlySpan<byte> message, RowPlan plan, Tuple tuple, Fingerprint[] before)
    {
        if (plan.Unmapped) return [];
        Fingerprint[] row = new Fingerprint[plan.Table.Columns.Count];
        foreach (PlannedColumn column in plan.Columns)
        {
            Slot slot = tuple[column.Index];
            row[column.Place] = slot.Kind != SlotKind.Unchanged ? Of(message, slot, column) : before.Length > 0
                ? before[column.Place] : Fingerprint.Unknown;
        }
        return row;
    }

    private static Fingerprint Of(ReadOnlySpan<byte> message, Slot slot, PlannedColumn column) => slot.Kind switch
    {
        SlotKind.Null => Fingerprint.Null,
        SlotKind.Text => Fingerprint.Of(column.FingerprintKey, message.Slice(slot.Offset, slot.Length)),
        _ => Fingerprint.Unknown,
    };
}
