using System.Net;
using Indelible.Format;
using Indelible.Format.Verification;

namespace Indelible.Ledger;

/// <summary>Gives a verifier the files of a ledger: from a directory, or from a web server as c2sp.org/tlog-tiles has it. Nothing that is there or
/// is sent can make it take more than its bounds of memory and time. One caller at a time.</summary>
public sealed class LedgerFetch : IDisposable
{
    /// <summary>Longest file a verifier needs whole, in bytes: a bundle of 256 entries of the greatest length. Of what is
    /// longer at least one byte more is read, so that it is found to be.</summary>
    public const int FileLengthMax = Bundle.LengthMax;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly HttpClient? _client;
    private readonly MemoryStream _whole = new();
    private readonly byte[] _chunk = new byte[1 << 16];

    private LedgerFetch(OpenFile openFile, HttpClient? client)
    {
        OpenFile = openFile;
        Fetch = ReadWhole;
        _client = client;
    }

    /// <summary>Whole files: tiles, bundles, checkpoints. The bytes are gone with the next call.</summary>
    public Fetch Fetch { get; }

    /// <summary>Blobs, as streams.</summary>
    public OpenFile OpenFile { get; }

    /// <summary>A ledger directory.</summary>
    public static LedgerFetch FromDirectory(string directory)
    {
        string root = Path.GetFullPath(directory);
        if (!Directory.Exists(root)) throw new IndelibleException(ExitCode.Usage, $"expected a ledger directory, found none: {root}");
        return new LedgerFetch(path => OpenBelow(root, path), null);
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
        return new LedgerFetch(path => Request(client, new Uri(root, path), patience, cancellationToken), client);
    }

    /// <inheritdoc/>
    public void Dispose() => _client?.Dispose();

    private static Stream? OpenBelow(string root, string path)
    {
        string file = Path.Combine(root, path);
        // A directory in a file's place is no file.
        return Directory.Exists(file) ? null : DurableFile.TryOpenRead(file);
    }

    private ReadOnlyMemory<byte>? ReadWhole(string path)
    {
        using Stream? content = OpenFile(path);
        if (content is null) return null;
        _whole.SetLength(0);
        for (int read; _whole.Length <= FileLengthMax && (read = content.Read(_chunk, 0, _chunk.Length)) > 0;) _whole.Write(_chunk, 0, read);
        return _whole.GetBuffer().AsMemory(0, (int)_whole.Length);
    }

    /// <summary>The body of an answer; null if the server says that there is no such file.</summary>
    private static SteadyStream? Request(HttpClient client, Uri address, TimeSpan patience, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            HttpResponseMessage answer = client.Send(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (answer.StatusCode == HttpStatusCode.OK) return new SteadyStream(answer.Content.ReadAsStream(cancellationToken), address, patience, cancellationToken);
            using (answer)
            {
                return answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone
                    ? null
                    : throw new IndelibleException(ExitCode.Environment, $"{address}: expected status 200, found {(int)answer.StatusCode} {answer.ReasonPhrase}");
            }
        }
        catch (TaskCanceledException late) when (!cancellationToken.IsCancellationRequested)
        {
            throw new IndelibleException(ExitCode.Environment, $"{address}: expected an answer within {patience.TotalSeconds} s, found none: is this the right address?", late);
        }
        catch (HttpRequestException failure)
        {
            throw new IndelibleException(ExitCode.Environment, $"cannot read {address}: {failure.Message}", failure);
        }
    }
}
