using System.Net;
using System.Security.Authentication;
using Indelible.Format;
using Indelible.Format.Notes;
using Indelible.Format.Verification;
using Indelible.Ledger.Stores;

namespace Indelible.Ledger;

/// <summary>Gives a verifier the files of a ledger: from a directory, or from a web server as c2sp.org/tlog-tiles has it.
/// Nothing that is there or is sent can make it take more than its bounds of memory and time. One caller at a time.</summary>
public sealed class LedgerFetch : IDisposable
{
    /// <summary>Longest file a verifier needs whole, in bytes: a bundle of 256 entries of the greatest length. Of what is
    /// longer at least one byte more is read, so that it is found to be.</summary>
    public const int FileLengthMax = Bundle.LengthMax;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly IDisposable? _client;

    private LedgerFetch(
        OpenFile openFile, Func<Fetch>? anotherFetch, Func<string, CancellationToken, Task<byte[]?>> readAsync, IDisposable? client)
    {
        OpenFile = openFile;
        AnotherFetch = anotherFetch;
        Fetch = anotherFetch?.Invoke() ?? new WholeFiles(openFile).Read;
        ReadAsync = readAsync;
        _client = client;
    }

    /// <summary>Directory that is read; null for a web server.</summary>
    public string? Root { get; private init; }

    /// <summary>Whole files: tiles, bundles, checkpoints. The bytes are gone with the next call.</summary>
    public Fetch Fetch { get; }

    /// <summary>Makes more such readers, each with bytes of its own, to be used beside each other;
    /// null where files are found one after the other.</summary>
    public Func<Fetch>? AnotherFetch { get; }

    /// <summary>Blobs, as streams. Many may be open at once.</summary>
    public OpenFile OpenFile { get; }

    /// <summary>Whole files, many at once; the bytes are the caller's.
    /// Of what is longer than <see cref="FileLengthMax"/> a part is given that is too long as well.</summary>
    public Func<string, CancellationToken, Task<byte[]?>> ReadAsync { get; }

    /// <summary>A ledger directory.</summary>
    public static LedgerFetch FromDirectory(string directory)
    {
        string root = Path.GetFullPath(directory);
        if (!Directory.Exists(root)) throw new IndelibleException(ExitCode.Usage, $"expected a ledger directory, found none: {root}");
        return new LedgerFetch(path => OpenBelow(root, path), () => new DirectoryFiles(root).Read,
            (path, _) => Task.FromResult(ReadBelow(root, path)), null) { Root = root };
    }

    /// <summary>A ledger served over http or https; <paramref name="url"/> is what <c>checkpoint</c> and <c>tile/</c> follow.</summary>
    /// <param name="url">Its address.</param>
    /// <param name="cancellationToken">Ends a request that is under way.</param>
    public static LedgerFetch FromUrl(Uri url, CancellationToken cancellationToken) => FromUrl(url, Patience, cancellationToken);

    /// <param name="url">Its address.</param>
    /// <param name="patience">Time for an answer to begin, and for each <see cref="SteadyStream.WindowLength"/> bytes of it.</param>
    /// <param name="cancellationToken">Ends a request that is under way.</param>
    internal static LedgerFetch FromUrl(Uri url, TimeSpan patience, CancellationToken cancellationToken)
    {
        if (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https"))
            throw new IndelibleException(ExitCode.Usage, $"expected an http or https URL, found '{url}'");
        var root = new Uri(url.AbsoluteUri.TrimEnd('/') + "/");
        var client = new HttpClient(new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.GZip, MaxAutomaticRedirections = 5, ConnectTimeout = patience,
        }, disposeHandler: true) { Timeout = patience };
        Stream? Open(string path) => Request(client, new Uri(root, path), patience, cancellationToken);
        return new LedgerFetch(
            Open, () => new WholeFiles(Open).Read,
            (path, stop) => RequestAsync(client, new Uri(root, path), patience, stop), client);
    }

    /// <summary>A ledger in S3-compatible storage.</summary>
    /// <param name="options">Which bucket.</param>
    /// <param name="key">The ledger's verifier key; null if it is not known: heads of anybody are then believed.</param>
    /// <param name="cancellationToken">Ends a request that is under way.</param>
    public static LedgerFetch FromBucket(BucketOptions options, VerifierKey? key, CancellationToken cancellationToken)
    {
        BucketReader reader = new(options, key);
        SemaphoreSlim turn = new(1);
        return new LedgerFetch(
            // A verifier asks for one file after the other and has nothing else to do.
            path => reader.FindAsync(path, cancellationToken).GetAwaiter().GetResult()?.Invoke().GetAwaiter().GetResult(),
            null,
            async (path, stop) =>
            {
                Func<Task<Stream?>>? open;
                await turn.WaitAsync(stop);
                try
                {
                    open = await reader.FindAsync(path, stop);
                }
                finally
                {
                    turn.Release();
                }
                await using Stream? content = open is null ? null : await open();
                return content is null ? null : await ReadAllAsync(content, null, static () => { }, stop);
            },
            reader) { Notices = () => reader.Strange };
    }

    /// <summary>What was met that is not the ledger's and was passed over; only storage with versions has such.</summary>
    public Func<IReadOnlyCollection<string>> Notices { get; private init; } = static () => [];

    /// <inheritdoc/>
    public void Dispose() => _client?.Dispose();

    private static Stream? OpenBelow(string root, string path)
    {
        string file = Path.Combine(root, path);
        // A directory in a file's place is no file.
        return Directory.Exists(file) ? null : DurableFile.TryOpenRead(file);
    }

