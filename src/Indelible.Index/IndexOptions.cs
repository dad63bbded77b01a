using System.Globalization;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>How RocksDB is set up for the index. Memory bound: 96 MiB of unwritten tables, 32 MiB of cached blocks,
/// and filters of about 1.3 bytes a living row.</summary>
internal static class IndexOptions
{
    /// <summary>The family of postings and times: they are walked.</summary>
    public const int Postings = 0;

    /// <summary>The family of what rows last held: they are looked up one by one.</summary>
    public const int Rows = 1;

    private const string RowsFamily = "rows";
    private const long CachedBlocks = 32 << 20;
    private const int ManyFiles = 32;

    private const string OfDatabase = """
        create_if_missing=true; create_missing_column_families=true;
        db_write_buffer_size=96M; max_open_files=512;
        max_background_compactions=1; max_background_flushes=1;
        keep_log_file_num=3; max_log_file_size=4M; stats_dump_period_sec=0; is_fd_close_on_exec=true
        """;

    // Batches are written in the order of their keys: each is looked for from where the one before went (the "hint"), not from the top.
    // No filters: postings are found by seeking, which a filter does not help, and its bits would stay in memory.
    private const string OfPostings = """
        write_buffer_size=32M; max_write_buffer_number=3; memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1;
        compression=kLZ4Compression;
        target_file_size_base=64M; level0_file_num_compaction_trigger=8; max_bytes_for_level_base=512M
        """;

    // Filters, here, of tables in memory too: most inserts ask for a row that was never there. Not compressed: keyed hashes.
    private const string OfRows = """
        write_buffer_size=16M; max_write_buffer_number=3; memtable_insert_with_hint_prefix_extractor=rocksdb.CappedPrefix.1;
        memtable_whole_key_filtering=true; memtable_prefix_bloom_size_ratio=0.1; compression=kNoCompression;
        target_file_size_base=64M; level0_file_num_compaction_trigger=8; max_bytes_for_level_base=256M;
        block_based_table_factory={filter_policy=bloomfilter:10:false}
        """;

    /// <summary>Opens the database, or makes it.</summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="merges">False: files are not merged until <see cref="BeginMerging"/>.</param>
    /// <exception cref="RocksDbException">Another process holds it, it is damaged, or the disk fails.</exception>
    public static RocksDb Open(string directory, bool merges)
    {
        string merging = merges ? "; disable_auto_compactions=false" : "; disable_auto_compactions=true";
        return RocksDb.Open(
            directory, OfDatabase, CachedBlocks, (RocksDb.DefaultFamily, OfPostings + merging), (RowsFamily, OfRows + merging));
    }

    /// <summary>Lets RocksDB merge files in the background.</summary>
    public static void BeginMerging(RocksDb database)
    {
        database.SetOption(Postings, "disable_auto_compactions", "false");
        database.SetOption(Rows, "disable_auto_compactions", "false");
    }

    /// <summary>True if so many files wait to be merged that whoever opens the index had better begin, however short its life.</summary>
    public static bool HasManyFiles(RocksDb database) => HasManyFiles(database, Postings) || HasManyFiles(database, Rows);

    private static bool HasManyFiles(RocksDb database, int family) =>
        int.Parse(database.Property(family, "rocksdb.num-files-at-level0"), CultureInfo.InvariantCulture) >= ManyFiles;
}
