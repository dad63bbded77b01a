using System.Text;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Finds the entries in which a column had exactly one value: through the blind index, or, where only digests are kept,
/// by trying each entry.</summary>
/// <remarks>The digest of a value is keyed by its subject, so no token can be made from it again:
/// an index rebuilt from the ledger does not know them.</remarks>
public sealed class ValueSearch
{
    private readonly LedgerView _view;
    private readonly Query _query;
    private readonly ClearValue? _digested;

    private ValueSearch(LedgerView view, Query query, ClearValue? digested) => (_view, _query, _digested) = (view, query, digested);

    /// <summary>A search for a value.</summary>
    /// <param name="view">The ledger; its keyring is opened.</param>
    /// <param name="config">What is protected, and how.</param>
    /// <param name="query">Names table and column.</param>
    /// <param name="value">As PostgreSQL prints it.</param>
    /// <exception cref="Format.IndelibleException">Usage: no such protected table, or several.</exception>
    public static ValueSearch Of(LedgerView view, IndelibleConfig config, Query query, string value)
    {
        (string source, ProtectedTable table) = ProtectedTables.Find(config, query.Source, query.Schema, query.Table!);
        byte[] bytes = Encoding.UTF8.GetBytes(value);
        query = query with { Relation = new RelationId(source, table.Id), Source = null, Schema = null, Table = null };
        bool isDigest = table.Columns.Any(column => column.Name == query.Column && column.Policy == ColumnPolicy.Digest);
        if (isDigest) return new ValueSearch(view, query, ClearValue.Of(bytes));
        return new ValueSearch(view, query with { ValueToken = view.Keyring.BlindToken(source, table.Id, query.Column!, bytes) }, null);
    }

    /// <summary>A page of what it finds.</summary>
    /// <param name="strangers">Receives what the index named wrongly.</param>
    /// <param name="next">Cursor to go on after; null if there is nothing more.</param>
    /// <param name="cancellationToken">Ends a long search.</param>
    public IReadOnlyList<IndexedEntry> Find(ICollection<long> strangers, out string? next, CancellationToken cancellationToken)
    {
        if (_digested is { } value) return FindDigested(value, strangers, out next, cancellationToken);
        Page page = _view.Index.Find(_query);
        next = page.Next;
        List<IndexedEntry> found = [];
        foreach (IndexedEntry entry in _view.Matching(page.Entries, _query, strangers))
        {
            if (_view.Values.TokensOf(entry.Entry)?.Any(token => token.AsSpan().SequenceEqual(_query.ValueToken)) == true) found.Add(entry);
            else strangers.Add(entry.Index);
        }
        return found;
    }

    private List<IndexedEntry> FindDigested(
        ClearValue value, ICollection<long> strangers, out string? next, CancellationToken cancellationToken)
    {
        next = null;
        List<IndexedEntry> found = [];
        long? after = _query.After is { } cursor ? LedgerIndex.ParseCursor(cursor) : null;
        foreach (IndexedEntry entry in RowTrail.Walk(_view, _query, after, strangers))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!Holds(entry.Entry, value)) continue;
            if (found.Count == _query.Limit)
            {
                next = found[^1].Index.ToString(System.Globalization.CultureInfo.InvariantCulture);
                break;
            }
            found.Add(entry);
        }
        return found;
    }

    private bool Holds(Entry entry, in ClearValue value)
    {
        foreach (Field field in entry.Fields)
        {
            if (field.Scope != FieldScope.Column || field.Name != _query.Column) continue;
            if (_view.Values.DigestMatches(entry, field, Side.Before, value) || _view.Values.DigestMatches(entry, field, Side.After, value))
                return true;
        }
        return false;
    }
}
