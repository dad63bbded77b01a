using System.Globalization;
using System.Net;
using System.Xml.Linq;
using Indelible.Server.Demo;

namespace Indelible.Ledger.Tests.Stores;

/// <summary>Object storage that takes every lock and says that it has everything, and enforces only what it is told to.</summary>
internal sealed class LyingStorage : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly Dictionary<string, List<Held>> _objects = new(StringComparer.Ordinal);
    private readonly Task _serving;
    private int _versions;

    public LyingStorage()
    {
        Endpoint = new Uri($"http://127.0.0.1:{FreePort.Choose()}/");
        _listener.Prefixes.Add(Endpoint.AbsoluteUri);
        _listener.Start();
        _serving = ServeAsync();
    }

    public Uri Endpoint { get; }

    /// <summary>What it does keep to: <c>lock</c> (remembers it), <c>longer</c> (never shortens one), <c>delete</c> (refuses to remove),
    /// <c>versions</c> (keeps what is written over). With <c>40 days</c> it locks nothing for longer.</summary>
    public HashSet<string> Keeps { get; } = new(StringComparer.Ordinal);

    public async ValueTask DisposeAsync()
    {
        _listener.Close();
        await _serving;
    }

    private async Task ServeAsync()
    {
        while (true)
        {
            HttpListenerContext context;
            try
            {
                context = await _listener.GetContextAsync();
            }
            catch (Exception e) when (e is HttpListenerException or ObjectDisposedException)
            {
                return;
            }
            using MemoryStream body = new();
            await context.Request.InputStream.CopyToAsync(body);
            byte[] answer = Answer(context, body.ToArray());
            context.Response.ContentLength64 = answer.Length;
            await context.Response.OutputStream.WriteAsync(answer);
            context.Response.Close();
        }
    }

    private byte[] Answer(HttpListenerContext context, byte[] body)
    {
        HttpListenerRequest request = context.Request;
        HashSet<string> asked = [.. request.Url!.Query.TrimStart('?').Split('&').Select(part => part.Split('=')[0])];
        string? version = request.QueryString["versionId"];
        string key = Uri.UnescapeDataString(request.Url.AbsolutePath.TrimStart('/'));
        List<Held> held = _objects.TryGetValue(key, out List<Held>? known) ? known : _objects[key] = [];
        Held? one = version is null ? held.LastOrDefault() : held.Find(held => held.Version == version);
        if (asked.Contains("versioning")) return Xml("<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>");
        if (asked.Contains("object-lock"))
            return Xml("<ObjectLockConfiguration><ObjectLockEnabled>Enabled</ObjectLockEnabled></ObjectLockConfiguration>");
        if (asked.Contains("versions")) return Xml("<ListVersionsResult><IsTruncated>false</IsTruncated></ListVersionsResult>");
        if (asked.Contains("retention") && request.HttpMethod == "PUT")
        {
            string until = XDocument.Parse(System.Text.Encoding.UTF8.GetString(body)).Descendants()
                .First(element => element.Name.LocalName == "RetainUntilDate").Value;
            if (one is not null && !(Keeps.Contains("longer") && string.CompareOrdinal(until, one.Until) < 0)) one.Until = until;
            return [];
        }
        if (asked.Contains("retention"))
        {
            return one?.Until is { } locked && Keeps.Contains("lock")
                ? Xml($"<Retention><Mode>COMPLIANCE</Mode><RetainUntilDate>{locked}</RetainUntilDate></Retention>")
                : Missing(context);
        }
        switch (request.HttpMethod)
        {
            case "PUT":
                if (!Keeps.Contains("versions")) held.Clear();
                held.Add(new Held($"v{++_versions}", body) { Until = Until(request.Headers["x-amz-object-lock-retain-until-date"]) });
                context.Response.Headers["x-amz-version-id"] = held[^1].Version;
                context.Response.Headers["ETag"] = $"\"{Convert.ToHexStringLower(System.Security.Cryptography.MD5.HashData(body))}\"";
                return [];
            case "DELETE":
                if (!Keeps.Contains("delete")) held.RemoveAll(held => version is null || held.Version == version);
                context.Response.StatusCode = 204;
                return [];
            default:
                return one?.Content ?? Missing(context);
        }
    }

    private string? Until(string? asked) => Keeps.Contains("40 days")
        && DateTimeOffset.UtcNow.AddDays(40).ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture) is var most
        && string.CompareOrdinal(asked, most) > 0 ? most : asked;

    private static byte[] Missing(HttpListenerContext context)
    {
        context.Response.StatusCode = 404;
        return Xml("<Error><Code>NoSuchKey</Code></Error>");
    }

    private static byte[] Xml(string text) => System.Text.Encoding.UTF8.GetBytes(text);

    private sealed record Held(string Version, byte[] Content)
    {
        public string? Until { get; set; }
    }
}
