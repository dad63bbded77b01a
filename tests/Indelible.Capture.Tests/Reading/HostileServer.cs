using System.Buffers.Binary;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Indelible.Capture.Tests.Reading;

/// <summary>Speaks as much of PostgreSQL's protocol as it takes to be asked for a replication stream, and then says whatever a test
/// wants. One connection.</summary>
internal sealed class HostileServer : IAsyncDisposable
{
    private const int EncryptionRequest = 1234 << 16;
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly Func<NetworkStream, Task> _answer;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    /// <param name="answer">Answers START_REPLICATION; what it leaves open stays open.</param>
    public HostileServer(Func<NetworkStream, Task> answer)
    {
        _answer = answer;
        _listener.Start();
        _serving = ServeAsync(_stop.Token);
    }

    public SourceConnection Connection => SourceConnection.Parse(
        $"Host=127.0.0.1;Port={((IPEndPoint)_listener.LocalEndpoint).Port};Database=x;Username=x;Password=x;SSL Mode=Disable;"
            + "Server Compatibility Mode=NoTypeLoading");

    /// <summary>A message: its kind, and the length it announces, itself included, whatever follows.</summary>
    public static byte[] Message(char kind, int length, params ReadOnlySpan<byte> begin)
    {
        byte[] bytes = new byte[1 + sizeof(int) + begin.Length];
        bytes[0] = (byte)kind;
        BinaryPrimitives.WriteInt32BigEndian(bytes.AsSpan(1), length);
        begin.CopyTo(bytes.AsSpan(1 + sizeof(int)));
        return bytes;
    }

    /// <summary>A message as it should be.</summary>
    public static byte[] Whole(char kind, params ReadOnlySpan<byte> body) => Message(kind, sizeof(int) + body.Length, body);

    /// <summary>A message of the stream that announces so many bytes of pgoutput, up to these.</summary>
    public static byte[] Streamed(long length) =>
        Message('d', checked((int)(sizeof(int) + StreamHeader + length)), [(byte)'w', .. new byte[StreamHeader - 1]]);

    /// <summary>The answer to START_REPLICATION.</summary>
    public static byte[] Streaming => Whole('W', 0, 0, 0);

    /// <summary>Bytes of a message of the stream before what pgoutput wrote: its kind, two positions and a time.</summary>
    public const int StreamHeader = 25;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        await _serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task ServeAsync(CancellationToken cancellationToken)
    {
        using TcpClient client = await _listener.AcceptTcpClientAsync(cancellationToken);
        NetworkStream stream = client.GetStream();
        while (BinaryPrimitives.ReadInt32BigEndian(await BodyAsync(stream, cancellationToken)) > EncryptionRequest)
            await stream.WriteAsync("N"u8.ToArray(), cancellationToken);
        byte[] hello = [.. Whole('R', 0, 0, 0, 0), .. Parameter("server_version", "15.0"), .. Parameter("client_encoding", "UTF8"),
            .. Parameter("standard_conforming_strings", "on"), .. Parameter("TimeZone", "UTC"), .. Whole('K', 0, 0, 0, 1, 0, 0, 0, 1),
            .. Whole('Z', (byte)'I')];
        await stream.WriteAsync(hello, cancellationToken);
        byte[] kind = new byte[1];
        string asked;
        do
        {
            await stream.ReadExactlyAsync(kind, cancellationToken);
            asked = Encoding.UTF8.GetString(await BodyAsync(stream, cancellationToken));
        }
        while (!asked.StartsWith("START_REPLICATION", StringComparison.Ordinal));
        await _answer(stream);
        await Task.Delay(Timeout.Infinite, cancellationToken);
    }

    private static async Task<byte[]> BodyAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        byte[] length = new byte[sizeof(int)];
        await stream.ReadExactlyAsync(length, cancellationToken);
        byte[] body = new byte[BinaryPrimitives.ReadInt32BigEndian(length) - sizeof(int)];
        await stream.ReadExactlyAsync(body, cancellationToken);
        return body;
    }

    private static byte[] Parameter(string name, string value) => Whole('S', Encoding.UTF8.GetBytes($"{name}\0{value}\0"));
}
