using System.Diagnostics;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Testing;
using Xunit;

namespace Indelible.Index.Tests;

/// <summary>The index against a model that looks at every entry.</summary>
public sealed class LedgerIndexTests : IDisposable
{
    private readonly string directory = Directory.CreateTempSubdirectory("index-").FullName;

    public void Dispose() => Directory.Delete(directory, recursive: true);

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 7)]
    [InlineData(3, 300)]
    [InlineData(4, 9000)]
    public void Every_query_finds_what_the_model_finds_page_by_page(int seed, int batchSize)
    {
        var random = new Random(seed);
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(random, batchSize == 1 ? 400 : 20_000);
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        AddAll(index, model, batchSize);
        for (int i = 0; i < 150; i++)
        {
            Query query = RandomQuery(random, model.Count);
            Assert.Equal(Expected(model, query), AllPages(index, query));
        }
    }

    [Fact]
    public async Task What_many_short_lives_leave_is_merged_once_it_is_much_and_at_once_by_a_long_one()
    {
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(new Random(6), 60);
        for (int life = 1; life <= 20; life++) OneLife(life);
        Assert.InRange(Files(), 20, 60);
        for (int life = 21; life <= 40; life++) OneLife(life);
        await UntilAsync(() => { using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin); return Files() < 20; });
        for (int life = 41; life <= 50; life++) OneLife(life);
        using LedgerIndex kept = LedgerIndex.Open(directory, Some.Origin);
        kept.BeginMerging();
        await UntilAsync(() => Files() < 10);
        Assert.Equal(50, kept.IndexedSize);

        int Files() => Directory.GetFiles(directory, "*.sst").Length;
        void OneLife(int size) { using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin); AddAll(index, model[..size], 1); }
    }

    private static async Task UntilAsync(Func<bool> isSo)
    {
        long since = Stopwatch.GetTimestamp();
        while (!isSo())
        {
            Assert.True(Stopwatch.GetElapsedTime(since) < Patience.Max, "it never comes");
            await Task.Delay(100, TestContext.Current.CancellationToken);
        }
    }

    [Fact]
    public void A_copy_taken_without_closing_reopens_at_a_whole_number_of_batches_and_can_be_completed()
    {
        var random = new Random(5);
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(random, 3_000);
        string copy = directory + "-copy";
        try
        {
            using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin))
            {
                AddAll(index, model[..2_000], 100);
                index.Flush();
                AddAll(index, model, 100);
                CopyAsIfKilled(copy);
            }
            using LedgerIndex reopened = LedgerIndex.Open(copy, Some.Origin);
            Assert.InRange(reopened.IndexedSize, 2_000, 3_000);
            Assert.Equal(0, reopened.IndexedSize % 100);
            AddAll(reopened, model, 100);
            Query query = new() { Relation = new RelationId("crm", 2), Key = ["3"], Limit = 1000 };
            Assert.Equal(Expected(model, query), AllPages(reopened, query));
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }
    }

    [Fact]
    public void A_backlog_becomes_one_table_when_it_is_asked_for_and_survives_a_kill_then()
    {
        Random random = new(8);
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(random, 15_000);
        string copy = directory + "-copy";
        LedgerIndex.Open(directory, Some.Origin).Dispose();
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);     // one that was there already merges nothing by itself
        int tables = Tables();
        Query every = new() { Source = "crm", Limit = 1000 }, nobody = new() { Operator = "nobody at all" };
        AddAll(index, model[..3_000], 500);
        Assert.Equal(Expected(model[..3_000], every), AllPages(index, every));
        Assert.Equal(tables, Tables());
        AddAll(index, model, 700);
        Assert.Empty(index.Find(nobody).Entries);
        Assert.Equal(tables, Tables());
        Assert.Equal(Expected(model, every), AllPages(index, every));
        Assert.InRange(Tables(), tables + 1, tables + 2);     // with what was in RocksDB's memory
        try
        {
            CopyAsIfKilled(copy);
            File.WriteAllText(Path.Combine(copy, "next-table"), "a table that was being made");
            using LedgerIndex reopened = LedgerIndex.Open(copy, Some.Origin);
            Assert.Equal(model.Count, reopened.IndexedSize);
            Assert.Equal(Expected(model, every), AllPages(reopened, every));
            for (int i = 0; i < 100; i++)
            {
                Query query = RandomQuery(random, model.Count);
                Assert.Equal(Expected(model, query), AllPages(reopened, query));
            }
        }
        finally
        {
            Directory.Delete(copy, recursive: true);
        }

        int Tables() => Directory.GetFiles(directory, "*.sst").Length;
    }

    [Fact]
    public void What_was_added_is_there_after_reopening_and_gone_after_reset()
    {
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(new Random(6), 777);
        using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin)) AddAll(index, model, 50);
        using LedgerIndex reopened = LedgerIndex.Open(directory, Some.Origin);
        Assert.Equal(777, reopened.IndexedSize);
        Query since = new() { Since = model[700].Entry.Header.SealedAt, Limit = 1000 };
        Assert.Equal(Expected(model, since), AllPages(reopened, since));
        reopened.Reset();
        Assert.Equal(0, reopened.IndexedSize);
        Assert.Empty(reopened.Find(new Query()).Entries);
    }

    [Fact]
    public void Another_ledgers_index_is_begun_again()
    {
        using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin)) AddAll(index, Model(new Random(7), 10), 10);
        using LedgerIndex other = LedgerIndex.Open(directory, "somebody.else/ledger");
        Assert.Equal(0, other.IndexedSize);
    }

    [Fact]
    public void A_damaged_index_is_begun_again()
    {
        using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin)) AddAll(index, Model(new Random(8), 500), 100);
        foreach (string path in Directory.EnumerateFiles(directory, "MANIFEST*")) File.WriteAllText(path, "not a manifest");
        using LedgerIndex reopened = LedgerIndex.Open(directory, Some.Origin);
        Assert.Equal(0, reopened.IndexedSize);
    }

    [Fact]
    public void Damage_met_by_a_query_is_told_and_never_taken_for_the_end_of_a_list()
    {
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(new Random(11), 20_000);
        using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin)) AddAll(index, model, 5_000);
        Query query =
            new() { Table = "patients", Column = "ssn", Operator = "anna", Since = model[0].Entry.Header.CommittedAt, Limit = 100_000 };
        string copy = Path.Combine(directory, "copy");
        int told = 0;
        foreach (string path in Directory.GetFiles(directory, "*.sst"))
        {
            byte[] whole = File.ReadAllBytes(path);
            for (int at = 0; at < whole.Length; at += Math.Max(whole.Length / 12, 1))
            {
                byte[] damaged = [.. whole];
                damaged.AsSpan(at, Math.Min(64, whole.Length - at)).Fill(0xA5);
                File.WriteAllBytes(path, damaged);
                CopyAsIfKilled(copy);
                using LedgerIndex reopened = LedgerIndex.Open(copy, Some.Origin);
                if (reopened.IndexedSize == 0) { told++; continue; }    // found when opened: begun again
                try
                {
                    Assert.Equal(Expected(model, query), AllPages(reopened, query));
                }
                catch (IndexDamagedException)
                {
                    told++;
                }
            }
            File.WriteAllBytes(path, whole);
        }
        Assert.True(told > 0);
    }

    [Fact]
    public void An_index_knows_whether_a_ledger_goes_on_where_it_stands()
    {
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(new Random(12), 20);
        using (LedgerIndex index = LedgerIndex.Open(directory, Some.Origin)) AddAll(index, model, 7);
        using LedgerIndex reopened = LedgerIndex.Open(directory, Some.Origin);
        Assert.True(reopened.EndsWith(Some.Encode(model[19].Entry)));
        Assert.False(reopened.EndsWith(Some.Encode(model[18].Entry)));
    }

    [Fact]
    public void A_process_that_died_while_it_made_the_index_leaves_nothing_in_the_way()
    {
        Directory.CreateDirectory(directory);
        File.WriteAllText(Path.Combine(directory, "indelible-index.new"), "");
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        Assert.Equal(0, index.IndexedSize);
    }

    [Fact]
    public void A_second_process_is_refused_with_words()
    {
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        IndelibleException refused = Assert.Throws<IndelibleException>(() => LedgerIndex.Open(directory, Some.Origin));
        Assert.Equal(ExitCode.Environment, refused.ExitCode);
        Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gap_in_what_is_added_is_refused()
    {
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        Assert.Throws<ArgumentOutOfRangeException>(() => index.Add(1, []));
    }

    [Fact]
    public void A_batch_that_fails_half_way_leaves_nothing_behind()
    {
        var random = new Random(9);
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(random, 700), refused = Model(random, 300);
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        AddAll(index, model[..350], 350);
        EntryBatch bare = new();
        bare.Add(Some.Encode(refused[0].Entry));
        Assert.Throws<ArgumentException>(() => index.Add(350, [Some.Batch(refused), bare]));
        AddAll(index, model, 350);
        for (int i = 0; i < 100; i++)
        {
            Query query = RandomQuery(random, model.Count);
            Assert.Equal(Expected(model, query), AllPages(index, query));
        }
    }

    [Fact]
    public void A_directory_that_holds_anything_else_is_refused_and_left_alone()
    {
        string key = Path.Combine(directory, "master.key");
        File.WriteAllText(key, "kept");
        Assert.Equal(ExitCode.Usage, Assert.Throws<IndelibleException>(() => LedgerIndex.Open(directory, Some.Origin)).ExitCode);
        Assert.Equal([key], Directory.GetFileSystemEntries(directory));
    }

    [Fact]
    public async Task Queries_survive_resets_at_the_same_time()
    {
        List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model = Model(new Random(10), 200);
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        using var stop = new CancellationTokenSource();
        Task asking = Task.Factory.StartNew(() =>
        {
            while (!stop.IsCancellationRequested) index.Find(new Query { Table = "patients", Since = model[50].Entry.Header.SealedAt });
        }, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        for (int i = 0; i < 20; i++)
        {
            AddAll(index, model, 50);
            index.Reset();
        }
        await stop.CancelAsync();
        await asking;
        Assert.Equal(0, index.IndexedSize);
    }

    [Fact]
    public void A_query_after_disposal_is_refused()
    {
        LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        index.Dispose();
        index.Dispose();
        Assert.Throws<ObjectDisposedException>(() => index.Find(new Query()));
    }

    [Fact]
    public void A_strange_cursor_is_refused()
    {
        using LedgerIndex index = LedgerIndex.Open(directory, Some.Origin);
        foreach (string cursor in (string[])["-1", "", "x", "9223372036854775807", "9223372036854775808"])
        {
            Assert.Equal(ExitCode.Usage,
                Assert.Throws<IndelibleException>(() => index.Find(new Query { OldestFirst = true, After = cursor })).ExitCode);
        }
    }

    private static List<(Entry, IReadOnlyList<byte[]>)> Model(Random random, int count) =>
        [.. Enumerable.Range(0, count).Select(i => (Some.Entry(random, i), (IReadOnlyList<byte[]>)[Some.Token(random.Next(9))]))];

    private static void AddAll(LedgerIndex index, List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model, int batchSize)
    {
        while (index.IndexedSize < model.Count)
        {
            int from = (int)index.IndexedSize;
            index.Add(from, [Some.Batch(model[from..Math.Min(from + batchSize, model.Count)])]);
        }
    }

    private static Query RandomQuery(Random random, int count)
    {
        T? Maybe<T>(int oneIn, Func<T> value) where T : class => random.Next(oneIn) == 0 ? value() : null;
        T? MaybeValue<T>(int oneIn, Func<T> value) where T : struct => random.Next(oneIn) == 0 ? value() : null;
        MicroTime Time() => new(1_700_000_000_000_000 + (random.Next(count) * 1000L));
        RelationId? relation = MaybeValue(2, () => new RelationId(Some.Sources[random.Next(2)], (uint)random.Next(1, 4)));
        return new Query
        {
            Relation = relation,
            Source = Maybe(4, () => Some.Sources[random.Next(2)]),
            Schema = Maybe(4, () => Some.Schemas[random.Next(2)]),
            Table = Maybe(4, () => Some.Tables[random.Next(Some.Tables.Length)]),
            Key = relation is null
                ? null
                : Maybe(2, () => new[] { random.Next(7).ToString(System.Globalization.CultureInfo.InvariantCulture) }),
            IsRowOnly = random.Next(2) == 0,
            IsKeyChange = random.Next(10) == 0,
            TruncatedLeaf = relation is null ? null : Maybe(8, () => Some.Leaves[random.Next(3)] ?? ""),
            Column = Maybe(4, () => Some.Columns[random.Next(3)]),
            Operator = Maybe(4, () => Some.People[random.Next(3)]),
            Grade = MaybeValue(6, () => (Grade)random.Next(4)),
            Since = MaybeValue(4, Time),
            Until = MaybeValue(4, Time),
            Transaction = MaybeValue(6, () => (uint)random.Next(50)),
            Kind = MaybeValue(8, () => (EntryKind)random.Next(4)),
            Operation = MaybeValue(6, () => (Operation)random.Next(4)),
            ValueToken = Maybe(6, () => Some.Token(random.Next(10))),
            OldestFirst = random.Next(2) == 0,
            Limit = 1 + random.Next(300),
        };
    }

    private static List<long> AllPages(LedgerIndex index, Query query)
    {
        List<long> all = [];
        for (string? after = null; ;)
        {
            Page page = index.Find(query with { After = after });
            Assert.True(page.Entries.Count <= query.Limit);
            all.AddRange(page.Entries);
            if (page.Next is null) return all;
            after = page.Next;
        }
    }

    private static List<long> Expected(List<(Entry Entry, IReadOnlyList<byte[]> Tokens)> model, Query query)
    {
        Assert.All(model,
            item => Assert.Equal(Matches(item.Entry, item.Tokens, query with { ValueToken = null }), QueryMatch.Of(query, item.Entry)));
        IEnumerable<long> found = Enumerable.Range(0, model.Count).Where(i => Matches(model[i].Entry, model[i].Tokens, query))
            .Select(i => (long)i);
        return [.. query.OldestFirst ? found : found.Reverse()];
    }

    private static bool Matches(Entry entry, IReadOnlyList<byte[]> tokens, Query query)
    {
        EntryHeader header = entry.Header;
        MicroTime time = header.CommittedAt ?? header.SealedAt;
        return (query.Source is null || header.Source == query.Source)
            && (query.Schema is null || header.Relation?.Schema == query.Schema)
            && (query.Table is null || header.Relation?.Name == query.Table)
            && (query.Relation is not { } relation || (header.Source == relation.Source && header.Relation?.Id == relation.Id))
            && (query.Key is null || (header.Operation == Operation.Truncate && !query.IsRowOnly) || IsRow(header.Key, query.Key)
                || IsRow(header.PreviousKey, query.Key))
            && (!query.IsKeyChange || header.PreviousKey is not null)
            && (query.TruncatedLeaf is not { } leaf
                || (header.Operation == Operation.Truncate && (header.Relation!.Leaf is null || header.Relation.Leaf == leaf)))
            && (query.Column is null || entry.Fields.Any(field => field.Name == query.Column))
            && (query.Operator is null || header.Operator?.Id == query.Operator || header.Operator?.SessionUser == query.Operator)
            && (query.Grade is null || header.Operator?.Grade == query.Grade)
            && (query.Since is null || time >= query.Since)
            && (query.Until is null || time < query.Until)
            && (query.Transaction is null || header.TransactionId == query.Transaction)
            && (query.Kind is null || header.Kind == query.Kind)
            && (query.Operation is null || header.Operation == query.Operation)
            && (query.ValueToken is not { } token || tokens.Any(other => token.AsSpan().SequenceEqual(other)));
    }

    private static bool IsRow(RowKey? key, IReadOnlyList<string> values) => key is not null
        && key.Columns.Select(column => column.Value).SequenceEqual(values);

    private void CopyAsIfKilled(string copy)
    {
        if (Directory.Exists(copy)) Directory.Delete(copy, recursive: true);
        Directory.CreateDirectory(copy);
        foreach (string path in Directory.EnumerateFiles(directory))
        {
            if (Path.GetFileName(path) != "LOCK") File.Copy(path, Path.Combine(copy, Path.GetFileName(path)));
        }
    }
}
