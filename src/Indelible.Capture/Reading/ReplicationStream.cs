using Indelible.Capture.PgOutput;
using Indelible.Format;
using Npgsql;
using Npgsql.Replication;
using Npgsql.Replication.Internal;
using NpgsqlTypes;

namespace Indelible.Capture.Reading;

/// <summary>A slot's stream over Npgsql's replication connection.</summary>
internal sealed class ReplicationStream : IReplicationStream
{
    /// <summary>Server versions from which the option exists.</summary>
    private const int OriginOptionSince = 160_000;
    /// <summary>Longest feedback interval.</summary>
    private static readonly TimeSpan StatusIntervalMax = TimeSpan.FromSeconds(10);
    /// <summary>A buffer that grew beyond this is not kept.</summary>
    private const int KeptBufferMax = 4 * 1024 * 1024;
    /// <summary>Longest message that a server can build: its buffers hold 1 GiB less a byte (MaxAllocSize, utils/memutils.h).</summary>
    internal const int MessageMax = (1 << 30) - 1;
    /// <summary>Kind, flags, position, and enough of the prefix to tell a foreign message.</summary>
    private const int BeginningLength = 1 + 1 + 8 + 9;
    private static readonly byte[] OurPrefix = "indelible"u8.ToArray();

    private readonly LogicalReplicationConnection _connection;
    private IAsyncEnumerator<XLogDataMessage>? _messages;
    private byte[] _buffer = new byte[64 * 1024];

    private ReplicationStream(LogicalReplicationConnection connection) => _connection = connection;

    /// <summary>Bytes that it holds memory for.</summary>
    internal int Held => _buffer.Length;

    /// <inheritdoc/>
    public Lsn Received => new((ulong)_connection.LastReceivedLsn);

    /// <summary>Connects; nothing is read yet.</summary>
    public static async Task<ReplicationStream> OpenAsync(SourceConnection source, CancellationToken cancellationToken)
    {
        LogicalReplicationConnection connection = new(source.ReplicationText());
        try
        {
            await connection.Open(cancellationToken);
            return new ReplicationStream(connection);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    public Task<ReplicationSystemIdentification> IdentifyAsync(CancellationToken cancellationToken) =>
        _connection.IdentifySystem(cancellationToken);

    /// <inheritdoc/>
    public void Start(
        Protection protection, Lsn after, int versionNumber, TimeSpan senderTimeout, TimeSpan silenceMax,
        CancellationToken cancellationToken)
    {
        _connection.WalReceiverTimeout = silenceMax;
        TimeSpan third = senderTimeout / 3;
        _connection.WalReceiverStatusInterval = third > TimeSpan.Zero && third < StatusIntervalMax ? third : StatusIntervalMax;
        List<KeyValuePair<string, string?>> options =
        [
            new("proto_version", "2"),
            new("publication_names", $"\"{protection.Publication}\""),
            new("messages", "true"),
        ];
        if (versionNumber >= OriginOptionSince) options.Add(new("origin", "any"));
        Slot slot = new(protection.Slot);
        _messages = _connection.StartLogicalReplication(slot, cancellationToken, new NpgsqlLogSequenceNumber(after.Bytes), options)
            .GetAsyncEnumerator(cancellationToken);
    }

    /// <inheritdoc/>
    public ValueTask<bool> MoveNextAsync()
    {
        ValueTask<bool> next = _messages!.MoveNextAsync();
        return next.IsCompletedSuccessfully ? next : AwaitAsync(next);
    }

    private static async ValueTask<bool> AwaitAsync(ValueTask<bool> next)
    {
        try
        {
            return await next;
        }
        catch (NullReferenceException e)
        {
            // Npgsql 10 closes its connector when feedback fails to be sent, and the reader then finds nothing to read from.
            throw new IOException("the replication connection broke", e);
        }
    }

    /// <inheritdoc/>
    public ValueTask<ReadOnlyMemory<byte>> ReadAsync(CancellationToken cancellationToken)
    {
        Stream data = _messages!.Current.Data;
        long announced = data.Length;
        if (announced is <= 0 or > MessageMax)
        {
            throw new PgOutputException(
                announced == 0 ? "an empty message" : $"a message of {announced} bytes, where no server sends more than {MessageMax}", 0);
        }
        int length = (int)announced;
        if (length > KeptBufferMax) return ReadLargeAsync(data, length, cancellationToken);
        if (_buffer.Length < length) _buffer = new byte[(int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)length)];
        else if (_buffer.Length > KeptBufferMax) _buffer = new byte[KeptBufferMax];
        return FillAsync(data, 0, length, cancellationToken);
    }

    private async ValueTask<ReadOnlyMemory<byte>> ReadLargeAsync(Stream data, int length, CancellationToken cancellationToken)
    {
        ReadOnlyMemory<byte> beginning = await FillAsync(data, 0, BeginningLength, cancellationToken);
        // What is left unread is skipped when the next message is asked for.
        if (PgOutputParser.IsForeignMessage(beginning.Span, OurPrefix)) return default;
        return await FillAsync(data, BeginningLength, length, cancellationToken);
    }

    private async ValueTask<ReadOnlyMemory<byte>> FillAsync(Stream data, int from, int length, CancellationToken cancellationToken)
    {
        int read = from;
        while (read < length)
        {
            // A large one takes memory as it comes, not as it is announced: at most four times what has come.
            if (read == _buffer.Length) Array.Resize(ref _buffer, (int)Math.Min(length, Math.Max(KeptBufferMax, 4L * read)));
            int count = await data.ReadAsync(_buffer.AsMemory(read, Math.Min(length, _buffer.Length) - read), cancellationToken);
            if (count == 0) throw new PgOutputException($"message ends after {read} of {length} bytes", read);
            read += count;
        }
        return _buffer.AsMemory(0, length);
    }

    /// <inheritdoc/>
    public void SetFlushed(Lsn position)
    {
        NpgsqlLogSequenceNumber flushed = new(position.Bytes);
        if (flushed > _connection.LastFlushedLsn) _connection.SetReplicationStatus(flushed);
    }

    /// <inheritdoc/>
    public async Task SendStatusAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _connection.SendStatusUpdate(cancellationToken);
        }
        catch (Exception e) when (e is InvalidOperationException or NullReferenceException)
        {
            // The stream ended meanwhile (Npgsql drops its timers then): the reader of the stream learns why, and the position
            // is durable in the ledger, so nothing is lost by the server not knowing it yet.
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_messages is not null) await _messages.DisposeAsync();
        await _connection.DisposeAsync();
    }

    /// <summary>Names the slot to Npgsql.</summary>
    private sealed class Slot(string name) : LogicalReplicationSlot("pgoutput", new ReplicationSlotOptions(name));
}