    private static byte[]? ReadBelow(string root, string path)
    {
        using Stream? content = OpenBelow(root, path);
        if (content is null) return null;
        byte[] bytes = new byte[Math.Min(content.Length, FileLengthMax + 1)];
        int read = content.ReadAtLeast(bytes, bytes.Length, throwOnEndOfStream: false);
        return read == bytes.Length ? bytes : bytes[..read];
    }

    private static async Task<byte[]?> RequestAsync(HttpClient client, Uri address, TimeSpan patience, CancellationToken cancellationToken)
    {
        using CancellationTokenSource deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        deadline.CancelAfter(patience);
        try
        {
            using HttpResponseMessage answer = await client.GetAsync(address, HttpCompletionOption.ResponseHeadersRead, deadline.Token);
            if (IsMissing(answer, address)) return null;
            await using Stream body = await answer.Content.ReadAsStreamAsync(deadline.Token);
            return await ReadAllAsync(body, answer.Content.Headers.ContentLength, () => deadline.CancelAfter(patience), deadline.Token);
        }
        catch (OperationCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw Late(address, patience, late);
        }
        catch (Exception failure) when (failure is HttpRequestException or IOException)
        {
            throw Unreadable(address, failure);
        }
    }

    /// <summary>All of a stream, or a little more than <paramref name="lengthMax"/> of it.</summary>
    internal static async Task<byte[]> ReadAllAsync(Stream body, int lengthMax, CancellationToken cancellationToken)
    {
        using MemoryStream whole = new();
        byte[] chunk = new byte[1 << 16];
        for (int read; whole.Length <= lengthMax && (read = await body.ReadAsync(chunk, cancellationToken)) > 0;)
            whole.Write(chunk, 0, read);
        return whole.ToArray();
    }

    private static async Task<byte[]> ReadAllAsync(Stream body, long? length, Action goesOn, CancellationToken cancellationToken)
    {
        byte[] bytes = new byte[Math.Clamp(length ?? SteadyStream.WindowLength, 1, FileLengthMax) + 1];
        int read = 0, windowEnd = SteadyStream.WindowLength;
        try
        {
            for (int more; read <= FileLengthMax && (more = await body.ReadAsync(bytes.AsMemory(read), cancellationToken)) > 0;)
            {
                read += more;
                if (read >= windowEnd) goesOn();
                if (read >= windowEnd) windowEnd = read + SteadyStream.WindowLength;
                if (read == bytes.Length)
                    Array.Resize(ref bytes, Math.Min(2 * bytes.Length, FileLengthMax + 1 + SteadyStream.WindowLength));
            }
        }
        catch (InvalidDataException)
        {
            return bytes[..read];       // damaged gzip: what is missing is the reader's finding
        }
        return bytes[..read];
    }

    /// <summary>The body of an answer; null if the server says that there is no such file.</summary>
    private static SteadyStream? Request(HttpClient client, Uri address, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            HttpResponseMessage answer = client.Send(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (answer.StatusCode == HttpStatusCode.OK)
                return new SteadyStream(answer.Content.ReadAsStream(cancellationToken), address, patience, cancellationToken);
            using (answer) return IsMissing(answer, address) ? null : throw new System.Diagnostics.UnreachableException();
        }
        catch (TaskCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw Late(address, patience, late);
        }
        catch (HttpRequestException failure)
        {
            throw Unreadable(address, failure);
        }
    }

    /// <summary>True if the server says that there is no such file; throws for any other answer than the file.</summary>
    private static bool IsMissing(HttpResponseMessage answer, Uri address) => answer.StatusCode switch
    {
        HttpStatusCode.OK => false,
        HttpStatusCode.NotFound or HttpStatusCode.Gone => true,
        _ => throw new IndelibleException(
            ExitCode.Environment, $"{address}: expected status 200, found {(int)answer.StatusCode} {answer.ReasonPhrase}"),
    };

    private static IndelibleException Late(Uri address, TimeSpan patience, Exception late) => new(ExitCode.Environment,
        $"{address}: expected an answer within {patience.TotalSeconds} s, found none: is this the right address?", late);

    /// <summary>What is wrong with a certificate is said by the failure underneath.</summary>
    private static IndelibleException Unreadable(Uri address, Exception failure) => new(ExitCode.Environment,
        failure.InnerException is AuthenticationException certificate
            ? $"cannot read {address}: its certificate is not accepted: {certificate.Message} Is this the right host? "
                + "If it is, have its authority trusted by this system (SSL_CERT_FILE names other authorities)"
            : $"cannot read {address}: {failure.Message}", failure);

    /// <summary>Files read whole, one after the other; the bytes are gone with the next.</summary>
    private sealed class WholeFiles(OpenFile open)
    {
        private byte[] _buffer = new byte[1 << 17];

        public ReadOnlyMemory<byte>? Read(string path)
        {
            using Stream? content = open(path);
            if (content is null) return null;
            int length = 0;
            for (int read; length <= FileLengthMax && (read = content.Read(_buffer, length, _buffer.Length - length)) > 0;)
            {
                length += read;
                if (length == _buffer.Length) Array.Resize(ref _buffer, 2 * length);
            }
            return _buffer.AsMemory(0, length);
        }
    }

    /// <summary>The same below a directory.</summary>
    private sealed class DirectoryFiles(string root)
    {
        private byte[] _buffer = new byte[1 << 17];

        public ReadOnlyMemory<byte>? Read(string path)
        {
            int? length = DurableFile.TryReadInto(Path.Combine(root, path), ref _buffer, FileLengthMax + 1);
            return length is null ? default(ReadOnlyMemory<byte>?) : _buffer.AsMemory(0, length.Value);
        }
    }
}
