using System.Diagnostics;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Npgsql;

namespace Indelible.Bench;

/// <summary>How long after its commit a change is sealed, published, indexed, and held by copies.</summary>
/// <remarks>All from the commit time in the entry itself, which the server takes before it flushes the commit:
/// the flush is included, and clients add nothing. When something came to be is when it was first seen from outside:
/// the confirmed position and the heads of ledger and copies are looked at every millisecond, the index every 20.</remarks>
internal sealed class LatencySuite(string root, Results results, int seconds, int rows)
{
    private static readonly string[] Copies = ["one", "two"];
    private static readonly TimeSpan IndexPause = TimeSpan.FromMilliseconds(20);
    private static readonly TimeSpan AskPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan Rest = TimeSpan.FromSeconds(2);

    private readonly string _directory = WorkDirectory.New();

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        var command = new Command(root, _directory);
        try
        {
            await using Source source = await Source.StartAsync(_directory, cancellationToken);
            await source.ExecuteAsync(
                cancellationToken, Shape.Customers, $"INSERT INTO customers SELECT {Shape.Customer} FROM generate_series(1, {rows}) n");
            await command.RunAsync(cancellationToken, "init", "--origin", "bench.indelible.example/latency");
            await command.RunAsync(
                cancellationToken, ["protect", "--source", source.ConnectionString, "--name", Source.Name, .. Shape.ProtectedCustomers]);
            foreach (string[] copies in (string[][])[[], Copies])
            {
                CopyTargets.Configure(_directory, copies, everySeconds: 0, confirmAfter: 0);
                await using Collector run = command.StartRun();
                await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
                await run.CopiedAsync(cancellationToken);
                await MeasureAsync(source, command, run, 100, seconds: 2, copies, counts: false, cancellationToken);      // compiles
                foreach (int perSecond in (int[])[100, 1_000, 5_000])
                    await MeasureAsync(source, command, run, perSecond, seconds, copies, counts: true, cancellationToken);
            }
        }
        finally
        {
            Directory.Delete(_directory, recursive: true);
        }
    }

    private async Task MeasureAsync(Source source, Command command, Collector run, int perSecond, int seconds, string[] copies, bool counts,
        CancellationToken cancellationToken)
    {
        var reader = new LedgerReader(command.Ledger);
        long from = reader.ReadCheckpoint().Size;
        Sightings confirmed = new(), published = new(), indexed = new();
        Sightings[] held = [.. copies.Select(_ => new Sightings())];
        using CancellationTokenSource enough = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task[] watching =
        [
            WatchConfirmedAsync(source, confirmed, enough.Token),
            published.WatchAsync(() => HeadOf(command.Ledger), enough.Token),
            WatchIndexAsync(run, indexed, enough.Token),
            .. copies.Select((copy, i) => held[i].WatchAsync(() => HeadOf(Path.Combine(_directory, copy)), enough.Token)),
        ];
        using CancellationTokenSource loaded = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        Task<List<double>> asking = copies.Length == 0 ? AskAsync(source, run, loaded.Token) : Task.FromResult(new List<double>());
        await new Load(source, rows).RunAsync(perSecond, seconds, cancellationToken);
        await loaded.CancelAsync();
        List<double> answered = await asking;
        await run.IndexedAsync(await source.SettleAsync(cancellationToken), cancellationToken);
        await run.CopiedAsync(cancellationToken);
        await Task.Delay(Rest, cancellationToken);      // each is seen once more
        await enough.CancelAsync();
        await Task.WhenAll(watching);
        if (counts) Report(perSecond, ChangesFrom(reader, from), confirmed, published, indexed, held, answered);
    }

    private void Report(int perSecond, List<Change> changes, Sightings confirmed, Sightings published, Sightings indexed, Sightings[] held,
        List<double> answered)
    {
        double elapsed = (changes[^1].Committed - changes[0].Committed) / 1e6;
        string rate = $"at {perSecond} transactions/s{(held.Length > 0 ? $", {held.Length} copies kept" : "")}";
        string how = $"{changes.Count} transactions, {Results.Number(changes.Count / elapsed)}/s really";
        void Add(string what, Func<Change, double> milliseconds, string bound) =>
            results.Add($"commit to {what} {rate}", Results.Tail([.. changes.Select(milliseconds)]), $"{how}; {bound}");

        Add("made into an entry", change => (change.Made - change.Committed) / 1e3,
            "the entry's own two times: a lower bound of sealed, without the journal's flush");
        Add("sealed and confirmed", change => confirmed.After(change.Position.Bytes + 1, change.Committed),
            "an upper bound of sealed: PostgreSQL has been told, looked at every millisecond");
        if (held.Length == 0)
        {
            Add("published", change => published.After((ulong)change.Index + 1, change.Committed),
                "the ledger's head, looked at every millisecond");
            Add("indexed", change => indexed.After((ulong)change.Index + 1, change.Committed), "where nobody asks; looked at every 20 ms");
            results.Add($"commit to answered {rate}", Results.Tail(answered),
                $"{answered.Count} times a client commits a change and asks `log --tx` at once, and again until the answer has it: a query "
                    + "publishes and indexes what is sealed first");
        }
        for (int count = 1; count <= held.Length; count++)
        {
            int wanted = count;
            Add($"on {count} of {held.Length} copies",
                change => held.Select(copy => copy.After((ulong)change.Index + 1, change.Committed)).Order().ElementAt(wanted - 1),
                "the copy's head, looked at every millisecond; `everySeconds: 0`, directories on the same disk");
        }
    }

    /// <summary>Times in microseconds since 1970.</summary>
    private readonly record struct Change(long Index, Lsn Position, long Committed, long Made);

    private static List<Change> ChangesFrom(LedgerReader reader, long from)
    {
        List<Change> changes = [];
        foreach ((long index, ReadOnlyMemory<byte> bytes) in reader.ReadEntries(from, reader.ReadCheckpoint().Size))
        {
            if (EntryCodec.Decode(bytes, out Entry entry) == EntryFault.None
                && entry.Header is { Kind: EntryKind.Change, Position: { } position, CommittedAt: { } committed } header)
                changes.Add(new Change(index, position.CommitLsn, committed.Micros, header.SealedAt.Micros));
        }
        return changes;
    }

    /// <summary>Milliseconds from a commit's answer until a query's answer has the change, again and again.</summary>
    private static async Task<List<double>> AskAsync(Source source, Collector run, CancellationToken cancellationToken)
    {
        List<double> milliseconds = [];
        await using NpgsqlConnection connection = await source.OpenAsync(CancellationToken.None);
        await using var update =
            new NpgsqlCommand("UPDATE customers SET balance = balance + 1 WHERE id = 1 RETURNING pg_current_xact_id()::text", connection);
        while (!cancellationToken.IsCancellationRequested)
        {
            string transaction = (string)(await update.ExecuteScalarAsync(CancellationToken.None))!;
            long committed = Stopwatch.GetTimestamp();
            while ((await run.AskAsync(["log", "--tx", transaction, "--json"], CancellationToken.None))?["entries"]!.AsArray().Count is null
                or 0) { }
            milliseconds.Add(Stopwatch.GetElapsedTime(committed).TotalMilliseconds);
            await Task.Delay(AskPause, CancellationToken.None);
        }
        return milliseconds;
    }

    private static async Task WatchConfirmedAsync(Source source, Sightings confirmed, CancellationToken cancellationToken)
    {
        await using ConfirmedPosition position = await ConfirmedPosition.OpenAsync(source, cancellationToken);
        await confirmed.WatchAsync(
            async () => (await position.ReadAsync(CancellationToken.None)).Bytes, TimeSpan.FromMilliseconds(1), cancellationToken);
    }

    private static Task WatchIndexAsync(Collector run, Sightings indexed, CancellationToken cancellationToken) =>
        indexed.WatchAsync(async () => (ulong)await run.IndexedSizeAsync(CancellationToken.None), IndexPause, cancellationToken);

    private static ulong HeadOf(string directory) => (ulong)new LedgerReader(directory).ReadCheckpoint().Size;

    /// <summary>A number that only grows, and when each value was first seen. Written by one loop, read when that has ended.</summary>
    private sealed class Sightings
    {
        private readonly List<(ulong Value, long At)> _seen = [];

        public Task WatchAsync(Func<ulong> look, CancellationToken cancellationToken) =>
            WatchAsync(() => Task.FromResult(look()), TimeSpan.FromMilliseconds(1), cancellationToken);

        public async Task WatchAsync(Func<Task<ulong>> lookAsync, TimeSpan pause, CancellationToken cancellationToken)
        {
            while (!cancellationToken.IsCancellationRequested)
            {
                ulong value = await lookAsync();
                if (_seen.Count == 0 || value > _seen[^1].Value)
                    _seen.Add((value, (DateTimeOffset.UtcNow - DateTimeOffset.UnixEpoch).Ticks / TimeSpan.TicksPerMicrosecond));
                await Task.Delay(pause, CancellationToken.None);
            }
        }

        /// <summary>Milliseconds from a time until at least this value was seen.</summary>
        public double After(ulong value, long time)
        {
            int at = _seen.BinarySearch((value, long.MinValue));
            if (at < 0) at = ~at;
            return at < _seen.Count
                ? (_seen[at].At - time) / 1e3
                : throw new InvalidOperationException(
                    $"expected to have seen {value}, saw {(_seen.Count == 0 ? "nothing" : _seen[^1].Value)}");
        }
    }
}
