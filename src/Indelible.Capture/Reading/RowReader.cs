using System.Text;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Relations;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Tuple = Indelible.Capture.PgOutput.Tuple;

namespace Indelible.Capture.Reading;

/// <summary>What a row message says about the key, the subject and the protected columns.</summary>
/// <param name="Fields">Fields to seal.</param>
/// <param name="Key">Key after the change; before it, for a delete; empty if it cannot be told.</param>
/// <param name="PreviousKey">Key before an update that changed it; else null.</param>
internal readonly record struct RowParts(
    IReadOnlyList<CapturedField> Fields, IReadOnlyList<string> Key, IReadOnlyList<string>? PreviousKey,
    string? SubjectBefore, string? SubjectAfter, Fingerprint[] Before, Fingerprint[] After)
{
    /// <summary>False for an update that touched nothing protected.</summary>
    public bool MustBeSealed(Operation operation) => operation != Operation.Update || Fields.Count > 0 || PreviousKey is not null;
}

/// <summary>Reads the parts of a row message that matter. Owned by the capture loop.</summary>
internal sealed class RowReader(BatchBuilder batch)
{
    private readonly Tuple _before = new();
    private readonly Tuple _after = new();
    private CapturedField[] _scratch = new CapturedField[16];

    /// <summary>Relation of an insert; the row is read next by <see cref="Insert"/>.</summary>
    public uint ParseInsert(ReadOnlySpan<byte> message) => PgOutputParser.ReadInsert(message, _after);

    public uint ParseUpdate(ReadOnlySpan<byte> message, out OldTuple old) => PgOutputParser.ReadUpdate(message, _before, _after, out old);

    public uint ParseDelete(ReadOnlySpan<byte> message, out OldTuple old) => PgOutputParser.ReadDelete(message, _before, out old);

    public RowParts Insert(ReadOnlySpan<byte> message, RowPlan plan)
    {
        CheckWidth(_after, plan);
        CapturedField[] fields = new CapturedField[plan.Columns.Count];
        for (int i = 0; i < fields.Length; i++)
        {
            PlannedColumn column = plan.Columns[i];
            fields[i] = new CapturedField(column.Column, CapturedValue.Missing(MissingReason.NoRow), Value(message, _after[column.Index]));
        }
        return new RowParts(
            fields, Key(message, plan, _after), null, null, Subject(message, plan, _after), [],
            RowFingerprints.After(message, plan, _after, []));
    }

    public RowParts Delete(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old)
    {
        CheckWidth(_before, plan);
        CapturedField[] fields = new CapturedField[plan.Columns.Count];
        for (int i = 0; i < fields.Length; i++)
        {
            PlannedColumn column = plan.Columns[i];
            CapturedValue before = plan.IsStated(column.Index, old)
                ? Value(message, _before[column.Index])
                : CapturedValue.Missing(MissingReason.NotCaptured);
            fields[i] = new CapturedField(column.Column, before, CapturedValue.Missing(MissingReason.NoRow));
        }
        string[] key = KeyIsStated(plan, old) ? Key(message, plan, _before) : [];
        return new RowParts(
            fields, key, null, SubjectBefore(message, plan, old), null, RowFingerprints.Before(message, plan, _before, old), []);
    }

    public RowParts Update(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old)
    {
        CheckWidth(_after, plan);
        if (old != OldTuple.None) CheckWidth(_before, plan);
        CapturedField[] fields = ChangedFields(message, plan, old);
        bool keyChanged = KeyIsStated(plan, old) && KeyDiffers(message, plan);
        if (fields.Length == 0 && !keyChanged) return new RowParts(fields, [], null, null, null, [], []);
        Fingerprint[] before = RowFingerprints.Before(message, plan, _before, old);
        return new RowParts(
            fields,
            KeyAfter(message, plan, old),
            keyChanged ? Key(message, plan, _before) : null,
            SubjectBefore(message, plan, old) ?? SubjectUnchanged(message, plan, old),
            SubjectAfter(message, plan, old),
            before,
            RowFingerprints.After(message, plan, _after, before));
    }

    private CapturedField[] ChangedFields(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old)
    {
        if (_scratch.Length < plan.Columns.Count) _scratch = new CapturedField[plan.Columns.Count];
        int count = 0;
        for (int i = 0; i < plan.Columns.Count; i++)
        {
            if (TryChanged(message, plan, plan.Columns[i], old, out CapturedField field)) _scratch[count++] = field;
        }
        if (count == 0) return [];
        CapturedField[] fields = _scratch.AsSpan(0, count).ToArray();
        _scratch.AsSpan(0, count).Clear();
        return fields;
    }

