using System.Text;
using Indelible.Ledger.Rocks;
using Xunit;

namespace Indelible.Ledger.Tests;

/// <summary>The binding of RocksDB, where the rooms that use it do not try it.</summary>
public sealed class RocksTests : IDisposable
{
    private const int First = 0, Second = 1;
    private const string Database = "create_if_missing=true; create_missing_column_families=true";

    private readonly string _directory = TestLedger.NewRoot();

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Fact]
    public void Values_come_back_as_they_were_put_empty_large_or_with_zeros()
    {
        byte[] key = [0, 1, 0], large = new byte[20_000_000];
        new Random(1).NextBytes(large);
        foreach (byte[] value in (byte[][])[[], [0], [7, 0, 0], large])
        {
            using RocksDb database = Open();
            Put(database, First, key, value);
            Put(database, First, [], [9]);
            Assert.Equal(value, database.Get(First, key));
            Span<byte> copy = new byte[value.Length];
            Assert.True(database.TryGet(First, key, copy));
            Assert.True(copy.SequenceEqual(value));
            Assert.Equal([9], database.Get(First, []));
            Assert.Null(database.Get(First, [0, 1]));
            Assert.Null(database.Get(Second, key));
            Assert.False(database.TryGet(Second, key, copy));
            using Iterator records = database.NewIterator(First);
            Assert.True(records.SeekToFirst());
            Assert.True(records.Key.IsEmpty);
            Assert.True(records.Next());
            Assert.True(records.Key.SequenceEqual(key));
            Assert.True(records.Value.SequenceEqual(value));
            Assert.False(records.Next());
        }
    }

    [Fact]
    public void A_value_of_another_length_is_not_copied()
    {
        using RocksDb database = Open();
        Put(database, First, [1], [1, 2, 3]);
        byte[] two = new byte[2], four = new byte[4];
        Assert.Equal("Corruption: expected a value of 2 bytes, found 3",
            Assert.Throws<RocksDbException>(() => database.TryGet(First, [1], two)).Message);
        Assert.Equal("Corruption: expected a value of 4 bytes, found 3",
            Assert.Throws<RocksDbException>(() => database.TryGet(First, [1], four)).Message);
        Assert.Equal(new byte[2], two);
        Assert.Equal(new byte[4], four);
    }

    [Fact]
    public void A_walk_stands_where_it_was_sent_and_sees_what_was_there_when_it_began()
    {
        using RocksDb database = Open();
        foreach (byte key in (byte[])[2, 4, 6]) Put(database, Second, [key], [key]);
        using Snapshot snapshot = database.NewSnapshot();
        Put(database, Second, [5], [5]);
        using Iterator then = database.NewIterator(Second, snapshot, fillsCache: false, readAhead: 1 << 16),
            now = database.NewIterator(Second);
        Assert.Throws<InvalidOperationException>(() => then.Key.Length);
        Assert.True(then.Seek([5]));
        Assert.Equal(6, then.Key[0]);
        Assert.True(now.Seek([5]));
        Assert.Equal(5, now.Value[0]);
        Assert.True(then.SeekForPrevious([5]));
        Assert.Equal(4, then.Key[0]);
        Assert.False(then.SeekForPrevious([1]));
        Assert.False(then.Seek([7]));
        Assert.Throws<InvalidOperationException>(() => then.Next());
        Assert.Throws<InvalidOperationException>(() => then.Value.Length);
    }

    [Fact]
    public void A_batch_is_written_whole_and_keeps_its_changes_until_it_is_cleared()
    {
        using RocksDb database = Open();
        using WriteBatch batch = database.NewBatch();
        foreach (byte key in (byte[])[1, 2, 3, 4]) batch.Put(First, [key], [key]);
        batch.DeleteRange(First, [1], [3]);
        batch.Delete(First, [4]);
        Assert.Null(database.Get(First, [3]));
        database.Write(batch, WriteMode.Synced);
        Assert.Equal((byte[]?[])[null, null, [3], null], ((byte[])[1, 2, 3, 4]).Select(key => database.Get(First, [key])));
        Put(database, First, [2], [2]);
        database.Write(batch, WriteMode.Logged);
        Assert.Null(database.Get(First, [2]));
        Put(database, First, [2], [2]);
        batch.Clear();
        database.Write(batch, WriteMode.Unlogged);
        Assert.Equal([2], database.Get(First, [2]));
    }

    [Fact]
    public void What_was_not_logged_is_lost_with_the_process_and_nothing_else()
    {
        using RocksDb database = Open();
        Put(database, First, [1], [1], WriteMode.Unlogged);
        Put(database, Second, [2], [2], WriteMode.Logged);
        string killed = Path.Combine(_directory, "killed");
        Directory.CreateDirectory(killed);
        foreach (string file in Directory.EnumerateFiles(Path.Combine(_directory, "db")))
            File.Copy(file, Path.Combine(killed, Path.GetFileName(file)));
        using RocksDb again = Open(killed);
        Assert.Null(again.Get(First, [1]));
        Assert.Equal([2], again.Get(Second, [2]));
    }

    [Fact]
    public void What_was_disposed_is_refused_and_may_be_disposed_again()
    {
        using RocksDb database = Open(), closed = Open(Path.Combine(_directory, "closed"));
        using Iterator disposed = database.NewIterator(First), orphan = closed.NewIterator(First);
        using WriteBatch done = database.NewBatch(), late = closed.NewBatch();
        using Snapshot released = database.NewSnapshot(), stale = closed.NewSnapshot();
        disposed.Dispose();
        done.Dispose();
        released.Dispose();
        closed.Dispose();
        closed.Dispose();
        Assert.Throws<ObjectDisposedException>(() => disposed.SeekToFirst());
        Assert.Throws<ObjectDisposedException>(() => orphan.SeekToFirst());
        Assert.Throws<ObjectDisposedException>(() => done.Put(First, [1], [1]));
        Assert.Throws<ObjectDisposedException>(() => late.Put(First, [1], [1]));
        Assert.Throws<ObjectDisposedException>(() => database.Write(done, WriteMode.Logged));
        Assert.Throws<ObjectDisposedException>(() => database.NewIterator(First, released));
        Assert.Throws<ObjectDisposedException>(() => closed.NewIterator(First, stale));
        Assert.Throws<ObjectDisposedException>(() => closed.Get(First, [1]));
        Assert.Throws<ObjectDisposedException>(() => closed.Flush(First));
        Assert.Throws<ObjectDisposedException>(closed.NewSnapshot);
    }

    [Fact]
    public void Damage_is_told_by_lookups_and_walks_and_is_not_the_end()
    {
        using (RocksDb database = Open())
        {
            for (int i = 0; i < 5_000; i++) Put(database, First, Key(i), Key(i));
            database.Flush(First);
        }
        string table = Directory.GetFiles(Path.Combine(_directory, "db"), "*.sst").Single();
        byte[] bytes = File.ReadAllBytes(table);
        bytes.AsSpan(bytes.Length / 2, 64).Fill(0xA5);
        File.WriteAllBytes(table, bytes);
        using RocksDb damaged = Open();
        using Iterator records = damaged.NewIterator(First);
        int walked = 0;
        RocksDbException told = Assert.Throws<RocksDbException>(() =>
        {
            for (bool found = records.SeekToFirst(); found; found = records.Next()) walked++;
        });
        Assert.StartsWith("Corruption: ", told.Message, StringComparison.Ordinal);
        Assert.InRange(walked, 1, 4_999);
        Assert.StartsWith(
            "Corruption: ", Assert.Throws<RocksDbException>(() => damaged.Get(First, Key(walked))).Message, StringComparison.Ordinal);
        Assert.Throws<RocksDbException>(() => records.Seek(Key(walked)));
        Assert.True(records.Seek(Key(0)));
    }

    [Fact]
    public void What_RocksDB_refuses_it_says_itself()
    {
        string absent = Path.Combine(_directory, "absent");
        Assert.Contains(
            "does not exist", Refusal(() => RocksDb.Open(absent, "", 1 << 20, (RocksDb.DefaultFamily, ""))), StringComparison.Ordinal);
        Assert.Contains("no_such_option", Refusal(() => RocksDb.Open(absent, "no_such_option=1", 1 << 20, (RocksDb.DefaultFamily, ""))),
            StringComparison.Ordinal);
        Assert.Contains("no_such_option",
            Refusal(() => RocksDb.Open(absent, Database, 1 << 20, (RocksDb.DefaultFamily, "no_such_option=1"))), StringComparison.Ordinal);
        Assert.False(Directory.Exists(absent) && Directory.EnumerateFiles(absent, "CURRENT").Any());
        using RocksDb database = Open();
        string held = Refusal(() => Open());
        Assert.StartsWith("IO error: ", held, StringComparison.Ordinal);
        Assert.Contains("/LOCK", held, StringComparison.Ordinal);
        Assert.Contains(
            "write_buffer_size", Refusal(() => database.SetOption(First, "write_buffer_size", "much")), StringComparison.Ordinal);
        Assert.Contains("rocksdb.no-such", Assert.Throws<ArgumentException>(() => database.Property(First, "rocksdb.no-such")).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Options_are_in_force_and_families_share_one_cache()
    {
        using RocksDb database = Open();
        database.SetOption(Second, "disable_auto_compactions", "true");
        string written = File.ReadAllText(Directory.GetFiles(Path.Combine(_directory, "db"), "OPTIONS-*").Max()!);
        Assert.Contains("level0_file_num_compaction_trigger=9", written, StringComparison.Ordinal);
        Assert.Contains("filter_policy=bloomfilter:10:false", written, StringComparison.Ordinal);
        Assert.Contains("disable_auto_compactions=true", written, StringComparison.Ordinal);
        for (int i = 0; i < 1_000; i++) Put(database, First, Key(i), new byte[1_000]);
        database.Flush(First);
        using (Iterator records = database.NewIterator(First))
        {
            for (bool found = records.SeekToFirst(); found; found = records.Next()) continue;
        }
        Assert.Equal((8 << 20).ToString(), database.Property(Second, "rocksdb.block-cache-capacity"));
        Assert.True(long.Parse(database.Property(Second, "rocksdb.block-cache-usage")) > 500_000);
        Assert.Equal(database.Property(First, "rocksdb.block-cache-usage"), database.Property(Second, "rocksdb.block-cache-usage"));
    }

    [Fact]
    public void A_compaction_removes_what_was_deleted()
    {
        byte[] secret = Encoding.ASCII.GetBytes("not to be found again");
        using (RocksDb database = Open())
        {
            foreach (byte key in (byte[])[0, 1, 2]) Put(database, First, [key], key == 1 ? secret : [key]);
            database.Flush(First);
            Assert.Contains(Tables(), table => table.AsSpan().IndexOf(secret) >= 0);
            using WriteBatch removal = database.NewBatch();
            removal.Delete(First, [1]);
            database.Write(removal, WriteMode.Synced);
            database.Compact(First, [1]);
        }   // replaced tables are deleted a little later; at the latest now
        Assert.NotEmpty(Tables());
        Assert.DoesNotContain(Tables(), table => table.AsSpan().IndexOf(secret) >= 0);
    }

    private static string Refusal(Func<RocksDb> open) => Refusal(() => open().Dispose());

    private static string Refusal(Action action) => Assert.Throws<RocksDbException>(action).Message;

    private static byte[] Key(int number) => Encoding.ASCII.GetBytes(number.ToString("D8"));

    private static void Put(RocksDb database, int family, byte[] key, byte[] value, WriteMode mode = WriteMode.Logged)
    {
        using WriteBatch batch = database.NewBatch();
        batch.Put(family, key, value);
        database.Write(batch, mode);
    }

    private RocksDb Open(string? directory = null) => RocksDb.Open(directory ?? Path.Combine(_directory, "db"), Database, 8 << 20,
        (RocksDb.DefaultFamily, "compression=kNoCompression; level0_file_num_compaction_trigger=9"),
        ("second", "block_based_table_factory={filter_policy=bloomfilter:10:false}"));

    private IEnumerable<byte[]> Tables() => Directory.GetFiles(Path.Combine(_directory, "db"), "*.sst").Select(File.ReadAllBytes);
}
