using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Server;

/// <content>Rows read from the table itself.</content>
public sealed partial class EntryMaker
{
    /// <summary>Adds the protected values of a row as a snapshot shows them. A row known to the keyring keeps its subject.</summary>
    /// <param name="batch">Receives the entry, or its parts.</param>
    /// <param name="table">The table; for a partition the root.</param>
    /// <param name="leaf">Quoted schema-qualified leaf partition; null if not partitioned.</param>
    /// <param name="key">Primary-key values in key order, as text.</param>
    /// <param name="fields">All protected columns, with no before.</param>
    /// <param name="subject">Value of the table's subject column; null if it names none.</param>
    /// <param name="snapshot">What the row was read in.</param>
    public void AddBaseline(
        EntryBatch batch, ProtectedTable table, string? leaf, IReadOnlyList<string> key, IReadOnlyList<CapturedField> fields,
        string? subject, Snapshot snapshot) =>
        AddFromTable(batch, _assembler.NewHeader(EntryKind.Baseline, source), table, leaf, key, fields, subject, subject, snapshot);

    /// <summary>Adds a difference that a baseline found: before is what the ledger said, after what the table says.
    /// Who and when are unknown.</summary>
    /// <inheritdoc cref="AddBaseline"/>
    public void AddFound(
        EntryBatch batch, ProtectedTable table, string? leaf, IReadOnlyList<string> key, IReadOnlyList<CapturedField> fields,
        string? subjectBefore, string? subjectAfter, Snapshot snapshot)
    {
        EntryHeader header = _assembler.NewHeader(EntryKind.Change, source) with
        {
            Operation = Operation.Found,
            Operator = new Operator { Grade = Grade.None },
        };
        AddFromTable(batch, header, table, leaf, key, fields, subjectBefore, subjectAfter, snapshot);
    }

    private void AddFromTable(
        EntryBatch batch, EntryHeader kind, ProtectedTable table, string? leaf, IReadOnlyList<string> key,
        IReadOnlyList<CapturedField> fields, string? subjectBefore, string? subjectAfter, Snapshot snapshot)
    {
        _fields.Clear();
        DraftField.AddAll(_fields, fields);
        bool isToken = RowKeys.NeedsToken(table, key);
        if (isToken) RowKeys.AddSealedKey(_fields, table, key);
        SidesNeeded needed = SidesNeeded.By(_fields);
        SubjectKey before = needed.Before ? _subjects.Current(table, key, subjectBefore) : default;
        SubjectKey after = needed.After ? _subjects.Current(table, key, subjectAfter) : default;
        EntryHeader header = kind with
        {
            Relation = new Relation(table.Id, table.Schema, table.Name, leaf),
            Key = RowKeys.Of(keyring, source, table, key, isToken),
            Snapshot = snapshot,
            SubjectBefore = needed.Before ? before.Id : null,
            SubjectAfter = needed.After ? after.Id : null,
        };
        _assembler.Add(batch, header, _fields, before, after);
    }
}
