using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>Finds the keys of rows that the ledger holds and of which only the hash is known:
/// they are in the entries about them, and mostly in the newest.</summary>
internal sealed class UnseenRows(LedgerView view, string source, ProtectedTable table, RowTokens tokens, CrosscheckCounts counts)
{
    private const int PageLimit = 1000;

    /// <summary>The keys, a page at a time, for rows that still live. Goes back through the table's entries until all are found.</summary>
    public IEnumerable<IReadOnlyList<IReadOnlyList<string>>> Keys(IEnumerable<UInt128> rows, CancellationToken cancellationToken)
    {
        HashSet<UInt128> wanted = [.. rows.Where(row => view.Index.Rows.Find(new RowTag(RowTag.Of(source, table.Id), row)) is not null)];
        Query query = new() { Relation = new RelationId(source, table.Id), Limit = PageLimit };
        for (string? after = null; wanted.Count > 0;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            Page page = view.Index.Find(query with { After = after });
            List<IReadOnlyList<string>> keys = [];
            foreach (long index in page.Entries)
            {
                if (view.Header(index) is { Kind: EntryKind.Change or EntryKind.Baseline, Key: { } key } && wanted.Remove(NameOf(key))
                    && ClearKey(key) is { } clear) keys.Add(clear);
            }
            if (keys.Count > 0) yield return keys;
            // an image that no entry speaks for: the index is wrong there, and nothing follows from it
            if ((after = page.Next) is null) yield break;
        }
    }

    private UInt128 NameOf(RowKey key) => key.Token.IsEmpty
        ? tokens.Of([.. key.Columns.Select(column => column.Value)])
        : BinaryPrimitives.ReadUInt128BigEndian(key.Token.Span);

    /// <summary>The key's values; those of a token are among the row's sealed fields.
    /// Null if they do not open: then nothing can be said of the row.</summary>
    private IReadOnlyList<string>? ClearKey(RowKey key)
    {
        if (key.Token.IsEmpty) return [.. key.Columns.Select(column => column.Value)];
        RowState state = RowState.Of(
            view, new Query { Relation = new RelationId(source, table.Id), KeyToken = key.Token.ToArray() }, static (_, _) => true);
        if (state.Exists != true) return null;    // ended meanwhile
        List<string> parts = [];
        foreach (string name in table.Key)
        {
            if (state[name] is { } field
                && view.Values.Open(
                    field.Entry, field.Field, field.Side) is { Fault: OpenFault.None, Value: { IsMissing: false, IsNull: false } value })
            {
                parts.Add(Encoding.UTF8.GetString(value.Bytes.Span));
                continue;
            }
            counts.Locked++;
            return null;
        }
        return parts;
    }
}