    private bool TryChanged(ReadOnlySpan<byte> message, RowPlan plan, PlannedColumn column, OldTuple old, out CapturedField field)
    {
        field = default;
        Slot after = _after[column.Index];
        // An unchanged TOAST value is not sent again; whatever the old tuple says, nothing differs.
        if (after.Kind == SlotKind.Unchanged) return false;
        if (plan.IsStated(column.Index, old))
        {
            Slot before = _before[column.Index];
            if (before.Kind == SlotKind.Unchanged)
                field = new CapturedField(column.Column, CapturedValue.Missing(MissingReason.Unchanged), Value(message, after));
            else if (Same(message, before, after)) return false;
            else field = new CapturedField(column.Column, Value(message, before), Value(message, after));
            return true;
        }
        // No old tuple at all means that no identity column changed.
        if (old == OldTuple.None && plan.InIdentity[column.Index]) return false;
        field = new CapturedField(column.Column, CapturedValue.Missing(MissingReason.NotCaptured), Value(message, after));
        return true;
    }

    private static bool KeyIsStated(RowPlan plan, OldTuple old)
    {
        if (old == OldTuple.None) return false;
        foreach (int index in plan.Key)
        {
            if (!plan.IsStated(index, old)) return false;
        }
        return true;
    }

    private bool KeyDiffers(ReadOnlySpan<byte> message, RowPlan plan)
    {
        foreach (int index in plan.Key)
        {
            if (_after[index].Kind != SlotKind.Unchanged && !Same(message, _before[index], _after[index])) return true;
        }
        return false;
    }

    private string[] KeyAfter(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old)
    {
        string[] key = new string[plan.Key.Count];
        for (int i = 0; i < key.Length; i++)
        {
            int index = plan.Key[i];
            Slot slot = _after[index];
            if (slot.Kind == SlotKind.Unchanged && plan.IsStated(index, old)) slot = _before[index];
            if (slot.Kind != SlotKind.Text) return [];
            key[i] = Text(message, slot);
        }
        return key;
    }

    private static string[] Key(ReadOnlySpan<byte> message, RowPlan plan, Tuple tuple)
    {
        string[] key = new string[plan.Key.Count];
        for (int i = 0; i < key.Length; i++)
        {
            Slot slot = tuple[plan.Key[i]];
            if (slot.Kind != SlotKind.Text) return [];
            key[i] = Text(message, slot);
        }
        return key;
    }

    private string? SubjectBefore(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old) =>
        plan.Subject >= 0 && plan.IsStated(plan.Subject, old) ? TextOrNull(message, _before[plan.Subject]) : null;

    /// <summary>Without an old tuple an identity column has not changed.</summary>
    private string? SubjectUnchanged(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old) =>
        plan.Subject >= 0 && old == OldTuple.None && plan.InIdentity[plan.Subject] ? TextOrNull(message, _after[plan.Subject]) : null;

    private string? SubjectAfter(ReadOnlySpan<byte> message, RowPlan plan, OldTuple old)
    {
        if (plan.Subject < 0) return null;
        Slot slot = _after[plan.Subject];
        return slot.Kind == SlotKind.Unchanged ? SubjectBefore(message, plan, old) : TextOrNull(message, slot);
    }

    private static string? Subject(ReadOnlySpan<byte> message, RowPlan plan, Tuple tuple) =>
        plan.Subject < 0 ? null : TextOrNull(message, tuple[plan.Subject]);

    private CapturedValue Value(ReadOnlySpan<byte> message, Slot slot) => slot.Kind switch
    {
        SlotKind.Null => CapturedValue.Null,
        SlotKind.Unchanged => CapturedValue.Missing(MissingReason.Unchanged),
        _ => CapturedValue.Of(batch.Keep(message.Slice(slot.Offset, slot.Length))),
    };

    private static bool Same(ReadOnlySpan<byte> message, Slot a, Slot b) =>
        a.Kind == b.Kind && message.Slice(a.Offset, a.Length).SequenceEqual(message.Slice(b.Offset, b.Length));

    private static string? TextOrNull(ReadOnlySpan<byte> message, Slot slot) => slot.Kind == SlotKind.Text ? Text(message, slot) : null;

    private static string Text(ReadOnlySpan<byte> message, Slot slot) => Encoding.UTF8.GetString(message.Slice(slot.Offset, slot.Length));

    private static void CheckWidth(Tuple tuple, RowPlan plan)
    {
        if (tuple.Count != plan.ColumnCount)
            throw new PgOutputException($"a tuple of {tuple.Count} columns for a relation of {plan.ColumnCount}", 0);
    }
}
