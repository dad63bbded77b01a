using Indelible.Capture;
using Indelible.Format.Merkle;
using Indelible.Ledger;
using Indelible.Server;
using Indelible.Server.Continuity;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Bench;

/// <summary>Processor time that each stage between the log and the index takes for a change.
/// `run` has them side by side; here the same classes work one after the other, batch by batch.</summary>
internal sealed class StagesSuite(string root, Results results, int rows, int rounds)
{
    private const double Nanoseconds = 1e9;

    private readonly string _directory = WorkDirectory.New();
    private readonly List<string> _order = [];
    private Dictionary<string, TimeSpan> _spent = [];

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await source.ExecuteAsync(cancellationToken, [.. Shape.Tables, .. Shape.MoreTables]);
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/stages");
            await command.RunAsync(cancellationToken,
                ["protect", "--source", source.ConnectionString, "--name", Source.Name, .. Shape.ProtectedCustomers,
                    .. Shape.ProtectedReadings, .. Shape.ProtectedMore]);
            foreach (Shape shape in Shape.All(rows, source.CopyFile)
                .Where(shape => shape.Name.StartsWith("22 columns, 3", StringComparison.Ordinal)))
                    await MeasureAsync(shape, source, command, cancellationToken);
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task MeasureAsync(Shape shape, Source source, Command command, CancellationToken cancellationToken)
    {
        List<Dictionary<string, TimeSpan>> counted = [];
        for (int round = 0; round <= rounds; round++)
        {
            await source.ExecuteAsync(cancellationToken, shape.Statements(round));
            _spent = [];
            await source.SettleAsync(cancellationToken);
            await DrainAsync(command, cancellationToken);
            if (round > 0) counted.Add(_spent);     // the first compiles
        }
        results.Of = shape.Name + ": ";
        foreach (string stage in _order)
        {
            double[] each = [.. counted.Select(spent => spent[stage].TotalSeconds / rows * Nanoseconds)];
            results.Add(
                stage, $"{Results.Number(Results.Median(each))} ns", $"a change; rounds {string.Join(", ", each.Select(Results.Number))}");
        }
    }

    private async Task DrainAsync(Command command, CancellationToken cancellationToken)
    {
        TimeSpan began = ProcessorTime.OfThisProcess();
        await using LedgerHost host = await LedgerHost.OpenAsync(LedgerPaths.For(command.Ledger),
            ConfigFile.Load(command.Config, required: true), TimeProvider.System, NullLoggerFactory.Instance, cancellationToken);
        await host.PublishAsync(cancellationToken);
        SourceConfig config = host.Config.Sources[Source.Name];
        SourceMark mark = host.Writer.MarkOf(Source.Name)!;
        await using SourceCapture capture = await SourceCapture.OpenAsync(
            SourceConnections.Of(config), config.Protection, host.Keyring.AttributionSecret(Source.Name)!,
            (table, column) => host.Keyring.FingerprintKey(Source.Name, table, column),
            new ResumePoint(mark.Last, mark.Confirmable), new SessionTable(), TimeProvider.System, NullLogger.Instance, cancellationToken);
        List<CapturedBatch> batches = await ReadAsync(capture, cancellationToken);
        List<EntryBatch> entries = await SealAsync(host, config.Protection, batches, cancellationToken);
        OfThisThread("index: postings into RocksDB's memory", () => host.View.Index.Add(host.View.Index.IndexedSize, entries));
        TimeSpan stages = _spent.Values.Aggregate(TimeSpan.Zero, (sum, one) => sum + one);
        Note("besides: opening, collections, RocksDB's own threads", ProcessorTime.OfThisProcess() - began - stages);
    }

    /// <summary>Everything is read before anything is made of it, so that what the connection costs can be told from the rest.</summary>
    private async Task<List<CapturedBatch>> ReadAsync(SourceCapture capture, CancellationToken cancellationToken)
    {
        List<CapturedBatch> batches = [];
        await OfAllThreadsAsync("read: receive and decode, fingerprint", async () =>
        {
            int count = 0;
            await foreach (CapturedBatch batch in capture.ReadAsync(cancellationToken))
            {
                batches.Add(batch);
                capture.Release(batch);
                if ((count += batch.Changes.Count) >= rows) break;
            }
        });
        return batches;
    }

    private async Task<List<EntryBatch>> SealAsync(
        LedgerHost host, Protection protection, List<CapturedBatch> batches, CancellationToken cancellationToken)
    {
        ContinuityCheck continuity = new(Source.Name, protection, host.Keyring, host.View.Index.Rows, NullLogger.Instance);
        EntryMaker maker = host.NewMaker(Source.Name);
        List<EntryBatch> all = [];
        foreach (CapturedBatch batch in batches)
        {
            CheckedBatch held = OfThisThread("check: against what rows held", () => continuity.Check(batch));
            if (held.Breaks.Count > 0)
                throw new InvalidOperationException($"expected changes that follow from those before, found {held.BreakCount} that do not");
            IReadOnlyList<EntryBatch> made = OfThisThread("make: keys, encrypt, encode, terms", () => maker.Make(batch, held.Breaks));
            OfThisThread("keep: keys into RocksDB and its log", host.Keyring.Commit);
            OfThisThread("hash: a leaf for each entry, also part of what seals", () => made.Sum(one => Hash(one)));
            await OfAllThreadsAsync("seal: tree and journal, and what is published meanwhile",
                () => Task.WhenAll(made.Select(one => host.Writer.SealAsync(one, cancellationToken))));
            await OfAllThreadsAsync("publish: the rest of tiles and bundles", () => host.Writer.PublishAsync(cancellationToken));
            OfThisThread("note: what rows hold now", () => continuity.Apply(held, host.Writer.TreeSize));
            all.AddRange(made);
        }
        return all;
    }

    private static int Hash(EntryBatch entries)
    {
        int sum = 0;
        for (int i = 0; i < entries.Count; i++) sum ^= Tree.Leaf(entries[i].Span).GetHashCode();
        return sum;
    }

    private T OfThisThread<T>(string stage, Func<T> work)
    {
        TimeSpan before = ProcessorTime.OfThisThread();
        T result = work();
        Note(stage, ProcessorTime.OfThisThread() - before);
        return result;
    }

    private void OfThisThread(string stage, Action work) => OfThisThread(stage, () =>
    {
        work();
        return true;
    });

    /// <summary>For what works on threads of its own; what others do meanwhile is counted with it.</summary>
    private async Task OfAllThreadsAsync(string stage, Func<Task> workAsync)
    {
        TimeSpan before = ProcessorTime.OfThisProcess();
        await workAsync();
        Note(stage, ProcessorTime.OfThisProcess() - before);
    }

    private void Note(string stage, TimeSpan spent)
    {
        if (!_order.Contains(stage)) _order.Add(stage);
        _spent[stage] = _spent.GetValueOrDefault(stage) + spent;
    }
}
