using Indelible.Format;

namespace Indelible.Ledger;

/// <summary>The body of a web server's answer, for reading once: a server that trickles is given up.
/// Owned by its reader, who disposes it.</summary>
/// <param name="body">The body, its content encoding undone.</param>
/// <param name="address">For messages.</param>
/// <param name="window">Time that <see cref="WindowLength"/> bytes may take.</param>
/// <param name="cancellationToken">Ends a read that waits.</param>
internal sealed class SteadyStream(Stream body, Uri address, TimeSpan window, CancellationToken cancellationToken) : Stream
{
    /// <summary>Bytes that each window must bring, or the end.</summary>
    public const int WindowLength = 64 << 10;

    private readonly CancellationTokenSource _deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    private int _received = WindowLength;

    public override bool CanRead => true;
    public override bool CanSeek => false;
    public override bool CanWrite => false;
    public override long Length => throw new NotSupportedException();
    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Throws <see cref="IndelibleException"/> (environment) if the body breaks off or comes too slowly.</summary>
    public override int Read(Span<byte> buffer)
    {
        byte[] chunk = new byte[buffer.Length];
        int read = Read(chunk, 0, chunk.Length);
        chunk.AsSpan(0, read).CopyTo(buffer);
        return read;
    }

    /// <inheritdoc cref="Read(Span{byte})"/>
    public override int Read(byte[] buffer, int offset, int count)
    {
        if (_received >= WindowLength)
        {
            _deadline.CancelAfter(window);
            _received = 0;
        }
        try
        {
            // A verifier reads without await, and only a read with await can be given up.
            int read = body.ReadAsync(buffer, offset, count, _deadline.Token).GetAwaiter().GetResult();
            _received += read;
            return read;
        }
        catch (InvalidDataException)
        {
            return 0;       // damaged gzip: what is missing is the verifier's finding
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IndelibleException(ExitCode.Environment,
                $"{address}: expected at least {WindowLength} bytes every {window.TotalSeconds} s, found {_received}: "
                    + "the server is too slow. Fetch the ledger by other means and verify the copy", late);
        }
        catch (IOException broken)
        {
            throw new IndelibleException(ExitCode.Environment, $"cannot read {address} to its end: {broken.Message}", broken);
        }
    }

    public override void Flush() => throw new NotSupportedException();
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();
    public override void SetLength(long value) => throw new NotSupportedException();
    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (!disposing) return;
        _deadline.Dispose();
        body.Dispose();
    }
}
