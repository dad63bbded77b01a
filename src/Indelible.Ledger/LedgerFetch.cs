using System.Net;
using Indelible.Format;
using Indelible.Format.Verification;

namespace Indelible.Ledger;

/// <summary>Gives a verifier the files of a ledger: from a directory, or from a web server as c2sp.org/tlog-tiles has it. Every file is bounded,
/// every request has a time limit. One caller at a time; what a fetch returned is the caller's until it disposes this.</summary>
public sealed class LedgerFetch : IDisposable
{
    /// <summary>Longest file read whole, in bytes: a bundle of 256 entries of the greatest length.</summary>
    public const int FileLengthMax = Bundle.LengthMax;

    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);
    private readonly HttpClient? _client;

    private LedgerFetch(Fetch fetch, OpenFile openFile, HttpClient? client) => (Fetch, OpenFile, _client) = (fetch, openFile, client);

    /// <summary>Whole files: tiles, bundles, checkpoints.</summary>
    public Fetch Fetch { get; }

    /// <summary>Blobs, as streams.</summary>
    public OpenFile OpenFile { get; }

    /// <summary>A ledger directory.</summary>
    public static LedgerFetch FromDirectory(string directory)
    {
        string root = Path.GetFullPath(directory);
        if (!Directory.Exists(root)) throw new IndelibleException(ExitCode.Usage, $"expected a ledger directory, found none: {root}");
        return new LedgerFetch(
            path => DurableFile.TryReadAll(Path.Combine(root, path), FileLengthMax) is { } content ? new ReadOnlyMemory<byte>(content) : default(ReadOnlyMemory<byte>?),
            path => DurableFile.TryOpenRead(Path.Combine(root, path)), null);
    }

    /// <summary>A ledger served over http or https; <paramref name="url"/> is what <c>checkpoint</c> and <c>tile/</c> follow.</summary>
    public static LedgerFetch FromUrl(Uri url)
    {
        if (!url.IsAbsoluteUri || url.Scheme is not ("http" or "https"))
            throw new IndelibleException(ExitCode.Usage, $"expected an http or https URL, found '{url}'");
        var root = new Uri(url.AbsoluteUri.TrimEnd('/') + "/");
        var client = new HttpClient(new SocketsHttpHandler
        {
            AutomaticDecompression = DecompressionMethods.GZip, MaxAutomaticRedirections = 5, ConnectTimeout = RequestTimeout,
        }, disposeHandler: true) { Timeout = RequestTimeout };
        return new LedgerFetch(path => Get(client, root, path), path => Open(client, root, path), client);
    }

    /// <summary>A URL if <paramref name="target"/> begins like one, otherwise a directory.</summary>
    public static LedgerFetch From(string target) =>
        Uri.TryCreate(target, UriKind.Absolute, out Uri? url) && url.Scheme is "http" or "https" ? FromUrl(url!) : FromDirectory(target);

    /// <inheritdoc/>
    public void Dispose() => _client?.Dispose();

    private static ReadOnlyMemory<byte>? Get(HttpClient client, Uri root, string path)
    {
        using Stream? content = Open(client, root, path);
        if (content is null) return null;
        using var bytes = new MemoryStream();
        Span<byte> chunk = stackalloc byte[8192];
        try
        {
            for (int read = content.Read(chunk); read > 0; read = content.Read(chunk))
            {
                if (bytes.Length + read > FileLengthMax) throw new IndelibleException(ExitCode.Finding, $"{new Uri(root, path)}: expected at most {FileLengthMax} bytes, found more");
                bytes.Write(chunk[..read]);
            }
        }
        catch (InvalidDataException damaged)
        {
            throw new IndelibleException(ExitCode.Finding, $"{new Uri(root, path)}: expected gzip as the answer says: {damaged.Message}", damaged);
        }
        return bytes.ToArray();
    }

    private static Stream? Open(HttpClient client, Uri root, string path)
    {
        var address = new Uri(root, path);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, address);
            HttpResponseMessage answer = client.Send(request, HttpCompletionOption.ResponseHeadersRead, CancellationToken.None);
            if (answer.StatusCode == HttpStatusCode.OK) return answer.Content.ReadAsStream();
            using (answer)
            {
                return answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Gone
                    ? null
                    : throw new IndelibleException(ExitCode.Environment, $"{address}: expected status 200, found {(int)answer.StatusCode} {answer.ReasonPhrase}");
            }
        }
        catch (Exception failure) when (failure is HttpRequestException or TaskCanceledException)
        {
            throw new IndelibleException(ExitCode.Environment, $"cannot read {address}: {failure.Message}", failure);
        }
    }
}
