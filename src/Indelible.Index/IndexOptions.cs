using System.Globalization;
using System.Runtime.InteropServices;
using RocksDbSharp;

namespace Indelible.Index;

/// <summary>How RocksDB is set up for the index. Memory bound: 96 MiB of unwritten tables, 32 MiB of cached blocks, and filters of about 1.3 bytes a living row.</summary>
internal static class IndexOptions
{
    private const ulong WriteBuffer = 32 << 20;
    private const ulong RowWriteBuffer = 16 << 20;
    private const ulong WriteBuffersTotal = 96 << 20;
    private const ulong CachedBlocks = 32 << 20;
    /// <summary>Share of a table in memory that its filter takes.</summary>
    private const double FilterShare = 0.1;
    private const ulong ManyFiles = 32;
    private static readonly string[] FamilyNames = ["default", RowImages.FamilyName];

    /// <summary>Of the database as a whole.</summary>
    public static DbOptions OfDatabase() => new DbOptions()
        .SetCreateIfMissing(true)
        .SetCreateMissingColumnFamilies(true)
        .SetDbWriteBufferSize(WriteBuffersTotal)
        .SetMaxOpenFiles(512)
        .SetMaxBackgroundCompactions(1)
        .SetMaxBackgroundFlushes(1)
        .SetKeepLogFileNum(3)
        .SetMaxLogFileSize(4 << 20)
        .SetStatsDumpPeriodSec(0)
        .SetIsFdCloseOnExec(true);

    /// <summary>Postings and times in the default family; what rows last held in a family of its own.</summary>
    /// <param name="merges">False: files are not merged until <see cref="BeginMerging"/>.</param>
    public static ColumnFamilies Families(bool merges)
    {
        Cache cache = Cache.CreateLru(CachedBlocks);
        int off = merges ? 0 : 1;
        return new ColumnFamilies(PostingOptions(cache).SetDisableAutoCompactions(off)) { { RowImages.FamilyName, RowOptions(cache).SetDisableAutoCompactions(off) } };
    }

    /// <summary>Lets RocksDB merge files in the background.</summary>
    public static void BeginMerging(RocksDb database)
    {
        foreach (string family in FamilyNames)
        {
            Native.Instance.rocksdb_set_options_cf(database.Handle, database.GetColumnFamily(family).Handle, 1, ["disable_auto_compactions"], ["false"]);
        }
    }

    /// <summary>True if so many files wait to be merged that whoever opens the index had better begin, however short its life.</summary>
    public static bool HasManyFiles(RocksDb database) => FamilyNames.Any(family =>
        ulong.Parse(database.GetProperty("rocksdb.num-files-at-level0", database.GetColumnFamily(family)), CultureInfo.InvariantCulture) >= ManyFiles);

    // No filters: postings are found by seeking, which a filter does not help, and its bits would stay in memory.
    private static ColumnFamilyOptions PostingOptions(Cache cache) => WithFinger(new ColumnFamilyOptions())
        .SetWriteBufferSize(WriteBuffer)
        .SetMaxWriteBufferNumber(3)
        .SetLevel0FileNumCompactionTrigger(8)
        .SetCompression(Compression.Lz4)
        .SetTargetFileSizeBase(64 << 20)
        .SetMaxBytesForLevelBase(512 << 20)
        .SetBlockBasedTableFactory(new BlockBasedTableOptions().SetBlockCache(cache));

    // Filters, here: most inserts ask for a row that was never there.
    private static ColumnFamilyOptions RowOptions(Cache cache) => WithFilterInMemory(WithFinger(new ColumnFamilyOptions()))
        .SetWriteBufferSize(RowWriteBuffer)
        .SetMaxWriteBufferNumber(3)
        .SetLevel0FileNumCompactionTrigger(8)
        .SetCompression(Compression.No)                 // keyed hashes
        .SetTargetFileSizeBase(64 << 20)
        .SetMaxBytesForLevelBase(256 << 20)
        .SetBlockBasedTableFactory(new BlockBasedTableOptions().SetBlockCache(cache).SetFilterPolicy(BloomFilterPolicy.Create(10, false)));

    /// <summary>Over whole keys. RocksDB has it; its .NET binding has no name for it.</summary>
    private static ColumnFamilyOptions WithFilterInMemory(ColumnFamilyOptions options)
    {
        Native.Instance.rocksdb_options_set_memtable_whole_key_filtering(options.Handle, 1);
        return options.SetMemtablePrefixBloomSizeRatio(FilterShare);
    }

    /// <summary>Batches are written in the order of their keys: each is looked for from where the one before went, not from the top. RocksDB has it by name only.</summary>
    private static ColumnFamilyOptions WithFinger(ColumnFamilyOptions options)
    {
        nint text = Marshal.StringToCoTaskMemUTF8("memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1");
        Native.Instance.rocksdb_get_options_from_string(options.Handle, text, options.Handle);
        Marshal.FreeCoTaskMem(text);
        return options;
    }
}
