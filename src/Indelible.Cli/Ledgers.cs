using System.CommandLine;
using System.Globalization;
using Indelible.Ledger;
using Indelible.Server;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Cli;

/// <summary>The ledger as one command uses it: borrowed from the process that runs it, or opened here and closed afterwards.</summary>
internal static class Ledgers
{
    private static readonly TimeSpan StorePatience = TimeSpan.FromSeconds(20);

    /// <summary>For queries.</summary>
    public static async Task<Borrowed<LedgerView>> ViewAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.Running is { } running)
        {
            await running.PublishAsync(cancellationToken); // a query sees everything sealed before it
            return new Borrowed<LedgerView>(running.View, null);
        }
        LedgerView view = await LedgerView.OpenAsync(invocation.ExistingPaths(parse), NullLogger.Instance, cancellationToken);
        return new Borrowed<LedgerView>(view, () => { view.Dispose(); return ValueTask.CompletedTask; });
    }

    /// <summary>For what needs entries by their index only: everything sealed before is readable.</summary>
    public static async Task<LedgerReader> ReaderAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.Running is not { } running) return LedgerReader.Of(invocation.ExistingPaths(parse));
        await running.Writer.PublishAsync(cancellationToken);
        return running.View.Reader;
    }

    /// <summary>With an index made again from the ledger; says how far that is.</summary>
    public static async Task<Borrowed<LedgerView>> RebuiltAsync(
        ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        Action<string> pace = invocation.TerminalFor(parse).Pace(invocation.Time);
        long started = invocation.Time.GetTimestamp();
        void Tell(long indexed, long size) =>
            pace(string.Create(CultureInfo.InvariantCulture,
                $"index: {indexed} of {size} entries, {indexed / invocation.Time.GetElapsedTime(started).TotalSeconds:F0} a second"));
        if (invocation.Running is { } running)
        {
            await running.RebuildIndexAsync(Tell, cancellationToken);
            return new Borrowed<LedgerView>(running.View, null);
        }
        LedgerView view = LedgerView.Open(invocation.ExistingPaths(parse), NullLogger.Instance);
        await view.Feed.RebuildAsync(Tell, cancellationToken);
        return new Borrowed<LedgerView>(view, () => { view.Dispose(); return ValueTask.CompletedTask; });
    }

    /// <summary>For what seals entries.</summary>
    public static async Task<Borrowed<LedgerHost>> HostAsync(ParseResult parse, Invocation invocation, CancellationToken cancellationToken)
    {
        if (invocation.Running is { } running) return new Borrowed<LedgerHost>(running, null);
        LedgerPaths paths = invocation.ExistingPaths(parse);
        ILoggerFactory loggers = Logging.Quiet();
        LedgerHost host = await LedgerHost.OpenAsync(paths, invocation.Config(parse), invocation.Time, loggers, cancellationToken);
        return new Borrowed<LedgerHost>(host, async () =>
        {
            await host.PublishAsync(CancellationToken.None);
            await StoreAsync(host, invocation);
            await host.DisposeAsync();
            loggers.Dispose();
        });
    }

    /// <summary>What was sealed is safe here; where the ledger lives in a bucket it is brought there at once, if that answers.</summary>
    private static async Task StoreAsync(LedgerHost host, Invocation invocation)
    {
        using CancellationTokenSource patience = new(StorePatience, invocation.Time);
        try
        {
            await host.StoreAsync(patience.Token);
        }
        catch (Exception e) when (e is OperationCanceledException || Failure.Explain(e) is not null)
        {
            await invocation.Error.WriteLineAsync(
                $"what was sealed waits here for {host.Paths.Store!.Name}: {e.Message}\n  `indelible run` brings it there");
        }
    }
}

/// <summary>Something to use until disposed; closes it only if it was opened for this.</summary>
internal readonly struct Borrowed<T>(T value, Func<ValueTask>? close) : IAsyncDisposable
{
    public T Value => value;

    public ValueTask DisposeAsync() => close?.Invoke() ?? ValueTask.CompletedTask;
}
