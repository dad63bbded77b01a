using System.Diagnostics;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Indelible.Server.Succeeding;

namespace Indelible.Server;

/// <content>Rows as a closed ledger left them.</content>
public sealed partial class EntryMaker
{
    /// <summary>Adds what a closed ledger says of a row, under the subject's key it was sealed under last.</summary>
    /// <returns>Values that it does not say.</returns>
    internal long AddRestated(EntryBatch batch, LedgerView closed, LivingRow row, Snapshot snapshot)
    {
        _fields.Clear();
        long unknown = 0;
        foreach (ProtectedColumn column in row.Table.Columns)
            unknown += AddRestated(closed, row.State[column.Name], column.Name, column.Policy);
        if (!row.Key.Token.IsEmpty)
        {
            foreach (string name in row.Table.Key.Where(name => row.Table.Columns.TrueForAll(column => column.Name != name)))
                AddRestated(closed, row.State[name], name, ColumnPolicy.Sealed);
        }
        bool isSealed = SidesNeeded.By(_fields).After;
        SubjectKey subject = isSealed ? SubjectOf(closed, row.State) : default;
        EntryHeader header = _assembler.NewHeader(EntryKind.Baseline, source) with
        {
            Relation = new Relation(row.Table.Id, row.Table.Schema, row.Table.Name, row.Leaf),
            Key = row.Key,
            Snapshot = snapshot,
            SubjectAfter = isSealed ? subject.Id : null,
        };
        _assembler.Add(batch, header, _fields, default, subject);
        return unknown;
    }

    private int AddRestated(LedgerView closed, StateField? known, string name, ColumnPolicy policy)
    {
        OpenedValue opened = known is null
            ? new OpenedValue(OpenFault.None, ClearValue.Missing(MissingReason.NotCaptured), false)
            : closed.Values.Open(known.Entry, known.Field, known.Side);
        ClearValue value = opened.Fault == OpenFault.None ? opened.Value : ClearValue.Missing(MissingReason.NotCaptured);
        _fields.Add(new DraftField(FieldScope.Column, name, policy, ClearValue.Missing(MissingReason.NotApplicable), value));
        return value.IsMissing ? 1 : 0;
    }

    /// <summary>The key that the newest of the values was sealed under: what was opened was opened with one.</summary>
    private static SubjectKey SubjectOf(LedgerView closed, RowState state)
    {
        foreach (StateField field in state.Fields.OrderByDescending(field => field.EntryIndex))
        {
            if (closed.Values.KeyOf(field.Entry.Header.SubjectAfter) is { } key) return key;
        }
        throw new UnreachableException("a value was opened without its subject's key");
    }
}
