using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Server;

/// <summary>The snapshot that live rows were read in, held against one table's entries.</summary>
/// <param name="Table">Id of the table: entries about an earlier table of the same name are about other rows.</param>
/// <param name="Snapshot">Which transactions the rows show.</param>
/// <param name="ReadBefore">End of the log before it was taken.</param>
internal sealed record Instant(uint Table, PgSnapshot Snapshot, Lsn ReadBefore)
{
    /// <summary>True once values were met that were read from the table after this snapshot:
    /// what they show beside it cannot be told.</summary>
    public bool HasLaterReading { get; private set; }

    public static Instant Of(ProtectedTable table, LiveChunk chunk) => new(table.Id, chunk.Snapshot, chunk.ReadBefore);

    /// <summary>True if the entry's effect shows in the snapshot.</summary>
    /// <param name="header">The entry.</param>
    /// <param name="takenOver">Where the server's timeline begins, if another server took over.
    /// What was committed before is older: its transaction's number may be given again.</param>
    public bool Sees(EntryHeader header, Lsn takenOver = default)
    {
        if (header.Relation?.Id != Table) return false;
        if (header.Position?.CommitLsn < takenOver) return true;
        bool isReading = header.TransactionId is null;
        bool sees = isReading
            ? header.Snapshot is { } read && read.ReadAfter <= ReadBefore
            : Snapshot.Sees(header.TransactionId!.Value, header.Position?.CommitLsn ?? Lsn.None, ReadBefore);
        HasLaterReading |= isReading && !sees;
        return sees;
    }
}
