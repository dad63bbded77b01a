using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>What the ledger said of a value before an entry that does not say it itself, because the log did not
/// (replica identity DEFAULT).</summary>
public static class EarlierValue
{
    /// <summary>The value and the entry it is from; null if the entry says it itself, or nothing earlier does.</summary>
    public static StateField? Of(LedgerView view, long index, Entry entry, Field field)
    {
        if (field.Before is not { Kind: ValueKind.Missing, Reason: MissingReason.NotCaptured or MissingReason.Unchanged }) return null;
        if (entry.Header is not { Relation: { } relation, Key: { } key } header) return null;
        RowKey earlier = header.PreviousKey ?? key;
        Query query = new()
        {
            Relation = new RelationId(header.Source ?? "", relation.Id),
            Key = earlier.Token.IsEmpty ? [.. earlier.Columns.Select(column => column.Value)] : null,
            KeyToken = earlier.Token.IsEmpty ? null : earlier.Token.ToArray(),
        };
        return RowState.Of(view, query, (at, _) => at < index).Fields.FirstOrDefault(known => known.Name == field.Name);
    }
}
