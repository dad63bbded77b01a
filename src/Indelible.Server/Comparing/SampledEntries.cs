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

    /// <summary>Keys in clear of different rows, at most <paramref name="count"/>; those kept as a token are
    /// left to the other side.</summary>
    public IReadOnlyList<IReadOnlyList<string>> Keys(int count, CancellationToken cancellationToken)
    {
        Dictionary<UInt128, IReadOnlyList<string>> keys = [];
        long size = view.Index.IndexedSize;
        for (int tries = 0; size > 0 && keys.Count < count && tries < (long)count * TriesEach; tries++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string from = (BitConverter.ToUInt64(RandomNumberGenerator.GetBytes(sizeof(ulong))) % (ulong)size)
                .ToString(System.Globalization.CultureInfo.InvariantCulture);
            Query next = new() { Relation = new RelationId(source, table.Id), OldestFirst = true, Limit = 1, After = from };
            foreach (long index in view.Index.Find(next).Entries)
            {
                if (view.Header(index).Key is not { Token.IsEmpty: true } key) continue;
                string[] clear = [.. key.Columns.Select(column => column.Value)];
                keys.TryAdd(tokens.Of(clear), clear);
            }
        }
        return [.. keys.Values];
    }
}
