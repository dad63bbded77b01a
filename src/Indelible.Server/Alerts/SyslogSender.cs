using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>Sends alerts to syslog (RFC 5424). Only a Unix socket says that a message was taken;
/// over UDP one may be lost, over TCP (octet counting, RFC 6587 §3.4.1) as well when the receiver dies.</summary>
internal sealed class SyslogSender(string address)
{
    /// <summary>The socket of this machine's syslog.</summary>
    public const string DefaultAddress = "/dev/log";

    /// <summary>Facility authpriv, with severity alert, or notice for what is over or a test. RFC 5424 §6.2.1.</summary>
    private const int Facility = 10, SeverityAlert = 1, SeverityNotice = 5;
    private const int HostLengthMax = 255;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    /// <summary>Returns when the message has left.</summary>
    /// <exception cref="IndelibleException">It cannot be sent; names the address.</exception>
    public async Task SendAsync(Alert alert, CancellationToken cancellationToken)
    {
        byte[] message = Message(alert);
        using CancellationTokenSource limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(Patience);
        try
        {
            if (address.StartsWith('/'))
                await SendAsync(new UnixDomainSocketEndPoint(address), SocketType.Dgram, ProtocolType.Unspecified, message, limit.Token);
            else if (Network(address) is var (host, port, isTcp)) await SendAsync(new DnsEndPoint(host, port), isTcp, message, limit.Token);
        }
        catch (SocketException e)
        {
            throw new IndelibleException(ExitCode.Environment, $"syslog at {address}: {e.Message}", e);
        }
    }

    /// <summary>True for an absolute path, <c>udp://host:port</c> and <c>tcp://host:port</c>.</summary>
    public static bool IsAddress(string address) => address.StartsWith('/') || Network(address) is not null;

    private static (string Host, int Port, bool IsTcp)? Network(string address) =>
        Uri.TryCreate(address, UriKind.Absolute, out Uri? uri) && uri.Scheme is "udp" or "tcp" && uri.Port > 0 && uri.Host.Length > 0
            ? (uri.IdnHost, uri.Port, uri.Scheme == "tcp")
            : null;

    private static async Task SendAsync(DnsEndPoint to, bool isTcp, byte[] message, CancellationToken cancellationToken)
    {
        if (isTcp) message = [.. Encoding.ASCII.GetBytes($"{message.Length.ToString(CultureInfo.InvariantCulture)} "), .. message];
        IPAddress host = (await Dns.GetHostAddressesAsync(to.Host, cancellationToken))[0];
        await SendAsync(new IPEndPoint(host, to.Port), isTcp ? SocketType.Stream : SocketType.Dgram,
            isTcp ? ProtocolType.Tcp : ProtocolType.Udp, message, cancellationToken);
    }

    private static async Task SendAsync(
        EndPoint to, SocketType type, ProtocolType protocol, byte[] message, CancellationToken cancellationToken)
    {
        using Socket socket = new(to.AddressFamily, type, protocol);
        await socket.ConnectAsync(to, cancellationToken);
        for (int sent = 0; sent < message.Length;)
            sent += await socket.SendAsync(message.AsMemory(sent), SocketFlags.None, cancellationToken);
        if (type == SocketType.Stream) socket.Shutdown(SocketShutdown.Send);
    }

    /// <summary><c>&lt;PRI&gt;1 TIME HOST indelible PID KIND - JSON</c>. RFC 5424 §6.</summary>
    private static byte[] Message(Alert alert)
    {
        int priority = (Facility * 8) + (alert.IsOver || alert.Kind == "test" ? SeverityNotice : SeverityAlert);
        string host = string.Concat(Environment.MachineName.Where(c => c is > ' ' and <= '~').Take(HostLengthMax));
        return Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture,
            $"<{priority}>1 {alert.At} {(host.Length > 0 ? host : "-")} indelible {Environment.ProcessId} {alert.Kind} - {alert}"));
    }
}
