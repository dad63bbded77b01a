using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>Makes entries: picks the subject of each value, encrypts, encodes. One caller at a time; the keyring may be shared.</summary>
/// <remarks>What it makes may use keys that are not durable yet: <see cref="Keyring.Commit"/> comes before the
/// entries are sealed.</remarks>
/// <param name="keyring">Subject keys and tokens; gives the origin.</param>
/// <param name="source">Short name of the source; empty for a maker of entries that are about none.</param>
/// <param name="time">The sealer's clock.</param>
/// <param name="rowCount">Rows of a table known to the ledger, for truncations; null if nothing is known.</param>
public sealed partial class EntryMaker(Keyring keyring, string source, TimeProvider time, Func<ProtectedTable, ulong?>? rowCount = null)
{
    /// <summary>Bytes of entries after which a batch is closed and the next begun; far below what a batch may hold.</summary>
    private const int BatchLength = 16 << 20;

    private readonly EntryAssembler _assembler = new(keyring, time);
    private readonly RowSubjects _subjects = new(keyring, source);
    private readonly LoginMismatches _mismatches = new();
    private readonly List<DraftField> _fields = [];
    private (ProtectedTable? Table, string? Leaf) _relationOf;
    private Relation? _relation;

    /// <summary>One batch, nearly always; several for a captured batch that grows very large when sealed.
    /// To be sealed in this order; each carries a mark of its own.</summary>
    /// <param name="captured">The changes.</param>
    /// <param name="breaks">Those that do not follow from what the ledger holds, in their order:
    /// each is told right after its change.</param>
    internal IReadOnlyList<EntryBatch> Make(CapturedBatch captured, IReadOnlyList<ContinuityBreak> breaks)
    {
        int told = 0;
        List<EntryBatch> made = [new EntryBatch()];
        long begun = _assembler.TotalLength;
        for (int i = 0; i < captured.Changes.Count; i++)
        {
            if (_assembler.TotalLength - begun > BatchLength)
            {
                made[^1].Mark = new SourceMark(source, captured.Changes[i - 1].Position, captured.ConfirmableBefore);
                made.Add(new EntryBatch());
                begun = _assembler.TotalLength;
            }
            Add(made[^1], captured.Changes[i]);
            while (told < breaks.Count && breaks[told].ChangeIndex == i) AddBreak(made[^1], breaks[told++]);
        }
        made[^1].Mark = new SourceMark(source, captured.Last, captured.Confirmable);
        return made;
    }

    private void Add(EntryBatch batch, CapturedChange change)
    {
        switch (change)
        {
            case CapturedChange.Row row: AddRow(batch, row); break;
            case CapturedChange.Truncation truncation: AddTruncation(batch, truncation); break;
            case CapturedChange.Ddl ddl: AddDdl(batch, ddl); break;
        }
        if (_mismatches.IsNew(change.Operator)) AddMismatch(batch, change);
    }

    private void AddRow(EntryBatch batch, CapturedChange.Row row)
    {
        _fields.Clear();
        DraftField.AddAll(_fields, row.Fields);
        bool isToken = RowKeys.NeedsToken(row.Table, row.Key)
            || (row.PreviousKey is { } previous && RowKeys.NeedsToken(row.Table, previous));
        if (isToken) RowKeys.AddSealedKey(_fields, row);
        AddReason(row.Reason);

        RowKey key = RowKeys.Of(keyring, source, row.Table, row.Key, isToken);
        RowKey? previousKey = row.PreviousKey is null ? null : RowKeys.Of(keyring, source, row.Table, row.PreviousKey, isToken);
        SidesNeeded needed = SidesNeeded.By(_fields);
        SubjectKey before = needed.Before ? _subjects.Before(row) : default;
        bool isMoved = row.PreviousKey is not null;     // the row's key goes with it even if nothing is sealed under it now
        SubjectKey after = needed.After || isMoved ? _subjects.After(row) : default;
        EntryHeader header = new()
        {
            Origin = keyring.Origin,
            Kind = EntryKind.Change,
            Nonce = _assembler.Nonce,
            SealedAt = _assembler.Now,
            Source = source,
            Position = row.Position,
            TransactionId = row.TransactionId,
            CommittedAt = row.CommittedAt,
            Operator = HeaderTexts.Clip(row.Operator),
            Relation = RelationOf(row),
            Operation = row.Operation,
            Key = key,
            PreviousKey = previousKey,
            SubjectBefore = needed.Before ? before.Id : null,
            SubjectAfter = needed.After ? after.Id : null,
        };
        _assembler.Add(batch, header, _fields, before, after);
    }

    /// <summary>Made once for all rows of a leaf that follow each other.</summary>
    private Relation RelationOf(CapturedChange.Row row)
    {
        if (!ReferenceEquals(_relationOf.Table, row.Table) || _relationOf.Leaf != row.Leaf)
        {
            _relation = new Relation(row.Table.Id, row.Table.Schema, row.Table.Name, row.Leaf);
            _relationOf = (row.Table, row.Leaf);
        }
        return _relation!;
    }

    private void AddTruncation(EntryBatch batch, CapturedChange.Truncation truncation)
    {
        _fields.Clear();
        AddReason(truncation.Reason);
        AddAboutSource(batch, Logged(EntryKind.Change, truncation) with
        {
            Relation = new Relation(truncation.Table.Id, truncation.Table.Schema, truncation.Table.Name, truncation.Leaf),
            Operation = Operation.Truncate,
            RowCount = rowCount?.Invoke(truncation.Table),
        });
    }

    private void AddDdl(EntryBatch batch, CapturedChange.Ddl ddl)
    {
        _fields.Clear();
        _fields.Add(DraftField.OfText("statement", ddl.Statement));
        AddReason(ddl.Reason);
        Dictionary<string, string> facts = new(ddl.Facts) { ["tag"] = ddl.Tag };
        AddAboutSource(batch, Logged(EntryKind.Guard, ddl) with { Code = GuardCode.Ddl, Facts = HeaderTexts.Facts(facts) });
    }

    /// <summary>The change itself says both names; this makes it a finding.</summary>
    private void AddMismatch(EntryBatch batch, CapturedChange change) =>
        AddGuard(batch, GuardCode.LoginMismatch, new Dictionary<string, string>
        {
            ["login"] = change.Operator.LoginRole!,
            ["sessionUser"] = change.Operator.SessionUser!,
            ["commit"] = change.Position.CommitLsn.ToString(),
            ["message"] = "a session acted under another name than it logged in with (SET SESSION AUTHORIZATION)",
        }, who: change.Operator);

    /// <summary>Texts that are about no row are sealed under the source's own subject key.</summary>
    private void AddAboutSource(EntryBatch batch, EntryHeader header)
    {
        if (_fields.Count == 0)
        {
            _assembler.Add(batch, header, _fields, default, default);
            return;
        }
        SubjectKey key = keyring.GetOrCreateSubject(SubjectName.OfSource(source));
        _assembler.Add(batch, header with { SubjectAfter = key.Id }, _fields, default, key);
    }

    private void AddReason(string? reason)
    {
        if (reason is not null) _fields.Add(DraftField.OfText("reason", reason));
    }

    private EntryHeader Logged(EntryKind kind, CapturedChange change) => _assembler.NewHeader(kind, source) with
    {
        Position = change.Position,
        TransactionId = change.TransactionId,
        CommittedAt = change.CommittedAt,
        Operator = HeaderTexts.Clip(change.Operator),
    };
}
