namespace Indelible.Format.Entries;

/// <summary>Everything in an entry but the values. Which members a kind must and may carry: docs/format.md#header.</summary>
public sealed record EntryHeader
{
    /// <summary>Origin of the ledger this entry was made for: an entry cannot be moved to another ledger.</summary>
    public required string Origin { get; init; }

    /// <summary>What this entry says.</summary>
    public required EntryKind Kind { get; init; }

    /// <summary>16 random bytes; salt of the side keys. Never all zero.</summary>
    public required ReadOnlyMemory<byte> Nonce { get; init; }

    /// <summary>When the sealer made the entry, by its own clock.</summary>
    public required MicroTime SealedAt { get; init; }

    /// <summary>Short name of the source; required for change, baseline and coverage. For an event, of what delivered it.</summary>
    public string? Source { get; init; }

    /// <summary>Place in the source's log. The ordering key inside a source.</summary>
    public Position? Position { get; init; }

    /// <summary>Transaction id, 32 bits as PostgreSQL's stream gives it.</summary>
    public uint? TransactionId { get; init; }

    /// <summary>Commit time by the source's clock; for an event, when it happened.</summary>
    public MicroTime? CommittedAt { get; init; }

    /// <summary>The relation the row is in.</summary>
    public Relation? Relation { get; init; }

    /// <summary>What happened to the row.</summary>
    public Operation? Operation { get; init; }

    /// <summary>The row's key after the change (before it, for a delete).</summary>
    public RowKey? Key { get; init; }

    /// <summary>The row's key before an update that changed it.</summary>
    public RowKey? PreviousKey { get; init; }

    /// <summary>Key under which the before-values are sealed.</summary>
    public KeyId? SubjectBefore { get; init; }

    /// <summary>Key under which the after-values and free texts are sealed.</summary>
    public KeyId? SubjectAfter { get; init; }

    /// <summary>Who did it. Required for change, access and event; may be in a guard; never elsewhere.</summary>
    public Operator? Operator { get; init; }

    /// <summary>Rows known to the ledger that a truncation ended.</summary>
    public ulong? RowCount { get; init; }

    /// <summary>The stretch of the source's log a coverage entry vouches for.</summary>
    public Coverage? Coverage { get; init; }

    /// <summary>The snapshot a baseline row was read in.</summary>
    public Snapshot? Snapshot { get; init; }

    /// <summary>What a guard, access, admin or event entry is about: a lowercase word such as <c>gap</c>.
    /// See docs/format.md#codes.</summary>
    public string? Code { get; init; }

    /// <summary>Clear facts of a guard, access, admin or event entry, sorted by name (bytewise). Never a protected value.</summary>
    public IReadOnlyDictionary<string, string>? Facts { get; init; }

    /// <summary>Root of the state tree; required for a state entry.</summary>
    public StateRoot? State { get; init; }
}

/// <summary>Place of a change: unique inside a source and increasing. An LSN alone is not: all rows of a COPY share one.</summary>
/// <param name="CommitLsn">Start of the commit record.</param>
/// <param name="Ordinal">0-based index of the row message in its transaction, as delivered, protected or not.</param>
/// <param name="Part">0-based index of this part of the change.</param>
/// <param name="PartCount">Parts the change was split into; 1 for nearly all.</param>
public readonly record struct Position(Lsn CommitLsn, uint Ordinal, uint Part = 0, uint PartCount = 1) : IComparable<Position>
{
    /// <summary>Orders by commit, then ordinal, then part.</summary>
    public int CompareTo(Position other)
    {
        int order = CommitLsn.CompareTo(other.CommitLsn);
        if (order == 0) order = Ordinal.CompareTo(other.Ordinal);
        return order == 0 ? Part.CompareTo(other.Part) : order;
    }
}

/// <summary>A protected table. For a partition, the root; the leaf is named besides.</summary>
/// <param name="Id">Stable number given at protection; survives renames; unique inside a source; from 1.</param>
/// <param name="Schema">Schema of the table.</param>
/// <param name="Name">Name of the table.</param>
/// <param name="Leaf">Schema-qualified, quoted name of the partition that held the row; null if the table is not partitioned.</param>
public sealed record Relation(uint Id, string Schema, string Name, string? Leaf = null);

/// <summary>The stretch a coverage entry vouches for. <paramref name="From"/> exclusive, <paramref name="To"/> inclusive.</summary>
/// <param name="SystemId">The cluster's system identifier.</param>
/// <param name="Timeline">The cluster's timeline; from 1.</param>
/// <param name="Slot">Name of the replication slot.</param>
/// <param name="Protection">SHA-256 of the protected columns, 32 bytes. docs/format.md#protection.</param>
public sealed record Coverage(Lsn From, Lsn To, ulong SystemId, uint Timeline, string Slot, ReadOnlyMemory<byte> Protection);

/// <summary>What a baseline row was read in: <c>pg_current_snapshot()</c>, and a log position read after it.</summary>
public sealed record Snapshot(string Text, Lsn ReadAfter);

/// <summary>Root of the Merkle map from every row to its last entry, over the ledger's first <paramref name="Size"/> entries.</summary>
public readonly record struct StateRoot(long Size, Merkle.Hash Root);
