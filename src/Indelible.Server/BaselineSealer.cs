using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>Seals the rows of protected tables as they stand, a chunk at a time; after each table that its baseline is complete. One chunk is read and made into entries while the one before is sealed.</summary>
/// <param name="host">Holds the ledger; must not be capturing this source meanwhile.</param>
/// <param name="source">Short name of the source.</param>
/// <param name="connection">May read the tables whole.</param>
/// <param name="protection">What is protected.</param>
/// <param name="progress">Told how far it is.</param>
internal sealed class BaselineSealer(LedgerHost host, string source, SourceConnection connection, Protection protection, Action<string> progress)
{
    private readonly EntryMaker _maker = host.NewMaker(source);

    /// <summary>Seals a baseline of some tables; returns the number of rows.</summary>
    /// <param name="tables">Ids of the tables.</param>
    /// <param name="cancellationToken">Stops; a baseline broken off is begun again.</param>
    public async Task<long> SealAsync(IReadOnlyCollection<uint> tables, CancellationToken cancellationToken)
    {
        if (tables.Count == 0) return 0;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        BaselineRows images = await BaselineRows.BeginAsync(host, source, protection, cancellationToken);
        Task indexing = host.IsRunning ? Task.CompletedTask : host.View.Feed.RunAsync(host.Time, stop.Token);
        long rows = 0;
        try
        {
            foreach (ProtectedTable table in protection.Tables.Where(table => tables.Contains(table.Id))) rows += await SealTableAsync(table, images, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await indexing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);    // what it left out is indexed when it is asked for
        }
        return rows;
    }

    private async Task<long> SealTableAsync(ProtectedTable table, BaselineRows images, CancellationToken cancellationToken)
    {
        long rows = 0;
        void Tell(long read, long expected) =>
            progress($"baseline of {table.Schema}.{table.Name}: {read}{(expected > 0 ? $" of about {Math.Max(read, expected)}" : "")} rows");
        Task before = Task.CompletedTask;
        try
        {
            await foreach (LiveChunk chunk in Baseline.ReadAsync(connection, table, after: null, Tell, cancellationToken))
            {
                if (chunk.Rows.Count == 0) continue;
                EntryBatch entries = Make(table, chunk);
                await before;
                before = Task.Run(() => SealAsync(entries, table, chunk, images, cancellationToken), cancellationToken);
                rows += chunk.Rows.Count;
            }
        }
        finally
        {
            await before;
        }
        EntryBatch complete = new();
        Dictionary<string, string> facts = new() { ["rows"] = rows.ToString(CultureInfo.InvariantCulture) };
        _maker.AddGuard(complete, GuardCode.BaselineComplete, facts, relation: new Relation(table.Id, table.Schema, table.Name, null));
        await host.SealAsync(complete, cancellationToken);
        return rows;
    }

    private EntryBatch Make(ProtectedTable table, LiveChunk chunk)
    {
        Snapshot snapshot = new(chunk.SnapshotText, chunk.ReadAfter);
        EntryBatch entries = new();
        foreach (LiveRow row in chunk.Rows) _maker.AddBaseline(entries, table, row.Leaf, row.Key, FieldsOf(table, row), row.Subject, snapshot);
        return entries;
    }

    private async Task SealAsync(EntryBatch entries, ProtectedTable table, LiveChunk chunk, BaselineRows images, CancellationToken cancellationToken)
    {
        SealedBatch place = await host.SealAsync(entries, cancellationToken);
        images.Note(table, chunk, place.FirstIndex + entries.Count);
        await host.View.Feed.RoomAsync(host.Time, cancellationToken);
    }

    private static List<CapturedField> FieldsOf(ProtectedTable table, LiveRow row) =>
        [.. table.Columns.Select((column, i) => new CapturedField(column, CapturedValue.Missing(MissingReason.NotApplicable), row.Values[i]))];
}
