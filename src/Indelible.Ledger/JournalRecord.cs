using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>One record of the journal. A closed set: <see cref="State"/> begins a segment, <see cref="Group"/> seals.</summary>
internal abstract record JournalRecord
{
    private JournalRecord() { }

    /// <summary>MAC of the record before this one; zeros for the first.</summary>
    public required Hash PreviousMac { get; init; }

    /// <summary>The sealed tree after this record.</summary>
    public required GuardedHead Head { get; init; }

    /// <summary>State: of all sources; group: of those it moves.</summary>
    public required IReadOnlyList<SourceMark> Marks { get; init; }

    /// <summary>All that earlier segments would have said.</summary>
    public sealed record State : JournalRecord
    {
        /// <summary>Number of the segment; from 1, without holes.</summary>
        public required long Segment { get; init; }
        /// <summary>Origin of the ledger.</summary>
        public required string Origin { get; init; }
        /// <summary>Right edge of the tree, as <see cref="TreeRange.Frontier"/> gives it.</summary>
        public required IReadOnlyList<Hash> Frontier { get; init; }
    }

    /// <summary>Entries sealed together.</summary>
    public sealed record Group : JournalRecord
    {
        /// <summary>Index of the first entry; where it would go if there is none.</summary>
        public required long FirstIndex { get; init; }
        /// <summary>SHA-256 and length of the blobs made durable before this record.</summary>
        public required IReadOnlyList<(Hash Sha256, long Length)> Blobs { get; init; }
        /// <summary>The entries.</summary>
        public required EntryBatch Entries { get; init; }
    }
}
