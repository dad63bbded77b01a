using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using Indelible.Server.Demo;

namespace Indelible.Server.Tests;

/// <summary>Listens for alerts on loopback and answers as told.</summary>
internal sealed class WebhookReceiver : IAsyncDisposable
{
    private readonly HttpListener _listener = new();
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _serving;

    public WebhookReceiver()
    {
        Url = $"http://127.0.0.1:{FreePort.Choose()}/hook";
        _listener.Prefixes.Add(Url + "/");
        _listener.Start();
        _serving = ServeAsync();
    }

    public string Url { get; }

    /// <summary>Status of the next answers; 0: none is given.</summary>
    public volatile int Status = 200;

    /// <summary>Attempts, whatever the answer.</summary>
    public int Attempts;

    /// <summary>What was answered with 200.</summary>
    public ConcurrentQueue<(JsonNode Json, string Body, string? Signature)> Taken { get; } = new();

    public IEnumerable<string> Kinds => Taken.Select(alert => (string)alert.Json["alert"]!);

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
            using StreamReader reader = new(context.Request.InputStream, Encoding.UTF8);
            string body = await reader.ReadToEndAsync();
            Interlocked.Increment(ref Attempts);
            int status = Status;
            if (status == 0) continue;
            if (status == 200) Taken.Enqueue((JsonNode.Parse(body)!, body, context.Request.Headers["Indelible-Signature"]));
            context.Response.StatusCode = status;
            context.Response.Close();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        _listener.Close();
        await _serving;
        _stop.Dispose();
    }
}
