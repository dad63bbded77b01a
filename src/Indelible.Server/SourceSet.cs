using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>The sources being captured. One loop owns the set; others ask it through a queue.</summary>
internal sealed class SourceSet(LedgerHost host, ILogger logger)
{
    private const int RequestsMax = 64;

    private readonly Channel<Request> _requests = Channel.CreateBounded<Request>(RequestsMax);
    private readonly Dictionary<string, Running> _running = new(StringComparer.Ordinal);

    private sealed record Request(string Source, bool Start, TaskCompletionSource Done);

    private sealed record Running(SourceRunner Runner, CancellationTokenSource Stop, Task Task);

    /// <summary>How each source stands.</summary>
    public IReadOnlyList<SourceStatus> Status()
    {
        lock (_running) return [.. _running.Values.Select(running => running.Runner.Status())];
    }

    /// <summary>Captures every configured source until cancelled, then lets each drain. Ends with the failure of the first that gives up.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        foreach (string source in host.Config.Sources.Keys) Start(source);
        try
        {
            while (!cancellationToken.IsCancellationRequested) await NextAsync(cancellationToken);
        }
        finally
        {
            foreach (Running running in Snapshot()) await running.Stop.CancelAsync();
            await Task.WhenAll(Snapshot().Select(running => running.Task));
        }
    }

    /// <summary>Drains and stops one source; it starts again with <see cref="StartAsync"/>. Nothing to do if it does not run.</summary>
    public Task StopAsync(string source) => AskAsync(source, start: false);

    /// <summary>Starts one source with the host's configuration as it is now.</summary>
    public Task StartAsync(string source) => AskAsync(source, start: true);

    private async Task AskAsync(string source, bool start)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        await _requests.Writer.WriteAsync(new Request(source, start, done));
        await done.Task;
    }

    private async Task NextAsync(CancellationToken cancellationToken)
    {
        using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool> asked = _requests.Reader.WaitToReadAsync(waiting.Token).AsTask();
        Task ended = await Task.WhenAny([asked, .. Snapshot().Select(running => running.Task)]);
        if (ended != asked)
        {
            await waiting.CancelAsync();
            await ended; // a source that gave up: its failure ends the set
            return;
        }
        if (!asked.IsCompletedSuccessfully) return; // told to stop
        while (_requests.Reader.TryRead(out Request? request)) await ApplyAsync(request);
    }

    private async Task ApplyAsync(Request request)
    {
        await StopOneAsync(request.Source);
        if (request.Start) Start(request.Source);
        request.Done.SetResult();
    }

    private void Start(string source)
    {
        if (!host.Config.Sources.TryGetValue(source, out SourceConfig? config) || config.Protection.Tables.Count == 0) return;
        CancellationTokenSource stop = new();
        SourceRunner runner = new(source, config, host, logger);
        Running running = new(runner, stop, runner.RunAsync(stop.Token));
        lock (_running) _running[source] = running;
    }

    private async Task StopOneAsync(string source)
    {
        Running? running;
        lock (_running) _running.Remove(source, out running);
        if (running is null) return;
        await running.Stop.CancelAsync();
        await running.Task;
        running.Stop.Dispose();
    }

    private Running[] Snapshot()
    {
        lock (_running) return [.. _running.Values];
    }
}
