using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;

namespace Indelible.Server.Alerts;

/// <summary>POSTs alerts. Certificates are verified as the system does; redirections are not followed.
/// Taken is what is answered with 2xx.</summary>
internal sealed class WebhookSender(string name, AlertTargetConfig config)
{
    /// <summary>Header with <c>sha256=</c> and the HMAC-SHA256 of the body in hex, under the secret.</summary>
    public const string SignatureHeader = "Indelible-Signature";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly HttpClient Client = new(new SocketsHttpHandler
    {
        // names may come to mean other hosts
        AllowAutoRedirect = false, UseCookies = false, ConnectTimeout = Patience, PooledConnectionLifetime = TimeSpan.FromMinutes(5),
    }) { Timeout = Patience };

    /// <summary>Returns when the receiver has answered 2xx.</summary>
    /// <exception cref="IndelibleException">It answered otherwise, or its address or secret is missing.</exception>
    public async Task SendAsync(Alert alert, CancellationToken cancellationToken)
    {
        byte[] body = Encoding.UTF8.GetBytes(alert.ToString());
        using HttpRequestMessage request = new(HttpMethod.Post, Address()) { Content = new ByteArrayContent(body) };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
        request.Headers.UserAgent.ParseAdd("indelible");
        if (Secret() is { } secret)
            request.Headers.Add(SignatureHeader, $"sha256={Convert.ToHexStringLower(HMACSHA256.HashData(secret, body))}");
        using HttpResponseMessage answer = await Client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.IsSuccessStatusCode) return;
        bool isRedirection = answer.StatusCode is >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest;
        string hint = isRedirection ? ": redirections are not followed, give the address itself" : "";
        throw new IndelibleException(ExitCode.Environment,
            $"{request.RequestUri!.Host}: expected an answer of 2xx, found {(int)answer.StatusCode} {answer.ReasonPhrase}{hint}");
    }

    /// <summary>True for https, and for http that stays on this machine.</summary>
    public static bool IsSafe(string address) => Uri.TryCreate(address, UriKind.Absolute, out Uri? uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && uri.IsLoopback));

    /// <summary>The address may be a secret: it is in no message.</summary>
    private Uri Address()
    {
        string? address = config.UrlEnvironment is { } variable ? Environment.GetEnvironmentVariable(variable) : config.Url;
        return address is not null && IsSafe(address) ? new Uri(address) : throw new IndelibleException(ExitCode.Usage,
            $"alerts.targets.{name}: expected an https address in {config.UrlEnvironment ?? "url"}, "
                + $"found {(string.IsNullOrEmpty(address) ? "nothing" : "something else")}");
    }

    private byte[]? Secret()
    {
        if (config.SecretFile is { } file) return Encoding.UTF8.GetBytes(SourceConnections.ReadPassword(file));
        if (config.SecretEnvironment is not { } variable) return null;
        return Environment.GetEnvironmentVariable(variable) is { Length: > 0 } secret ? Encoding.UTF8.GetBytes(secret)
            : throw new IndelibleException(
                ExitCode.Usage, $"alerts.targets.{name}: expected a secret in the environment variable {variable}, found none");
    }
}
