using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Ledger;

/// <summary>What the journal said of the sources, derived from the entries.</summary>
public sealed partial class LedgerReader
{
    /// <summary>How far each source is sealed, from the published entries alone; for a journal that is lost.
    /// Reads the whole ledger once.</summary>
    /// <remarks>A source's last position is its greatest change.
    /// Confirmable is the greater of its last coverage's end and the start of that change's commit:
    /// the source then sends the transaction again, and what is sealed of it is passed over. Positions that were sealed
    /// without an entry are lost, so a source may have been told more; its slot then stands ahead, which is a gap.</remarks>
    public IReadOnlyList<SourceMark> RecoverMarks()
    {
        var marks = new Dictionary<string, SourceMark>(StringComparer.Ordinal);
        long size = ReadCheckpoint().Size;
        foreach ((long index, ReadOnlyMemory<byte> bytes) in ReadEntries(0, size))
        {
            EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
            if (fault != EntryFault.None) throw Unreadable(index, fault, LedgerDirectory);
            if (entry.Header.Source is { } source)
                marks[source] = Advance(marks.GetValueOrDefault(source) ?? new SourceMark(source, default, Lsn.None), entry.Header);
        }
        return [.. marks.Values.Where(mark => mark.Confirmable != Lsn.None)];
    }

    private static SourceMark Advance(SourceMark mark, EntryHeader header)
    {
        if (header.Coverage is { } coverage) return mark with { Confirmable = Later(mark.Confirmable, coverage.To) };
        // Only what came through the log has a transaction; baselines and findings do not order.
        if (header is not { Kind: EntryKind.Change or EntryKind.Guard, Position: { } position, TransactionId: not null }) return mark;
        var whole = new Position(position.CommitLsn, position.Ordinal);
        return mark with { Last = whole.CompareTo(mark.Last) > 0 ? whole : mark.Last,
            Confirmable = Later(mark.Confirmable, position.CommitLsn) };
    }

    private static Lsn Later(Lsn one, Lsn other) => one > other ? one : other;
}
