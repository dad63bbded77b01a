using Indelible.Format;

namespace Indelible.Capture.Reading;

/// <summary>The wire: the raw bytes of a slot's pgoutput stream, one message at a time.
/// One reader; feedback may come from elsewhere.</summary>
/// <remarks>Two forms: <see cref="ReplicationStream"/>, and the model of a slot that the simulation reads from.
/// docs/decisions/0022-a-wire-to-simulate.md.</remarks>
internal interface IReplicationStream : IAsyncDisposable
{
    /// <summary>Latest position the server has told of, by data or keepalive.
    /// Outside a transaction with no message at hand, nothing before it is still to come.</summary>
    Lsn Received { get; }

    /// <summary>Begins to stream after a position (none: where the slot stands). That it is durable here is not said with it.</summary>
    /// <param name="protection">Names slot and publication.</param>
    /// <param name="after">The position.</param>
    /// <param name="versionNumber">The server's, such as 170002.</param>
    /// <param name="senderTimeout">The server's wal_sender_timeout; zero if endless.</param>
    /// <param name="silenceMax">Longest time that the server may say nothing; then the stream fails with a timeout.</param>
    /// <param name="cancellationToken">Ends the stream.</param>
    void Start(
        Protection protection, Lsn after, int versionNumber, TimeSpan senderTimeout, TimeSpan silenceMax,
        CancellationToken cancellationToken);

    /// <summary>Waits for the next message; false at the end of the stream.</summary>
    ValueTask<bool> MoveNextAsync();

    /// <summary>The message at hand, whole. Valid until the next call.
    /// Empty for a large message of another application: it is not even buffered.</summary>
    ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken);

    /// <summary>Notes how far everything is durable here; sent with the next feedback.</summary>
    void SetFlushed(Lsn position);

    /// <summary>Sends feedback now. Does nothing when the stream has ended.</summary>
    Task SendStatusAsync(CancellationToken cancellationToken);
}
