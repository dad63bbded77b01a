using System.Diagnostics;
using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server;
using Microsoft.Extensions.Logging.Abstractions;

namespace Indelible.Bench;

/// <summary>How long queries take in a process that has ledger and index open, as `run` answers them:
/// entries read, decoded and held against the question.</summary>
internal sealed class QueryTimes(Command command, Results results, int rows)
{
    private const int WarmUp = 300, Counted = 1_000, CountedCold = 200, Limit = 100;

    private readonly Random _random = new(1);
    private readonly LedgerReader _reader = new(command.Ledger);
    private readonly IndelibleConfig _config = ConfigFile.Load(command.Config, required: true);

    /// <summary>A kind of question: draws one, which tells how many entries or values it found.</summary>
    private sealed record Question(string What, Func<Func<LedgerView, int>> Draw);

    private Question[] Questions =>
    [
        new("history of a row", () => History(Row(), null)),
        new("history of one column of a row", () => History(Row(), "phone")),
        new("history of a row changed again and again", () => History(1 + _random.Next(GrownLedger.HotRows), null)),
        new("an operator's changes in a window of time", () => Found(Window($"clerk-{_random.Next(GrownLedger.People)}"))),
        new("entries that hold a value", () => Holding("phone", $"+1 555 {4 * (1 + _random.Next(2_000))}")),
        new("the entry that holds a value of one row", () => Holding("ssn", $"900-{Row()}")),
        new("a row as of a time", () => AsOf(RowOf(Row()), At(_random.NextInt64(_reader.ReadCheckpoint().Size)))),
        new("the last 100", () => Found(new Query { Limit = Limit })),
    ];

    /// <summary>Asked again and again: files in the page cache, code compiled.</summary>
    public async Task WarmAsync(CancellationToken cancellationToken)
    {
        using LedgerView view = await OpenAsync(cancellationToken);
        foreach (Question question in Questions)
        {
            for (int i = 0; i < WarmUp; i++) question.Draw()(view);
            Measure(question, Counted, view, "warm", () => { });
        }
    }

    /// <summary>Of an index just opened, the files of ledger and index dropped from the page cache before the first of each kind.</summary>
    public async Task ColdAsync(CancellationToken cancellationToken)
    {
        foreach (Question question in Questions)
        {
            using LedgerView view = await OpenAsync(cancellationToken);
            Measure(question, CountedCold, view, "no file in the page cache when the first was asked (posix_fadvise)", () =>
            {
                PageCache.Drop(command.Ledger);
                PageCache.Drop(command.Index);
            });
        }
    }

    private Task<LedgerView> OpenAsync(CancellationToken cancellationToken) =>
        LedgerView.OpenAsync(LedgerPaths.For(command.Ledger), NullLogger.Instance, cancellationToken);

    private void Measure(Question question, int count, LedgerView view, string how, Action prepare)
    {
        Func<LedgerView, int>[] asked = [.. Enumerable.Range(0, count).Select(_ => question.Draw())];
        prepare();
        List<double> milliseconds = [], processor = [];
        long found = 0;
        foreach (Func<LedgerView, int> ask in asked)
        {
            TimeSpan before = ProcessorTime.OfThisThread();
            long begin = Stopwatch.GetTimestamp();
            found += ask(view);
            milliseconds.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
            processor.Add((ProcessorTime.OfThisThread() - before).TotalMilliseconds);
        }
        results.Add(question.What, Results.Percentiles(milliseconds),
            $"{view.Index.IndexedSize} entries, {how}, {count} of random places, {Results.Number(found / (double)count)} found each; "
                + $"processor time {Results.Percentiles(processor)}");
    }

    private Func<LedgerView, int> History(int row, string? column)
    {
        Query query = RowOf(row);
        return view => new RowTrail(view, query).Page(column, Limit, null).Entries.Count;
    }

    private static Func<LedgerView, int> Found(Query query) => view => view.Matching(view.Index.Find(query).Entries, query).Count();

    private Func<LedgerView, int> Holding(string column, string value)
    {
        Query query = new() { Table = "customers", Column = column, Limit = Limit };
        return view => ValueSearch.Of(view, _config, query, value).Find([], out _, CancellationToken.None).Count;
    }

    private static Func<LedgerView, int> AsOf(Query row, MicroTime time) => view => RowState.AsOf(view, row, time).Fields.Count;

    private int Row() => 1 + _random.Next(rows);

    private Query RowOf(int row)
    {
        (string source, ProtectedTable table) = ProtectedTables.Find(_config, null, null, "customers");
        return new Query { Relation = new RelationId(source, table.Id), Key = [row.ToString(CultureInfo.InvariantCulture)] };
    }

    /// <summary>The time in which a tenth of a million entries were committed, somewhere.</summary>
    private Query Window(string who)
    {
        long size = _reader.ReadCheckpoint().Size, width = Math.Min(100_000, size / 2), from = _random.NextInt64(size - width);
        return new Query { Since = At(from), Until = At(from + width), Operator = who, Limit = Limit };
    }

    private MicroTime At(long index) => EntryCodec.Decode(_reader.ReadEntry(index), out Entry entry) == EntryFault.None
        ? EntryTerms.TimeOf(entry.Header)
        : throw new InvalidOperationException($"entry {index} does not decode");
}
