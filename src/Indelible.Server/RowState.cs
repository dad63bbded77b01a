using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>A protected value of a row, and the entry that says so.</summary>
/// <param name="Name">The column, as named in that entry.</param>
/// <param name="Value">As sealed.</param>
/// <param name="Side">Which side of the entry's field it is.</param>
/// <param name="Since">When it came to be.</param>
/// <param name="EntryIndex">The entry.</param>
/// <param name="Entry">The entry itself.</param>
/// <param name="Field">The field itself.</param>
public sealed record StateField(string Name, FieldValue Value, Side Side, MicroTime Since, long EntryIndex, Entry Entry, Field Field);

/// <summary>What the ledger says a row held at some point.</summary>
public sealed record RowState
{
    private const int PageLimit = 64;

    /// <summary>True if it stood, false if it had ended, null if the ledger knows nothing of it.</summary>
    public required bool? Exists { get; init; }
    /// <summary>The entry that ended it; null unless it had ended.</summary>
    public long? EndedBy { get; init; }
    /// <summary>Its protected values; empty unless it stood.</summary>
    public IReadOnlyList<StateField> Fields { get; init; } = [];

    /// <summary>At a time, by commit times.</summary>
    public static RowState AsOf(LedgerView view, Query row, MicroTime at) =>
        Of(view, row, (_, header) => (header.CommittedAt ?? header.SealedAt) <= at);

    /// <summary>After exactly the entries that count.</summary>
    /// <param name="view">The ledger.</param>
    /// <param name="row">Matches every entry about the row.</param>
    /// <param name="counts">True if an entry, given by index and header, counts.</param>
    public static RowState Of(LedgerView view, Query row, Func<long, EntryHeader, bool> counts)
    {
        Dictionary<string, StateField> known = new(StringComparer.Ordinal);
        RowWalk walk = new(view, row);
        while (walk.Next() is { } entry)
        {
            EntryHeader header = entry.Entry.Header;
            if (header.Kind is not (EntryKind.Change or EntryKind.Baseline) || !counts(entry.Index, header)) continue;
            if (Ends(entry.Entry, walk)) return known.Count > 0 ? Stands(known) : new RowState { Exists = false, EndedBy = entry.Index };
            foreach (Field field in entry.Entry.Fields) Learn(known, entry.Index, entry.Entry, field);
            if (header.Kind == EntryKind.Baseline || header.Operation == Operation.Insert) return Stands(known);
            if (header.PreviousKey is { } previous) walk.Follow(previous, entry.Index);
        }
        return known.Count > 0 ? Stands(known) : new RowState { Exists = null };
    }

    private static bool Ends(Entry entry, RowWalk walk) => entry.Header.Operation switch
    {
        Operation.Delete or Operation.Truncate => true,
        Operation.Update => entry.Header.PreviousKey is not null && !walk.IsAbout(entry.Header.Key),
        Operation.Found => entry.Fields.Any(IsGone),
        _ => false,
    };

    private static bool IsGone(Field field) =>
        field.Scope == FieldScope.Column && field.After.Kind == ValueKind.Missing && field.After.Reason == MissingReason.NoRow;

    private static void Learn(Dictionary<string, StateField> known, long index, Entry entry, Field field)
    {
        if (field.Scope != FieldScope.Column || known.ContainsKey(field.Name) || field.After.Kind == ValueKind.Missing) return;
        MicroTime since = entry.Header.CommittedAt ?? entry.Header.SealedAt;
        known[field.Name] = new StateField(field.Name, field.After, Side.After, since, index, entry, field);
    }

    private static RowState Stands(Dictionary<string, StateField> known) =>
        new() { Exists = true, Fields = [.. known.Values.OrderBy(field => field.Name, StringComparer.Ordinal)] };

    /// <summary>Goes through the entries about a row from the newest back, following it through changes of its key.</summary>
    private sealed class RowWalk(LedgerView view, Query row)
    {
        private Query _query = row with { OldestFirst = false, Limit = PageLimit };
        private Queue<long> _page = new();
        private bool _isLast;
        private long _below = long.MaxValue;

        public (long Index, Entry Entry)? Next()
        {
            while (true)
            {
                if (_page.Count == 0 && !Turn()) return null;
                long index = _page.Dequeue();
                if (index >= _below) continue;
                EntryFault fault = EntryCodec.Decode(view.Reader.ReadEntry(index), out Entry entry);
                if (fault != EntryFault.None) throw new Ledger.LedgerCorruptException(view.Paths.Ledger, 0, $"entry {index}: {fault.Rule}");
                return (index, entry);
            }
        }

        /// <summary>Goes on with the row under its earlier key, before an entry.</summary>
        public void Follow(RowKey previous, long below)
        {
            _query = _query with
            {
                Key = previous.Token.IsEmpty ? [.. previous.Columns.Select(column => column.Value)] : null,
                KeyToken = previous.Token.IsEmpty ? null : previous.Token.ToArray(),
                After = null,
            };
            _below = below;
            _page.Clear();
            _isLast = false;
        }

        /// <summary>True if a key is that of the row as it is followed now.</summary>
        public bool IsAbout(RowKey? key) => key is not null && (_query.KeyToken is { } token
            ? key.Token.Span.SequenceEqual(token)
            : key.Columns.Select(column => column.Value).SequenceEqual(_query.Key ?? []));

        private bool Turn()
        {
            if (_isLast) return false;
            Page page = view.Index.Find(_query);
            _page = new Queue<long>(page.Entries);
            _isLast = page.Next is null;
            _query = _query with { After = page.Next };
            return _page.Count > 0;
        }
    }
}
