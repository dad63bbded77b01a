using Indelible.Format;

namespace Indelible.Capture;

/// <summary>A stretch of a table's keys, read in one snapshot.</summary>
public sealed record LiveRange
{
    /// <summary>End of the log before the snapshot was taken.</summary>
    public required Lsn ReadBefore { get; init; }
    /// <summary>End of the log after it was taken: once capture has passed this, every transaction the snapshot
    /// sees has been captured.</summary>
    public required Lsn ReadAfter { get; init; }
    /// <summary>The key the stretch begins after; null: the first.</summary>
    public required IReadOnlyList<string>? After { get; init; }
    /// <summary>The last key of it; null if it has no end.</summary>
    public required IReadOnlyList<string>? Through { get; init; }
    /// <summary>Rows in it.</summary>
    public required long Rows { get; init; }
}

/// <summary>Some whole rows as COPY prints them; <see cref="CopyRows"/> takes them apart.</summary>
/// <param name="Bytes">The text; of the array only this much is used.</param>
/// <param name="Range">Which range of the reading they are of, counted from 0.</param>
public sealed record LiveBlock(Memory<byte> Bytes, int Range);
