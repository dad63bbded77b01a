using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>Seals the rows of protected tables as they stand, and after each table that its baseline is complete.
/// Chunks of several small tables are sealed together; while some are sealed the next are read and made into entries.</summary>
/// <param name="host">Holds the ledger; must not be capturing this source meanwhile.</param>
/// <param name="source">Short name of the source.</param>
/// <param name="connection">May read the tables whole.</param>
/// <param name="protection">What is protected.</param>
/// <param name="progress">Told how far it is.</param>
internal sealed class BaselineSealer(
    LedgerHost host, string source, SourceConnection connection, Protection protection, Action<string> progress)
{
    /// <summary>Bytes of entries and blobs from which on they are sealed.</summary>
    private const int SealedLengthMin = 1 << 20;

    private readonly EntryMaker _maker = host.NewMaker(source);
    private long _rows, _rowsOfTable;

    /// <summary>Seals a baseline of some tables; returns the number of rows.</summary>
    /// <param name="tables">Ids of the tables.</param>
    /// <param name="cancellationToken">Stops; a baseline broken off is begun again.</param>
    public async Task<long> SealAsync(IReadOnlyCollection<uint> tables, CancellationToken cancellationToken)
    {
        if (tables.Count == 0) return 0;
        using CancellationTokenSource stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        BaselineRows images = await BaselineRows.BeginAsync(host, source, protection, cancellationToken);
        Task indexing = host.IsRunning ? Task.CompletedTask : host.View.Feed.RunAsync(host.Time, stop.Token);
        try
        {
            HashSet<uint> wanted = [.. tables];
            await SealAsync(protection.Tables.FindAll(table => wanted.Contains(table.Id)), images, cancellationToken);
        }
        finally
        {
            await stop.CancelAsync();
            await indexing.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);    // what it left out is indexed when it is asked for
        }
        return _rows;
    }

    private async Task SealAsync(List<ProtectedTable> tables, BaselineRows images, CancellationToken cancellationToken)
    {
        Task before = Task.CompletedTask;
        Made made = new();
        try
        {
            await foreach ((ProtectedTable table, LiveChunk chunk) in Baseline.ReadAsync(connection, tables, Tell, cancellationToken))
            {
                Add(made, table, chunk);
                if (made.Entries.Length < SealedLengthMin) continue;
                await before;
                Made whole = made;
                before = Task.Run(() => SealAsync(whole, images, cancellationToken), cancellationToken);
                made = new Made();
            }
            await before;
            if (made.Entries.Count > 0) await SealAsync(made, images, cancellationToken);
        }
        finally
        {
            await before;
        }
    }

    private void Tell(ProtectedTable table, long read, long expected) =>
        progress($"baseline of {table.Schema}.{table.Name}: {read}{(expected > 0 ? $" of about {Math.Max(read, expected)}" : "")} rows");

    private void Add(Made made, ProtectedTable table, LiveChunk chunk)
    {
        Snapshot snapshot = new(chunk.SnapshotText, chunk.ReadAfter);
        foreach (LiveRow row in chunk.Rows)
            _maker.AddBaseline(made.Entries, table, row.Leaf, row.Key, FieldsOf(table, row), row.Subject, snapshot);
        made.Chunks.Add((table, chunk));
        _rowsOfTable += chunk.Rows.Count;
        if (!chunk.IsLast) return;
        Dictionary<string, string> facts = new() { ["rows"] = _rowsOfTable.ToString(CultureInfo.InvariantCulture) };
        _maker.AddGuard(made.Entries, GuardCode.BaselineComplete, facts, relation: new Relation(table.Id, table.Schema, table.Name, null));
        (_rows, _rowsOfTable) = (_rows + _rowsOfTable, 0);
    }

    private async Task SealAsync(Made made, BaselineRows images, CancellationToken cancellationToken)
    {
        SealedBatch place = await host.SealAsync(made.Entries, cancellationToken);
        images.Note(made.Chunks, place.FirstIndex + made.Entries.Count);
        await host.View.Feed.RoomAsync(host.Time, cancellationToken);
    }

    private static List<CapturedField> FieldsOf(ProtectedTable table, LiveRow row) =>
        [.. table.Columns.Select(
            (column, i) => new CapturedField(column, CapturedValue.Missing(MissingReason.NotApplicable), row.Values[i]))];

    /// <summary>Entries to be sealed together, and the chunks they are of.</summary>
    private sealed class Made
    {
        public EntryBatch Entries { get; } = new();
        public List<(ProtectedTable Table, LiveChunk Chunk)> Chunks { get; } = [];
    }
}
