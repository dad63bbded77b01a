using System.Diagnostics;
using System.Net;
using System.Text.Json.Nodes;
using Indelible.Format.Entries;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;

namespace Indelible.Bench;

/// <summary>A mirror that catches up: from a directory, from `indelible run`, and from a server that lets every answer wait.</summary>
internal sealed class MirrorSuite(string root, Results results, int entries)
{
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private string _key = "";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            _key = await MadeLedger.MakeAsync(command, entries, Operation.Update, results, cancellationToken);
            await CatchUpAsync(command, "from a directory", command.Ledger, cancellationToken);
            string address = await ServeAsync(TimeSpan.Zero, command.Ledger, cancellationToken);
            await CatchUpAsync(command, "over HTTP, server on the same cores", address, cancellationToken);
            await CatchUpAsync(command, $"over HTTP, every answer {RoundTrip.TotalMilliseconds} ms late",
                await ServeAsync(RoundTrip, command.Ledger, cancellationToken), cancellationToken);
            await VerifyAsync(command, cancellationToken);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task CatchUpAsync(Command command, string how, string from, CancellationToken cancellationToken)
    {
        string copy = Path.Combine(_directory, "copy");
        TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
        long begin = Stopwatch.GetTimestamp();
        (string output, double peak) = await command.RunWatchedAsync(cancellationToken, "mirror", "run", "--once", "--from", from, "--key",
            _key, "--to", copy, "--name", "bench.example/mirror", "--json");
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begin), processor = ProcessorTime.OfChildren(Environment.ProcessId) - before;
        long size = (long)JsonNode.Parse(output)!["ledgers"]![0]!["size"]!;
        if (size != entries) throw new InvalidOperationException($"expected {entries} entries in the copy, found {size}");
        results.Add($"catch-up {how}", PerSecond(elapsed),
            $"whole process; {Results.Number(processor.TotalMicroseconds / entries)} µs of processor time an entry, "
                + $"peak memory {Results.Number(peak)} MiB");
        if (how != "from a directory") Directory.Delete(copy, recursive: true);
        else Directory.Move(copy, Path.Combine(_directory, "kept"));
    }

    private async Task VerifyAsync(Command command, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        await command.RunAsync(cancellationToken, "verify", Path.Combine(_directory, "kept", "ledger"), "--key", _key);
        results.Add("verify of the copy", PerSecond(Stopwatch.GetElapsedTime(begin)),
            "for comparison: reads, hashes and checks the same entries, on one core");
    }

    /// <summary>Files of a ledger as a static web server gives them, after a pause; its address.</summary>
    private static async Task<string> ServeAsync(TimeSpan pause, string directory, CancellationToken cancellationToken)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        builder.Services.AddRoutingCore();
        WebApplication application = builder.Build();
        application.MapGet("/{**path}", async (string path) =>
        {
            if (pause > TimeSpan.Zero) await Task.Delay(pause);
            string file = Path.Combine(directory, path);
            return File.Exists(file)
                ? Microsoft.AspNetCore.Http.Results.File(file, "application/octet-stream")
                : Microsoft.AspNetCore.Http.Results.NotFound();
        });
        await application.StartAsync(cancellationToken);
        return application.Urls.First();
    }

    private string PerSecond(TimeSpan elapsed) => $"{Results.Number(entries / elapsed.TotalSeconds)} entries/s";
}
