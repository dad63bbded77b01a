using System.Security.Cryptography;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Rows of a table that the ledger speaks of, taken at random: a row missing in the database can be found
/// only from this side.</summary>
internal sealed class SampledEntries(LedgerView view, string source, ProtectedTable table, RowTokens tokens)
{
    /// <summary>Tries for each row wanted: many entries may be about other tables or rows that ended.</summary>
    private const int TriesEach = 20;

    private readonly ulong _tag = RowTag.Of(source, table.Id);

    /// <summary>Keys in clear of different rows that the ledger holds, at most <paramref name="count"/>; those kept as a token are
    /// left to the other side.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Keys(int count, CancellationToken cancellationToken)
    {
        Dictionary<UInt128, IReadOnlyList<string>> keys = [];
        long size = view.Index.IndexedSize;
        int living = Living(count);
        for (int tries = 0; size > 0 && keys.Count < living && tries < (long)count * TriesEach; tries++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string from = (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) % (ulong)size)
                .ToString(System.Globalization.CultureInfo.InvariantCulture);
            Query next = new() { Relation = new RelationId(source, table.Id), OldestFirst = true, Limit = 1, After = from };
            foreach (long index in view.Index.Find(next).Entries)
            {
                if (view.Header(index).Key is not { Token.IsEmpty: true } key) continue;
                string[] clear = [.. key.Columns.Select(column => column.Value)];
                UInt128 row = tokens.Of(clear);
                if (view.Index.Rows.Find(new RowTag(_tag, row)) is not null) keys.TryAdd(row, clear);
            }
        }
        return [.. keys.Values];
    }

    /// <summary>Rows that the ledger holds, counted no further than so many: a small table is not searched for what it does not have.
    /// </summary>
    private int Living(int most)
    {
        int living = 0;
        if (most > 0) view.Index.Rows.Walk(_tag, UInt128.MinValue, UInt128.MaxValue, (_, _) => ++living < most);
        return living;
    }
}
