using System.Diagnostics;
using System.Globalization;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Server.Control;

namespace Indelible.Bench;

/// <summary>A process of `indelible run`. Asked over its control socket, as `indelible status` asks.</summary>
internal sealed class Collector(Process process, string journal) : IAsyncDisposable
{
    /// <summary>Between two looks: short beside a drain. The process under test answers them, so they are few.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);

    /// <summary>Its process.</summary>
    public int Id => process.Id;

    /// <summary>Processor time so far.</summary>
    public TimeSpan ProcessorTime => Bench.ProcessorTime.Of(process.Id);

    /// <summary>Most memory held so far, in MiB.</summary>
    public double PeakMemory
    {
        get
        {
            process.Refresh();
            return process.PeakWorkingSet64 / 1048576.0;
        }
    }

    /// <summary>Waits until everything up to a position is sealed.</summary>
    public Task SealedAsync(Lsn end, CancellationToken cancellationToken) => UntilAsync(status => IsSealed(status, end), cancellationToken);

    /// <summary>Waits until everything up to a position is sealed, and everything sealed is published and indexed.</summary>
    public Task IndexedAsync(Lsn end, CancellationToken cancellationToken) => UntilAsync(
        status => IsSealed(status, end) && status["indexedSize"]!.GetValue<long>() == status["treeSize"]!.GetValue<long>(),
        cancellationToken);

    /// <summary>Waits until everything sealed is published, and every copy holds it.</summary>
    public Task CopiedAsync(CancellationToken cancellationToken) => UntilAsync(
        status => status["publishedSize"]!.GetValue<long>() == status["treeSize"]!.GetValue<long>()
            && status["copies"]!.AsArray().All(copy => copy!["size"]!.GetValue<long>() == status["publishedSize"]!.GetValue<long>()),
            cancellationToken);

    /// <summary>Entries that the index knows; none while nobody answers.</summary>
    public async Task<long> IndexedSizeAsync(CancellationToken cancellationToken) =>
        (await StatusAsync(cancellationToken))?["indexedSize"]!.GetValue<long>() ?? 0;

    /// <summary>Ends it as a crash would, and waits.</summary>
    public Task KillAsync(CancellationToken cancellationToken)
    {
        process.Kill();
        return process.WaitForExitAsync(cancellationToken);
    }

    /// <summary>Stops it as a service manager would, and waits.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            using Process kill = Process.Start("kill", ["-TERM", process.Id.ToString(CultureInfo.InvariantCulture)]);
            await process.WaitForExitAsync();
        }
        process.Dispose();
    }

    private static bool IsSealed(JsonNode status, Lsn end) => Lsn.Parse(status["sources"]![0]!["sealedTo"]!.GetValue<string>()) >= end;

    private async Task UntilAsync(Func<JsonNode, bool> isReached, CancellationToken cancellationToken)
    {
        while (await StatusAsync(cancellationToken) is not { } status || !isReached(status))
        {
            if (process.HasExited)
                throw new InvalidOperationException($"`indelible run` ended by itself with exit code {process.ExitCode}");
            await Task.Delay(Pause, cancellationToken);
        }
    }

    private Task<JsonNode?> StatusAsync(CancellationToken cancellationToken) => AskAsync(["status", "--json"], cancellationToken);

    /// <summary>What a command that it executes prints; null while nobody listens yet.</summary>
    public async Task<JsonNode?> AskAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var request = new ControlRequest
        {
            Arguments = arguments,
            Directory = Path.GetDirectoryName(journal)!,
            Environment = new Dictionary<string, string>(),
            User = Environment.UserName,
            Terminal = false,
            Width = 120,
        };
        var output = new StringWriter();
        return await ControlClient.TryRunAsync(journal, request, output, TextWriter.Null, cancellationToken) == 0
            ? JsonNode.Parse(output.ToString()) : null;
    }
}
