using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;

namespace Indelible.Server;

/// <summary>A protected value of a row, and the entry that says so.</summary>
/// <param name="Name">The column, as named in that entry.</param>
/// <param name="Value">As sealed; missing if all that is known is that it changed.</param>
/// <param name="Side">Which side of the entry's field it is.</param>
/// <param name="Since">When it came to be.</param>
/// <param name="EntryIndex">The entry.</param>
/// <param name="Entry">The entry itself.</param>
/// <param name="Field">The field itself.</param>
public sealed record StateField(string Name, FieldValue Value, Side Side, MicroTime Since, long EntryIndex, Entry Entry, Field Field);

/// <summary>What the ledger says a row held at some point.</summary>
/// <remarks>The row is followed from its newest entry back to the one that began it, through changes of its key.
/// What was sealed later happened later, but for baselines: capture begins at the slot, the table is read after it,
/// so a baseline is sealed before changes that it already shows.
/// A baseline holds at its snapshot: of the changes of its row, those the snapshot shows are older than it and passed over.</remarks>
public sealed class RowState
{
    private readonly Dictionary<string, StateField> _known = new(StringComparer.Ordinal);
    private readonly List<(long Index, string? Leaf)> _truncations = [];

    private RowState() { }

    /// <summary>True if it stood, false if it had ended, null if the ledger knows nothing of it.</summary>
    public bool? Exists { get; private set; }
    /// <summary>The entry that ended it; null unless it had ended.</summary>
    public long? EndedBy { get; private set; }
    /// <summary>The newest entry about it that counted; null if there is none.</summary>
    public long? NewestEntry { get; private set; }
    /// <summary>Its protected values; empty unless it stood.</summary>
    public IReadOnlyList<StateField> Fields => Exists == true
        ? [.. _known.Values.OrderBy(known => known.Name, StringComparer.Ordinal)]
        : [];

    /// <summary>The value of one column; null if the ledger has none.</summary>
    public StateField? this[string column] => _known.GetValueOrDefault(column);

    /// <summary>At a time, by commit times.</summary>
    public static RowState AsOf(LedgerView view, Query row, MicroTime at) =>
        Of(view, row, (_, header) => (header.CommittedAt ?? header.SealedAt) <= at);

    /// <summary>After exactly the entries that count.</summary>
    /// <param name="view">The ledger.</param>
    /// <param name="row">Matches every entry about the row.</param>
    /// <param name="counts">True if an entry, given by index and header, counts.</param>
    public static RowState Of(LedgerView view, Query row, Func<long, EntryHeader, bool> counts)
    {
        RowState state = new();
        RowWalk walk = new(view, row);
        Baselined baselined = new(view, counts);
        while (walk.Next() is { } step)
        {
            if (step.Header.Kind is not (EntryKind.Change or EntryKind.Baseline) || !counts(step.Index, step.Header)) continue;
            if (baselined.Shows(step.Header, walk.Row, isAsked: IsTurn(step, walk))) continue;
            if (state.IsDoneAfter(step, walk)) return state;
        }
        return state;
    }

    /// <summary>True where it matters whether a baseline shows the change: it ends the row, or brings it from another key.
    /// Any other says what a baseline that shows it says, or what was said of it by newer ones;
    /// to look for the baseline of every row would cost as much as all the rest.</summary>
    private static bool IsTurn(RowStep step, RowWalk walk) =>
        step.Header.PreviousKey is not null || step.Header.Operation == Operation.Truncate || Ends(step, walk);

    /// <summary>Takes the next older step; true once nothing older matters.</summary>
    private bool IsDoneAfter(RowStep step, RowWalk walk)
    {
        EntryHeader header = step.Header;
        if (header.Operation == Operation.Truncate) return IsTruncated(step.Index, header.Relation?.Leaf);
        NewestEntry ??= step.Index;
        if (Ends(step, walk)) return End(step.Index);
        if (_truncations.FindLast(truncation => truncation.Leaf == header.Relation?.Leaf) is { Leaf: not null } ended)
            return End(ended.Index);
        Exists = true;
        foreach ((long index, Entry entry) in step.Parts) Learn(index, entry);
        if (header.Kind == EntryKind.Baseline || header.Operation == Operation.Insert) return true;
        if (header.PreviousKey is { } previous) walk.Follow(previous, step.FirstIndex);
        return false;
    }

    /// <summary>One partition's truncation ends the row only if it was there: the next older entry about the row says so.</summary>
    private bool IsTruncated(long index, string? leaf)
    {
        if (leaf is null) return End(index);
        _truncations.Add((index, leaf));
        return false;
    }

    /// <summary>Nothing older matters. What was learned of newer entries stands: then the row's beginning was not seen.</summary>
    private bool End(long index)
    {
        if (Exists == true) return true;
        (Exists, EndedBy) = (false, index);
        NewestEntry ??= index;
        return true;
    }

    private static bool Ends(RowStep step, RowWalk walk) => step.Header.Operation switch
    {
        Operation.Delete => true,
        Operation.Update => step.Header.PreviousKey is not null && !walk.IsAbout(step.Header.Key),
        Operation.Found => step.Parts.Any(part => SaysGone(part.Entry)),
        _ => false,
    };

    /// <summary>True if what was found is that there is no such row.</summary>
    public static bool SaysGone(Entry found) =>
        found.Fields.Any(field => field.Scope == FieldScope.Column
            && field.After is { Kind: ValueKind.Missing, Reason: MissingReason.NoRow });

    private void Learn(long index, Entry entry)
    {
        MicroTime since = entry.Header.CommittedAt ?? entry.Header.SealedAt;
        foreach (Field field in entry.Fields)
        {
            bool saysNothing =
                field.After is { Kind: ValueKind.Missing, Reason: not (MissingReason.TooLarge or MissingReason.NotCaptured) };
            if (field.Scope != FieldScope.Column || saysNothing) continue;
            _known.TryAdd(field.Name, new StateField(field.Name, field.After, Side.After, since, index, entry, field));
        }
    }

    /// <summary>Knows, for the key a row has while it is followed, which changes its newest baseline shows already.</summary>
    private sealed class Baselined(LedgerView view, Func<long, EntryHeader, bool> counts)
    {
        private Query? _row;
        private Snapshot? _snapshot;
        private PgSnapshot? _transactions;

        /// <summary>True if the row's newest baseline shows the change.
        /// Looks for that baseline only once asked; then knows it for the row's older changes too.</summary>
        public bool Shows(EntryHeader change, Query row, bool isAsked)
        {
            if (!ReferenceEquals(row, _row))
            {
                if (!isAsked) return false;
                LookUp(_row = row);
            }
            return _snapshot is not null && change.TransactionId is { } xid && change.Position is { } position
                && position.CommitLsn <= _snapshot.ReadAfter && _transactions!.Sees(xid, position.CommitLsn, _snapshot.ReadAfter);
        }

        private void LookUp(Query row)
        {
            (_snapshot, _transactions) = (null, null);
            RowWalk baselines = new(view, row with { Kind = EntryKind.Baseline });
            while (baselines.Next() is { } step)
            {
                if (!counts(step.Index, step.Header) || step.Header.Snapshot is not { } snapshot) continue;
                (_snapshot, _transactions) = (snapshot, PgSnapshot.Parse(snapshot.Text));
                return;
            }
        }
    }
}
