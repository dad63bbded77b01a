namespace Indelible.Server.Comparing;

/// <summary>Holds the live rows of a stretch of hashes against what the ledger holds there.</summary>
internal sealed class PartitionMerge(Partitions live, ImageMerge images)
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
        return images.Merge(first, last, rows);
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
}
