namespace Indelible.Testing;

/// <summary>Changes that leave nothing in the log and no trace in what the collector watches of the catalog:
/// a superuser tells the server for a moment that the table is unlogged.</summary>
public static class Darkness
{
    /// <summary>One transaction, as a superuser.</summary>
    /// <param name="table">The table; of a partitioned one all leaves.</param>
    /// <param name="statements">What is done to its rows.</param>
    public static string Sql(string table, params string[] statements) =>
        $"BEGIN; {Declare(table, 'u')}; {string.Join("; ", statements)}; {Declare(table, 'p')}; COMMIT";

    private static string Declare(string table, char persistence) =>
        $"UPDATE pg_class SET relpersistence = '{persistence}' WHERE oid = '{table}'::regclass OR oid IN (SELECT relid FROM "
            + $"pg_partition_tree('{table}'))";
}
