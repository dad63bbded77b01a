using System.Net;
using System.Net.Sockets;

namespace Indelible.Testing;

/// <summary>A TCP wire to a server on loopback that can be cut.</summary>
public sealed class Wire : IAsyncDisposable
{
    private readonly TcpListener _listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Socket> _ends = [];
    private readonly int _to;
    private readonly Func<Tap>? _taps;
    private readonly Task _accepting;

    /// <summary>Lays the wire to a port.</summary>
    /// <param name="to">The port.</param>
    /// <param name="taps">Gives what listens on a new connection; null: nobody does.</param>
    public Wire(int to, Func<Tap>? taps = null)
    {
        (_to, _taps) = (to, taps);
        _listener.Start();
        _accepting = AcceptAsync();
    }

    /// <summary>Where to connect instead of the server's own port.</summary>
    public int Port => ((IPEndPoint)_listener.LocalEndpoint).Port;

    /// <summary>Breaks every connection that goes through it, without a goodbye; new ones are let through.</summary>
    public void Cut()
    {
        lock (_ends)
        {
            foreach (Socket end in _ends) end.Close(0);
            _ends.Clear();
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Dispose();
        Cut();
        await _accepting;
        _stop.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true) _ = CarryAsync(await _listener.AcceptSocketAsync(_stop.Token));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            return; // disposed of
        }
    }

    private async Task CarryAsync(Socket near)
    {
        Socket far = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        near.NoDelay = true;
        lock (_ends) _ends.AddRange([near, far]);
        try
        {
            await far.ConnectAsync(IPAddress.Loopback, _to);
            Tap? tap = _taps?.Invoke();
            await Task.WhenAny(CopyAsync(near, far, bytes => tap?.Invoke(isRequest: true, bytes) ?? true),
                CopyAsync(far, near, bytes => tap?.Invoke(isRequest: false, bytes) ?? true));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // no server there: both ends are closed below
        }
        near.Dispose();
        far.Dispose();
        lock (_ends) _ends.RemoveAll(end => end == near || end == far);
    }

    private static async Task CopyAsync(Socket from, Socket to, Func<ReadOnlyMemory<byte>, bool> passes)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            for (int count; (count = await from.ReceiveAsync(buffer)) > 0 && passes(buffer.AsMemory(0, count));)
                await to.SendAsync(buffer.AsMemory(0, count));
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            return; // cut
        }
    }
}

/// <summary>Hears what goes over a connection before it is passed on, and says whether it is: if not, the connection ends.</summary>
/// <param name="isRequest">True for what comes from who connected.</param>
/// <param name="bytes">As they came; not a whole message of anything.</param>
public delegate bool Tap(bool isRequest, ReadOnlyMemory<byte> bytes);
