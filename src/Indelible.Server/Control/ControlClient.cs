using System.Net.Sockets;
using System.Text.Json;
using Indelible.Format;
using Indelible.Ledger;

namespace Indelible.Server.Control;

/// <summary>Forwards a command to the process that holds the ledger, if there is one.</summary>
public static class ControlClient
{
    /// <summary>Executes the request there and copies its output here. Null if no process listens.</summary>
    /// <exception cref="IndelibleException">The process ended before the command did.</exception>
    public static async Task<int?> TryRunAsync(
        string journalDirectory, ControlRequest request, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        string path = ControlSocket.PathFor(journalDirectory);
        if (!Path.Exists(path)) return null;
        using Socket socket = ControlSocket.New();
        if (!await TryConnectAsync(socket, path, cancellationToken)) return null;
        if (!ControlSocket.IsTrusted(socket, path, journalDirectory, DurableFile.User)) throw OfAnother(path);
        await using NetworkStream stream = new(socket, ownsSocket: false);
        await stream.WriteAsync(JsonSerializer.SerializeToUtf8Bytes(request, ControlJson.Options), cancellationToken);
        await stream.WriteAsync("\n"u8.ToArray(), cancellationToken);
        return await CopyAnswerAsync(stream, path, output, error, cancellationToken);
    }

    /// <summary>True if a process listens.</summary>
    public static async Task<bool> AnswersAsync(string journalDirectory, CancellationToken cancellationToken)
    {
        using Socket socket = ControlSocket.New();
        return await TryConnectAsync(socket, ControlSocket.PathFor(journalDirectory), cancellationToken);
    }

    private static async Task<bool> TryConnectAsync(Socket socket, string path, CancellationToken cancellationToken)
    {
        try
        {
            await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellationToken);
            return true;
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.ConnectionRefused or SocketError.AddressNotAvailable)
        {
            return false; // left behind by a process that died
        }
        catch (SocketException e) when (e.SocketErrorCode is SocketError.AccessDenied)
        {
            throw OfAnother(path);
        }
    }

    private static IndelibleException OfAnother(string path) => new(ExitCode.Environment,
        $"a running indelible holds this ledger and its control socket {path} belongs to another user\n"
            + "  run this command as that user");

    private static async Task<int?> CopyAnswerAsync(
        NetworkStream stream, string path, TextWriter output, TextWriter error, CancellationToken cancellationToken)
    {
        using StreamReader lines = new(stream);
        while (await lines.ReadLineAsync(cancellationToken) is { } line)
        {
            ControlFrame? frame = JsonSerializer.Deserialize<ControlFrame>(line, ControlJson.Options);
            if (frame?.Output is { } text) await output.WriteAsync(text);
            if (frame?.Error is { } message) await error.WriteAsync(message);
            if (frame?.ExitCode is { } code) return code;
        }
        throw new IndelibleException(
            ExitCode.Environment, $"the process behind {path} ended before the command did; see its log, then try again");
    }
}
