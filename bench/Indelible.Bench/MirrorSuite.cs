using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Bench;

/// <summary>A mirror that catches up: from a directory, from `indelible run`, and from a server that lets every answer wait.</summary>
internal sealed class MirrorSuite(string root, Results results, int entries)
{
    private const int BatchSize = 10_000;
    private const string Origin = "bench.indelible.example/mirror";
    private static readonly TimeSpan RoundTrip = TimeSpan.FromMilliseconds(20);

    private readonly string _directory = Directory.CreateTempSubdirectory("indelible-bench-").FullName;
    private string _key = "";

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            _key = (string)JsonNode.Parse(await command.RunAsync(cancellationToken, "init", "--origin", Origin, "--json"))!["verifierKey"]!;
            await SealAsync(command, cancellationToken);
            await CatchUpAsync(command, "from a directory", command.Ledger, cancellationToken);
            string address = await ServeAsync(TimeSpan.Zero, command.Ledger, cancellationToken);
            await CatchUpAsync(command, "over HTTP, server on the same cores", address, cancellationToken);
            await CatchUpAsync(command, $"over HTTP, every answer {RoundTrip.TotalMilliseconds} ms late", await ServeAsync(RoundTrip, command.Ledger, cancellationToken), cancellationToken);
            await VerifyAsync(command, cancellationToken);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task SealAsync(Command command, CancellationToken cancellationToken)
    {
        LedgerPaths paths = LedgerPaths.For(command.Ledger);
        using MasterKey master = MasterKey.Load(paths.Keyring);
        using Keyring keyring = Keyring.Open(paths.Keyring, master);
        await using LedgerWriter writer = await LedgerWriter.OpenAsync(paths, keyring.LedgerKeys, TimeProvider.System, NullLogger.Instance, new LedgerOptions(), cancellationToken);
        var maker = new EntryWriter();
        long begin = Stopwatch.GetTimestamp();
        for (int done = 0; done < entries; done += BatchSize) await writer.SealAsync(Batch(maker, done, Math.Min(BatchSize, entries - done)), cancellationToken);
        await writer.PublishAsync(cancellationToken);
        results.Add("entries sealed and published", PerSecond(Stopwatch.GetElapsedTime(begin)), $"{entries} changes of 3 sealed columns, {BytesIn(paths.Ledger) / entries} bytes on disk each; not part of what is measured");
    }

    private async Task CatchUpAsync(Command command, string how, string from, CancellationToken cancellationToken)
    {
        string copy = Path.Combine(_directory, "copy");
        TimeSpan before = ProcessorTime.OfChildren(Environment.ProcessId);
        long begin = Stopwatch.GetTimestamp();
        (string output, double peak) = await command.RunWatchedAsync(cancellationToken, "mirror", "run", "--once", "--from", from, "--key", _key, "--to", copy, "--name", "bench.example/mirror", "--json");
        TimeSpan elapsed = Stopwatch.GetElapsedTime(begin), processor = ProcessorTime.OfChildren(Environment.ProcessId) - before;
        long size = (long)JsonNode.Parse(output)!["ledgers"]![0]!["size"]!;
        if (size != entries) throw new InvalidOperationException($"expected {entries} entries in the copy, found {size}");
        results.Add($"catch-up {how}", PerSecond(elapsed), $"whole process; {Results.Number(processor.TotalMicroseconds / entries)} µs of processor time an entry, peak memory {Results.Number(peak)} MiB");
        if (how != "from a directory") Directory.Delete(copy, recursive: true);
        else Directory.Move(copy, Path.Combine(_directory, "kept"));
    }

    private async Task VerifyAsync(Command command, CancellationToken cancellationToken)
    {
        long begin = Stopwatch.GetTimestamp();
        await command.RunAsync(cancellationToken, "verify", Path.Combine(_directory, "kept", "ledger"), "--key", _key);
        results.Add("verify of the copy", PerSecond(Stopwatch.GetElapsedTime(begin)), "for comparison: reads, hashes and checks the same entries, on one core");
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
            return File.Exists(file) ? Microsoft.AspNetCore.Http.Results.File(file, "application/octet-stream") : Microsoft.AspNetCore.Http.Results.NotFound();
        });
        await application.StartAsync(cancellationToken);
        return application.Urls.First();
    }

    private static EntryBatch Batch(EntryWriter maker, int first, int count)
    {
        var batch = new EntryBatch();
        for (int number = first; number < first + count; number++)
        {
            maker.Begin(Header(number));
            foreach (string column in (string[])["ssn", "phone", "balance"])
                maker.AddField(FieldScope.Column, column, ColumnPolicy.Sealed, ClearValue.Null, ClearValue.Of(System.Text.Encoding.UTF8.GetBytes($"{column} {number}")), new byte[32], new byte[32]);
            batch.Add(maker.End().Span);
        }
        return batch;
    }

    private static EntryHeader Header(int number) => new()
    {
        Origin = Origin,
        Kind = EntryKind.Change,
        Nonce = BitConverter.GetBytes(number + 1L).Concat(BitConverter.GetBytes(number + 7L)).ToArray(),
        SealedAt = new MicroTime(1_700_000_000_000_000 + number),
        Source = "crm",
        Position = new Position(new Lsn((ulong)(number + 1) * 64), 0),
        TransactionId = (uint)number + 700,
        CommittedAt = new MicroTime(1_700_000_000_000_000 + number),
        Relation = new Relation(1, "public", "people"),
        Operation = Operation.Update,
        Key = new RowKey { Columns = [new KeyColumn("id", number.ToString(CultureInfo.InvariantCulture))] },
        SubjectBefore = new KeyId(1),
        SubjectAfter = new KeyId(2),
        Operator = new Operator { Grade = Grade.Session, SessionUser = "app" },
    };

    private static long BytesIn(string directory) => Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories).Sum(path => new FileInfo(path).Length);

    private string PerSecond(TimeSpan elapsed) => $"{Results.Number(entries / elapsed.TotalSeconds)} entries/s";
}
