using Indelible.Capture;
using Indelible.Format;
using Indelible.Index;

namespace Indelible.Server.Comparing;

/// <summary>Rows of a stretch of hashes that did not agree at first sight, and how many did.</summary>
internal sealed class MergeOutcome
{
    /// <summary>Rows that agree.</summary>
    public long Agreed { get; set; }
    /// <summary>Live rows to be looked at one by one, each with its range.</summary>
    public List<(int Range, UInt128 Row)> Suspects { get; } = [];
    /// <summary>Rows of the ledger that no range showed.</summary>
    public List<UInt128> Unseen { get; } = [];
}

/// <summary>Holds the live rows of a stretch of hashes against what the ledger holds there.</summary>
internal sealed class PartitionMerge(Partitions live, RowImages images, ulong table, RowDigest digest, IReadOnlyList<LiveRange> ranges)
{
    /// <summary>Live rows in memory at once, for each that merges: 56 MiB.</summary>
    public const int RowsMax = 1 << 19;

    /// <summary>A stretch of hashes: a part of the live rows, or a piece of one that is too large.</summary>
    /// <param name="Part">The part.</param>
    /// <param name="Piece">The piece of it, counted from 0.</param>
    /// <param name="PieceBits">Bits behind the part's that say the piece.</param>
    /// <param name="RowsMost">Most live rows in it.</param>
    public readonly record struct Stretch(int Part, int Piece, int PieceBits, int RowsMost);

    /// <summary>All stretches, in the order of their hashes.</summary>
    public static IEnumerable<Stretch> Stretches(Partitions live)
    {
        for (int part = 0; part < Partitions.Count; part++)
        {
            int bits = 0;
            while (live.RowsOf(part) >> bits > RowsMax) bits++;
            for (int piece = 0; piece < 1 << bits; piece++)
                yield return new Stretch(part, piece, bits, (int)Math.Min(live.RowsOf(part), 2L * RowsMax));
        }
    }

    /// <summary>Compares one stretch. Everything up to where the ranges were read must be in the images.</summary>
    public MergeOutcome Merge(Stretch stretch, MarkTable rows)
    {
        int bits = Partitions.Bits + stretch.PieceBits;
        UInt128 prefix = ((uint)stretch.Part << stretch.PieceBits) | (uint)stretch.Piece;
        UInt128 first = prefix << (128 - bits), last = first | (UInt128.MaxValue >> bits);
        Load(stretch, bits, (ulong)prefix, rows);
        MergeOutcome outcome = new();
        images.Walk(table, first, last, (row, image) => Compare(row, image, rows, outcome));
        foreach (LiveMark mark in rows.Rest()) outcome.Suspects.Add((mark.Range, mark.Row));
        return outcome;
    }

    private void Load(Stretch stretch, int bits, ulong prefix, MarkTable rows)
    {
        rows.Begin(stretch.RowsMost, bits);
        live.Read(stretch.Part, block =>
        {
            foreach (ref readonly LiveMark mark in block)
            {
                if (mark.High >> (64 - bits) == prefix) rows.Add(mark);
            }
        });
    }

    /// <summary>A row agrees if its digest is that of the image, and what the image says was committed before the row was read.
    /// Where it was committed after, what
    /// the ledger held when the row was read must be worked out.</summary>
    private void Compare(UInt128 row, EncodedImage image, MarkTable rows, MergeOutcome outcome)
    {
        if (!rows.TryTake(row, out LiveMark mark))
        {
            outcome.Unseen.Add(row);
            return;
        }
        bool agrees = mark.Range < ranges.Count && image.At <= ranges[mark.Range].ReadBefore
            && digest.TryOf(image, out ulong held) && held == mark.Digest;
        if (agrees) outcome.Agreed++;
        else outcome.Suspects.Add((mark.Range, row));
    }
}
