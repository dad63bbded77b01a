using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server.Succeeding;

/// <summary>A row that stands by the ledger.</summary>
/// <param name="Source">Short name of the source.</param>
/// <param name="Table">Its table.</param>
/// <param name="Leaf">Its partition; null if the table has none.</param>
/// <param name="Key">Its key, as entries name it.</param>
/// <param name="State">What it holds.</param>
internal sealed record LivingRow(string Source, ProtectedTable Table, string? Leaf, RowKey Key, RowState State);

/// <summary>Goes through the rows of protected tables that stand at the end of a ledger, each once, in the order of their newest entries:
/// the same whenever it is done.</summary>
internal sealed class LivingRows(LedgerView view, IndelibleConfig config)
{
    private readonly Dictionary<RelationId, ProtectedTable> _tables = config.Sources
        .SelectMany(source => source.Value.Protection.Tables.Select(table => (new RelationId(source.Key, table.Id), table))).ToDictionary();

    /// <summary>Reads the whole ledger once.</summary>
    /// <param name="skip">Rows passed over.</param>
    /// <param name="cancellationToken">Stops.</param>
    public IEnumerable<LivingRow> From(long skip, CancellationToken cancellationToken)
    {
        long size = view.Reader.ReadCheckpoint().Size;
        for (long index = 0; index < size; index++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            EntryHeader header = view.Header(index);
            if (header is not { Kind: EntryKind.Change or EntryKind.Baseline, Source: { } source, Relation: { } relation, Key: { } key })
                continue;
            RelationId table = new(source, relation.Id);
            if (!_tables.TryGetValue(table, out ProtectedTable? known)) continue;
            Query row = new()
            {
                Relation = table,
                Key = key.Token.IsEmpty ? [.. key.Columns.Select(column => column.Value)] : null,
                KeyToken = key.Token.IsEmpty ? null : key.Token.ToArray(),
            };
            if (NewestOf(row) != index) continue;
            RowState state = RowState.Of(view, row, static (_, _) => true);
            if (state.Exists == true && skip-- <= 0) yield return new LivingRow(source, known, relation.Leaf, key, state);
        }
    }

    /// <summary>The newest entry that says something of the row's values, truncations apart.</summary>
    private long NewestOf(Query row)
    {
        RowWalk walk = new(view, row with { IsRowOnly = true });
        while (walk.Next() is { } step)
        {
            if (step.Header.Kind is EntryKind.Change or EntryKind.Baseline) return step.Index;
        }
        return -1;
    }
}
