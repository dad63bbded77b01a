using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <content>Entries that are about no row: coverage, guard, access, admin.</content>
public sealed partial class EntryMaker
{
    /// <summary>Adds: this source was read without a break over a stretch of its log.</summary>
    public void AddCoverage(EntryBatch batch, Coverage coverage)
    {
        _fields.Clear();
        _assembler.Add(batch, _assembler.NewHeader(EntryKind.Coverage, source) with { Coverage = coverage }, _fields, default, default);
    }

    /// <summary>Adds: something that could weaken the record.</summary>
    /// <param name="batch">Receives the entry.</param>
    /// <param name="code">One of <see cref="GuardCode"/>.</param>
    /// <param name="facts">Clear facts; never a protected value.</param>
    /// <param name="text">What may hold protected values, such as a statement or the differences found;
    /// sealed under <paramref name="textName"/>. Null if none.</param>
    /// <param name="textName">Name of the text.</param>
    /// <param name="relation">The table it is about; null if none.</param>
    /// <param name="who">Who did it; null if nobody in particular.</param>
    /// <param name="position">Where in the source's log; null if nowhere.</param>
    public void AddGuard(
        EntryBatch batch, string code, IReadOnlyDictionary<string, string>? facts = null,
        string? text = null, string textName = "differences",
        Relation? relation = null, Operator? who = null, Position? position = null)
    {
        _fields.Clear();
        if (text is not null) _fields.Add(DraftField.OfText(textName, text));
        EntryHeader header = Event(EntryKind.Guard, code, facts) with
        {
            Relation = relation, Operator = Clipped(who), Position = position,
        };
        AddAboutSource(batch, header);
    }

    /// <summary>Adds: the source's log was not seen between two positions. Sealed before anything after it.</summary>
    /// <param name="batch">Receives the entry.</param>
    /// <param name="code">Why.</param>
    /// <param name="from">Last position covered.</param>
    /// <param name="to">First position covered after it.</param>
    /// <param name="message">Words.</param>
    /// <param name="relation">The only table it is about; null: all of the source.</param>
    public void AddGap(EntryBatch batch, string code, Lsn from, Lsn to, string message, Relation? relation = null) =>
        AddGuard(batch, GuardCode.Gap, new Dictionary<string, string>
        {
            ["reason"] = code,
            ["from"] = from.ToString(),
            ["to"] = to.ToString(),
            ["message"] = message,
        }, relation: relation);

    /// <summary>Adds: a change does not follow from what the ledger holds of its row.</summary>
    private void AddBreak(EntryBatch batch, ContinuityBreak found)
    {
        CapturedChange.Row row = found.Change;
        IReadOnlyList<string> key = row.PreviousKey ?? row.Key;
        Dictionary<string, string> facts = new()
        {
            ["what"] = found.What,
            ["at"] = $"{row.Position.CommitLsn} row {row.Position.Ordinal}",
        };
        if (found.Columns.Length > 0) facts["columns"] = found.Columns;
        if (found.Held != Lsn.None) facts["held-since"] = found.Held.ToString();
        if (found.More > 0) facts["more"] = found.More.ToString(CultureInfo.InvariantCulture);
        _fields.Clear();
        AddAboutSource(batch, Event(EntryKind.Guard, GuardCode.Continuity, facts) with
        {
            Relation = new Relation(row.Table.Id, row.Table.Schema, row.Table.Name, row.Leaf),
            Key = RowKeys.Of(keyring, source, row.Table, key, RowKeys.NeedsToken(row.Table, key)),
        });
    }

    /// <summary>Adds: someone read, decrypted, exported or disclosed values.</summary>
    /// <param name="batch">Receives the entry.</param>
    /// <param name="code">What was done, such as <c>reveal</c>.</param>
    /// <param name="who">Who did it.</param>
    /// <param name="reason">Why; sealed.</param>
    /// <param name="facts">What was read: entry indexes, columns. Never a value.</param>
    public void AddAccess(EntryBatch batch, string code, Operator who, string reason, IReadOnlyDictionary<string, string> facts)
    {
        _fields.Clear();
        AddReason(reason);
        AddAboutSource(batch, Event(EntryKind.Access, code, facts) with { Operator = HeaderTexts.Clip(who) });
    }

    /// <summary>Adds: a key was created or rotated, something erased, the configuration changed.</summary>
    public void AddAdmin(EntryBatch batch, string code, IReadOnlyDictionary<string, string>? facts = null, string? reason = null)
    {
        _fields.Clear();
        AddReason(reason);
        AddAboutSource(batch, Event(EntryKind.Admin, code, facts));
    }

    private EntryHeader Event(EntryKind kind, string code, IReadOnlyDictionary<string, string>? facts) =>
        _assembler.NewHeader(kind, source.Length == 0 ? null : source) with
        {
            Code = code,
            Facts = facts is null ? null : HeaderTexts.Facts(facts),
        };

    private static Operator? Clipped(Operator? who) => who is null ? null : HeaderTexts.Clip(who);
}
