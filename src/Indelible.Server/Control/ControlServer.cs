using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using Indelible.Format;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Control;

/// <summary>Executes forwarded commands in the process that holds the ledger.</summary>
/// <param name="request">What to execute.</param>
/// <param name="output">Goes to the caller's standard output.</param>
/// <param name="error">Goes to the caller's standard error.</param>
/// <returns>The exit code.</returns>
public delegate Task<int> ControlHandler(ControlRequest request, TextWriter output, TextWriter error, CancellationToken cancellationToken);

/// <summary>Listens on the control socket. Commands run side by side; a caller that hangs up cancels its command.</summary>
internal sealed class ControlServer(string path, ControlHandler handler, ILogger logger)
{
    private const int CallersMax = 16;

    /// <summary>Serves until cancelled, then removes the socket.
    /// The caller holds the ledger's lock, so a socket found here is a dead one's.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        using Socket listener = Listen();
        List<Task> running = [];
        try
        {
            while (true)
            {
                running.RemoveAll(task => task.IsCompleted);
                if (running.Count == CallersMax) await Task.WhenAny(running);
                else running.Add(ServeAsync(await listener.AcceptAsync(cancellationToken), cancellationToken));
            }
        }
        catch (OperationCanceledException)
        {
            await Task.WhenAll(running);
        }
        finally
        {
            new FileInfo(path).Delete();
        }
    }

    private Socket Listen()
    {
        new FileInfo(path).Delete();
        Socket listener = ControlSocket.New();
        listener.Bind(new UnixDomainSocketEndPoint(path));
        new FileInfo(path).UnixFileMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        listener.Listen(CallersMax);
        return listener;
    }

    private async Task ServeAsync(Socket caller, CancellationToken cancellationToken)
    {
        try
        {
            await using NetworkStream stream = new(caller, ownsSocket: true);
            await ExecuteAsync(stream, cancellationToken);
        }
        catch (Exception e) when (e is IOException or SocketException or OperationCanceledException or JsonException)
        {
            ServerLog.ControlCallEnded(logger, e.GetType().Name);
        }
        finally
        {
            caller.Dispose();
        }
    }

    private async Task ExecuteAsync(NetworkStream stream, CancellationToken cancellationToken)
    {
        byte[] line = await ControlLine.ReadAsync(stream, cancellationToken);
        ControlRequest request = JsonSerializer.Deserialize<ControlRequest>(line, ControlJson.Options)
            ?? throw new JsonException("expected a request, found null");
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task hangUp = CancelOnHangUpAsync(stream, stop);
        FrameWriter output = new(stream, isError: false);
        FrameWriter error = new(stream, isError: true);
        int exitCode = await AnswerAsync(request, output, error, stop.Token);
        await output.FlushAsync(CancellationToken.None);
        await error.FlushAsync(CancellationToken.None);
        FrameWriter.Send(stream, new ControlFrame { ExitCode = exitCode });
        await stop.CancelAsync();
        await hangUp;
    }

    /// <summary>A command that fails by a fault of ours fails alone: the process that seals goes on.</summary>
    [System.Diagnostics.CodeAnalysis.SuppressMessage("Design", "CA1031",
        Justification = "The fault is logged whole and told to the caller.")]
    private async Task<int> AnswerAsync(ControlRequest request, FrameWriter output, FrameWriter error, CancellationToken cancellationToken)
    {
        try
        {
            return await handler(request, output, error, cancellationToken);
        }
        catch (Exception e) when (e is not (IOException or SocketException or OperationCanceledException))
        {
            ServerLog.ControlCommandFailed(logger, e);
            error.WriteLine(
                $"indelible: this is a fault of indelible's own ({e.GetType().Name}); the log of `indelible run` holds the details");
            return (int)ExitCode.Environment;
        }
    }

    private static async Task CancelOnHangUpAsync(NetworkStream stream, CancellationTokenSource stop)
    {
        byte[] one = new byte[1];
        try
        {
            while (await stream.ReadAsync(one, stop.Token) > 0) { }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            return;
        }
        await stop.CancelAsync();
    }
}

/// <summary>A text writer whose lines become frames on the socket.</summary>
internal sealed class FrameWriter(NetworkStream stream, bool isError) : TextWriter
{
    private readonly StringBuilder _line = new();

    public override Encoding Encoding => Encoding.UTF8;

    public override void Write(char value)
    {
        _line.Append(value);
        if (value == '\n') Flush();
    }

    public override void Write(string? value)
    {
        if (value is null) return;
        _line.Append(value);
        if (value.Contains('\n', StringComparison.Ordinal)) Flush();
    }

    public override void Flush()
    {
        if (_line.Length == 0) return;
        string text = _line.ToString();
        _line.Clear();
        Send(stream, isError ? new ControlFrame { Error = text } : new ControlFrame { Output = text });
    }

    public override Task FlushAsync(CancellationToken cancellationToken)
    {
        Flush();
        return Task.CompletedTask;
    }

    /// <summary>Writes one frame whole; output and error share the stream.</summary>
    public static void Send(NetworkStream stream, ControlFrame frame)
    {
        byte[] line = [.. JsonSerializer.SerializeToUtf8Bytes(frame, ControlJson.Options), (byte)'\n'];
        lock (stream) stream.Write(line);
    }
}
