using System.Threading.Channels;
using Microsoft.Extensions.Logging;

namespace Indelible.Server;

/// <summary>The sources being captured. One loop owns the set; others ask it through a queue.</summary>
/// <remarks>A source that gives up does not stop the others: it is shown as stopped, with its problem, until it is started again.</remarks>
internal sealed class SourceSet(LedgerHost host, ILogger logger)
{
    private const int RequestsMax = 64;

    private readonly Channel<Request> _requests = Channel.CreateBounded<Request>(RequestsMax);
    private readonly Dictionary<string, Running> _running = new(StringComparer.Ordinal);

    private sealed record Request(string Source, bool Start, TaskCompletionSource Done);

    private sealed record Running(SourceRunner Runner, CancellationTokenSource Stop, Task Task);

    /// <summary>How each source stands.</summary>
    public IReadOnlyList<SourceStatus> Status() => [.. Snapshot().Select(running => running.Runner.Status())];

    /// <summary>Captures every configured source until cancelled, then lets each drain.
    /// Ends with the failure of a source only when none is left, or for a bug of ours.</summary>
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
            foreach (Running running in Snapshot()) await EndedAsync(running);
            _requests.Writer.Complete();
            // nothing runs any more, so nothing is to be stopped or started
            while (_requests.Reader.TryRead(out Request? request)) request.Done.SetResult();
        }
    }

    /// <summary>Drains and stops one source; it starts again with <see cref="StartAsync"/>. Nothing to do if it does not run.</summary>
    public Task StopAsync(string source) => AskAsync(source, start: false);

    /// <summary>Starts one source with the host's configuration as it is now. Nothing happens once the set has ended.</summary>
    public Task StartAsync(string source) => AskAsync(source, start: true);

    private async Task AskAsync(string source, bool start)
    {
        TaskCompletionSource done = new(TaskCreationOptions.RunContinuationsAsynchronously);
        if (_requests.Writer.TryWrite(new Request(source, start, done))) await done.Task;
    }

    private async Task NextAsync(CancellationToken cancellationToken)
    {
        Running[] all = Snapshot();
        Running[] going = [.. all.Where(running => !running.Task.IsCompleted)];
        // none is left: a process that captures nothing must not look as if it did
        if (all.Length > 0 && going.Length == 0) await all[0].Task;
        using CancellationTokenSource waiting = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<bool> asked = _requests.Reader.WaitToReadAsync(waiting.Token).AsTask();
        Task ended = await Task.WhenAny([asked, .. going.Select(running => running.Task)]);
        await waiting.CancelAsync();
        if (ended != asked) await EndedAsync(going.First(running => running.Task == ended));
        while (_requests.Reader.TryRead(out Request? request)) await ApplyAsync(request);
    }

    private async Task ApplyAsync(Request request)
    {
        try
        {
            await StopOneAsync(request.Source);
            if (request.Start) Start(request.Source);
        }
        finally
        {
            request.Done.SetResult();    // also when a bug ends everything: whoever asked must not wait for ever
        }
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
        await EndedAsync(running);
        running.Stop.Dispose();
    }

    /// <summary>Waits for a source to end. That it gave up is logged and shown; anything else it fails with is a bug,
    /// and travels up.</summary>
    private static async Task EndedAsync(Running running)
    {
        await running.Task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!running.Runner.GaveUp) await running.Task;
    }

    private Running[] Snapshot()
    {
        lock (_running) return [.. _running.Values];
    }
}
