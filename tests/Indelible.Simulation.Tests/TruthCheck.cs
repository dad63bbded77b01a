using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Server;

namespace Indelible.Simulation.Tests;

/// <summary>Holds a ledger against what the simulated database did: every change once, in its order, with its values;
/// nothing that a check of the product's would call a finding.</summary>
internal sealed class TruthCheck(IReadOnlyList<TruthChange> truth)
{
    private readonly Dictionary<string, string> _tokens = new(StringComparer.Ordinal);
    private long _checkedTo;
    private int _changes;
    private Lsn _covered;

    /// <summary>Changes found so far.</summary>
    public int Changes => _changes;

    /// <summary>Checks the entries after those checked before. What was there once must still be:
    /// whoever calls opened the ledger, which makes everything in it durable.</summary>
    /// <param name="view">The ledger, open.</param>
    /// <param name="confirmed">What the slot stands at: changes before are nowhere else any more.</param>
    public void Continue(LedgerView view, Lsn confirmed)
    {
        long size = view.Reader.ReadCheckpoint().Size;
        Require(size >= _checkedTo, $"{_checkedTo} entries were sealed, {size} are there");
        for (; _checkedTo < size; _checkedTo++) Check(view, view.Entry(_checkedTo));
        Require(_changes >= truth.Count || truth[_changes].Position.CommitLsn >= confirmed,
            $"{confirmed} is confirmed, and the change at {(_changes < truth.Count ? truth[_changes].Position : default)} is not sealed");
    }

    /// <summary>Everything that was committed is there.</summary>
    public void RequireAll() => Require(_changes == truth.Count, $"{truth.Count} changes were made, {_changes} are sealed");

    private void Check(LedgerView view, Entry entry)
    {
        switch (entry.Header.Kind)
        {
            case EntryKind.Coverage:
                Coverage coverage = entry.Header.Coverage!;
                Require(coverage.From == _covered || _covered == Lsn.None, $"coverage goes on at {coverage.From}, it ended at {_covered}");
                _covered = coverage.To;
                break;
            case EntryKind.Change:
                Require(_changes < truth.Count, $"entry {_checkedTo} is a change that nobody made: {entry.Header.Position}");
                CheckChange(view, entry, truth[_changes++]);
                break;
            default: throw new SimulationFailure(
                $"entry {_checkedTo} is a {entry.Header.Kind} {entry.Header.Code} that nothing called for: "
                    + $"{string.Join(", ", entry.Header.Facts ?? new Dictionary<string, string>())}");
        }
    }

    private void CheckChange(LedgerView view, Entry entry, TruthChange change)
    {
        EntryHeader header = entry.Header;
        string at = $"entry {_checkedTo}, {change.Position}";
        Equal(change.Position, header.Position!.Value, at);
        Equal(change.TransactionId, header.TransactionId!.Value, at);
        Equal(change.CommittedAt, header.CommittedAt!.Value, at);
        Equal(change.Operation, header.Operation!.Value, at);
        Equal((change.Table.Id, change.Table.Name, change.Leaf), (header.Relation!.Id, header.Relation.Name, header.Relation.Leaf), at);
        Equal((change.Grade, change.OperatorId), (header.Operator!.Grade, header.Operator.Id), at);
        if (change.Operation != Operation.Truncate) CheckKey(change, change.Key, header.Key!, at);
        Equal(change.PreviousKey is null, header.PreviousKey is null, at);
        if (change.PreviousKey is { } previous) CheckKey(change, previous, header.PreviousKey!, at);
        Field[] columns = [.. entry.Fields.Where(field => field.Scope == FieldScope.Column)];
        Equal(string.Join(' ', change.Fields.Select(field => field.Column)), string.Join(' ', columns.Select(field => field.Name)), at);
        for (int i = 0; i < columns.Length; i++)
        {
            CheckValue(view, entry, columns[i], Side.Before, change.Fields[i].Before, at);
            CheckValue(view, entry, columns[i], Side.After, change.Fields[i].After, at);
        }
        Field? reason = entry.Fields.SingleOrDefault(field => field.Scope == FieldScope.Text);
        Equal(change.Reason is null, reason is null, at);
        if (reason is not null) CheckValue(view, entry, reason, Side.After, new TruthValue(change.Reason), at);
    }

    /// <summary>In clear, or by a token that is always the same for this key and never for another.</summary>
    private void CheckKey(TruthChange change, string[] key, RowKey found, string at)
    {
        Equal(change.Table.IsToken, !found.Token.IsEmpty, at);
        if (!change.Table.IsToken)
        {
            Equal(string.Join('|', key), string.Join('|', found.Columns.Select(column => column.Value)), at);
            return;
        }
        string token = Convert.ToHexString(found.Token.Span);
        Equal(string.Join('|', key), _tokens.TryAdd(token, string.Join('|', key)) ? string.Join('|', key) : _tokens[token], at);
    }

    private static void CheckValue(LedgerView view, Entry entry, Field field, Side side, TruthValue value, string at)
    {
        at += $", {field.Name} {side}";
        ClearValue clear = value.Missing is { } reason ? ClearValue.Missing(reason) : value.Text is null
            ? ClearValue.Null
            : ClearValue.Of(Encoding.UTF8.GetBytes(value.Text));
        if ((side == Side.Before ? field.Before : field.After).Kind == ValueKind.Digest)
        {
            Require(view.Values.DigestMatches(entry, field, side, clear), $"{at}: the digest is another value's");
            return;
        }
        OpenedValue opened = view.Values.Open(entry, field, side);
        Equal(OpenFault.None, opened.Fault, at);
        Equal((clear.IsMissing, clear.IsNull), (opened.Value.IsMissing, opened.Value.IsNull), at);
        if (clear.IsMissing) Equal(clear.Reason, opened.Value.Reason, at);
        else Require(clear.Bytes.Span.SequenceEqual(opened.Value.Bytes.Span), $"{at}: another value");
    }

    private static void Equal<T>(T expected, T found, string at) =>
        Require(EqualityComparer<T>.Default.Equals(expected, found), $"{at}: expected {expected}, found {found}");

    private static void Require(bool holds, string message)
    {
        if (!holds) throw new SimulationFailure(message);
    }
}
