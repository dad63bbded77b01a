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

/// <summary>Holds live rows of a table against what the ledger holds of them.</summary>
internal sealed class ImageMerge(RowImages images, ulong table, RowDigest digest, IReadOnlyList<LiveRange> ranges)
{
    /// <summary>Compares the rows of a stretch of hashes. Everything up to where the ranges were read must be in the images.</summary>
    /// <param name="first">The lowest hash.</param>
    /// <param name="last">The highest hash.</param>
    /// <param name="rows">The live rows.</param>
    /// <param name="unseenMax">Rows of the ledger that no range showed, at most; if there are more the outcome is one more, and
    /// not whole.</param>
    public MergeOutcome Merge(UInt128 first, UInt128 last, MarkTable rows, int unseenMax = int.MaxValue)
    {
        MergeOutcome outcome = new();
        images.Walk(table, first, last, (row, image) =>
        {
            Compare(row, image, rows, outcome);
            return outcome.Unseen.Count <= unseenMax;
        });
        foreach (LiveMark mark in rows.Rest()) outcome.Suspects.Add((mark.Range, mark.Row));
        return outcome;
    }

    /// <summary>A row agrees if its digest is that of the image, and what the image says was committed before the row was read.
    /// Where it was committed after, what the ledger held when the row was read must be worked out.</summary>
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
