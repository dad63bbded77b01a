using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Capture;

/// <summary>Reads one source's committed changes from its replication slot, in commit order, exactly once after a resume point.</summary>
/// <remarks>One reader. <see cref="ConfirmAsync"/> may be called while <see cref="ReadAsync"/> is being enumerated. Does not reconnect: dispose and open again.</remarks>
public sealed class SourceCapture : IAsyncDisposable
{
    private SourceCapture(SourceIdentity identity, IReadOnlyList<CaptureGap> gaps, bool canRead)
    {
        Identity = identity;
        Gaps = gaps;
        CanRead = canRead;
    }

    /// <summary>The cluster found.</summary>
    public SourceIdentity Identity { get; }

    /// <summary>What was missed since the resume point; to be sealed before anything that is read. Empty if nothing was.</summary>
    public IReadOnlyList<CaptureGap> Gaps { get; }

    /// <summary>False if a gap is such that there is nothing to read from (slot missing or lost, log behind the ledger).</summary>
    public bool CanRead { get; }

    /// <summary>Connects, checks the slot and compares it with the resume point. Reads nothing yet.</summary>
    /// <param name="connection">The source.</param>
    /// <param name="protection">What is protected.</param>
    /// <param name="attributionSecret">Secret of the attribution messages' HMAC, 32 bytes; empty: no message is believed.</param>
    /// <param name="resume">Where to go on; null to begin at the slot's own position.</param>
    /// <param name="sessions">Sessions for the login role; fed by a poll of pg_stat_activity.</param>
    /// <param name="time">Clock for intervals.</param>
    /// <param name="logger">Positions, counts and durations; never a value.</param>
    /// <param name="cancellationToken">Stops opening.</param>
    public static Task<SourceCapture> OpenAsync(
        SourceConnection connection,
        Protection protection,
        ReadOnlyMemory<byte> attributionSecret,
        ResumePoint? resume,
        SessionTable sessions,
        TimeProvider time,
        ILogger logger,
        CancellationToken cancellationToken) => throw new NotSupportedException("capture is being built");

    /// <summary>Batches until cancelled or the connection fails. Empty batches only move <see cref="CapturedBatch.Confirmable"/>.</summary>
    public IAsyncEnumerable<CapturedBatch> ReadAsync(CancellationToken cancellationToken) => throw new NotSupportedException("capture is being built");

    /// <summary>Tells PostgreSQL that everything up to here is durable here, at once. Never moves back.</summary>
    public Task ConfirmAsync(Lsn upTo, CancellationToken cancellationToken) => throw new NotSupportedException("capture is being built");

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;
}
