using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Seals the rows of protected tables as they stand, a chunk at a time; after each table that its baseline is complete.</summary>
internal static class BaselineSealer
{
    /// <summary>Seals a baseline of some tables; returns the number of rows.</summary>
    /// <param name="host">Holds the ledger; must not be capturing this source meanwhile.</param>
    /// <param name="source">Short name of the source.</param>
    /// <param name="connection">May read the tables whole.</param>
    /// <param name="protection">What is protected.</param>
    /// <param name="tables">Ids of the tables.</param>
    /// <param name="progress">Told how far it is.</param>
    /// <param name="cancellationToken">Stops; a baseline broken off is begun again.</param>
    public static async Task<long> SealAsync(
        LedgerHost host, string source, SourceConnection connection, Protection protection, IReadOnlyCollection<uint> tables,
        Action<string> progress, CancellationToken cancellationToken)
    {
        EntryMaker maker = host.NewMaker(source);
        long rows = 0;
        foreach (ProtectedTable table in protection.Tables.Where(table => tables.Contains(table.Id)))
        {
            rows += await SealTableAsync(host, maker, connection, table, progress, cancellationToken);
        }
        return rows;
    }

    private static async Task<long> SealTableAsync(
        LedgerHost host, EntryMaker maker, SourceConnection connection, ProtectedTable table, Action<string> progress, CancellationToken cancellationToken)
    {
        long rows = 0;
        void Tell(long read, long expected) =>
            progress($"baseline of {table.Schema}.{table.Name}: {read}{(expected > 0 ? $" of about {Math.Max(read, expected)}" : "")} rows");
        await foreach (LiveChunk chunk in Baseline.ReadAsync(connection, table, after: null, Tell, cancellationToken))
        {
            Snapshot snapshot = new(chunk.SnapshotText, chunk.ReadAfter);
            EntryBatch entries = new();
            foreach (LiveRow row in chunk.Rows) maker.AddBaseline(entries, table, row.Leaf, row.Key, FieldsOf(table, row), row.Subject, snapshot);
            if (entries.Count > 0) await host.SealAsync(entries, cancellationToken);
            rows += chunk.Rows.Count;
        }
        EntryBatch complete = new();
        Dictionary<string, string> facts = new() { ["rows"] = rows.ToString(CultureInfo.InvariantCulture) };
        maker.AddGuard(complete, GuardCode.BaselineComplete, facts, relation: new Relation(table.Id, table.Schema, table.Name, null));
        await host.SealAsync(complete, cancellationToken);
        return rows;
    }

    private static List<CapturedField> FieldsOf(ProtectedTable table, LiveRow row) =>
        [.. table.Columns.Select((column, i) => new CapturedField(column, CapturedValue.Missing(MissingReason.NotApplicable), row.Values[i]))];
}
