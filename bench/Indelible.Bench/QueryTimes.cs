using System.Diagnostics;
using System.Globalization;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Bench;

/// <summary>How long queries take in a process that has the index open, the entries read and decoded with them.</summary>
internal sealed class QueryTimes(Command command, Results results, int rows)
{
    private const int WarmUp = 500, Counted = 2_000;

    public void Run()
    {
        var reader = new LedgerReader(command.Ledger);
        Format.Notes.Checkpoint head = reader.ReadCheckpoint();
        using LedgerIndex index = LedgerIndex.Open(command.Index, head.Origin);
        var random = new Random(1);
        string Row() => random.Next(1, rows + 1).ToString(CultureInfo.InvariantCulture);
        string Cursor() => random.NextInt64(100, head.Size).ToString(CultureInfo.InvariantCulture);
        Measure("history of a row", index, reader, () => new Query { Relation = new RelationId("bench", 1), Key = [Row()], Limit = 100 });
        Measure("history of one column of a row", index, reader, () => new Query { Relation = new RelationId("bench", 1), Key = [Row()], Column = "ssn", Limit = 100 });
        Measure("100 changes by an operator before some point", index, reader, () => new Query { Operator = "postgres", Limit = 100, After = Cursor() });
    }

    private void Measure(string what, LedgerIndex index, LedgerReader reader, Func<Query> query)
    {
        List<double> milliseconds = [];
        long found = 0;
        for (int i = 0; i < WarmUp + Counted; i++)
        {
            Query asked = query();
            long begin = Stopwatch.GetTimestamp();
            foreach (long entry in index.Find(asked).Entries)
            {
                if (EntryCodec.Decode(reader.ReadEntry(entry), out _) != EntryFault.None) throw new InvalidOperationException($"entry {entry} does not decode");
                found++;
            }
            if (i >= WarmUp) milliseconds.Add(Stopwatch.GetElapsedTime(begin).TotalMilliseconds);
        }
        results.Add(what, Results.Percentiles(milliseconds), $"{index.IndexedSize} entries, {Counted} queries of random places, warm, {Results.Number(found / (double)(WarmUp + Counted))} entries each");
    }
}
