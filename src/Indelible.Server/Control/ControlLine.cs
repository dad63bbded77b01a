using System.Net.Sockets;
using System.Text.Json;

namespace Indelible.Server.Control;

/// <summary>Reads the one line of a request: nothing may follow it, so reading in blocks loses nothing.</summary>
internal static class ControlLine
{
    public static async Task<byte[]> ReadAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        byte[] buffer = new byte[64 * 1024];
        int length = 0;
        while (true)
        {
            int read = await stream.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0) throw new IOException("the caller hung up before its request was whole");
            length += read;
            if (buffer[length - 1] == (byte)'\n') return buffer.AsSpan(0, length - 1).ToArray();
            if (length == ControlRequest.LengthMax) throw new JsonException("the request is longer than allowed");
            if (length == buffer.Length) Array.Resize(ref buffer, Math.Min(buffer.Length * 2, ControlRequest.LengthMax));
        }
    }
}
