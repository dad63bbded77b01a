namespace Indelible.Ledger;

/// <summary>Limits of the writer. The defaults are right for nearly everyone.</summary>
public sealed record LedgerOptions
{
    /// <summary>Longest a sealed entry waits to be published.</summary>
    public TimeSpan PublishInterval { get; init; } = TimeSpan.FromMilliseconds(250);

    /// <summary>Framed bytes after which a group of batches is closed: one write, one flush.</summary>
    public int GroupLengthMax { get; init; } = 8 << 20;

    /// <summary>Batches that may wait to be sealed.</summary>
    public int QueueMax { get; init; } = 256;

    /// <summary>Bytes after which the journal goes on in a new segment.</summary>
    public long SegmentLengthMax { get; init; } = 64 << 20;

    /// <summary>Framed bytes sealed and not published at which sealing publishes first: bounds memory.</summary>
    public long UnpublishedLengthMax { get; init; } = 4 << 20;

    /// <summary>Opens although the guard file is missing, as after a restore of the keyring; otherwise that is a finding.</summary>
    public bool AcceptMissingGuard { get; init; }
}
