using System.Globalization;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Succeeding;

/// <summary>States in a successor what the closed ledger says at its end: of each source how far it was read, what is known of its catalog,
/// and every living row.
/// It comes from the closed ledger and never from the database, so that whatever differs from the database differs still.
/// Stopped anywhere, it goes on.</summary>
/// <param name="closed">The closed ledger.</param>
/// <param name="opened">Its successor.</param>
/// <param name="config">What is protected.</param>
internal sealed class Restating(LedgerHost closed, LedgerHost opened, IndelibleConfig config)
{
    /// <summary>A snapshot that shows no transaction: every change that the successor seals comes on top of what is restated.</summary>
    public const string NoTransactions = "1:1:";
    private const int BatchRowMax = 1000;
    private const int BatchLengthMax = 4 << 20;

    private readonly Dictionary<string, EntryMaker> _makers = [];
    private readonly Dictionary<RelationId, long> _rows = [];

    /// <summary>Rows restated.</summary>
    public long Rows => _rows.Values.Sum();
    /// <summary>Values of theirs that the closed ledger does not say.</summary>
    public long Unknown { get; private set; }

    /// <summary>Adds legal holds, how far each source was read, and what is remembered of its catalog.</summary>
    public void AddSources(EntryBatch entries)
    {
        LegalHolds.Restate(closed.View, MakerOf(""), entries);
        foreach (SourceMark mark in closed.Writer.Marks())
        {
            EntryMaker maker = MakerOf(mark.Source);
            if (CoverageLog.Newest(closed.View, mark.Source) is { } covered) maker.AddCoverage(entries, covered with { From = covered.To });
            foreach (Entry entry in WatchMemory.Remembered(closed.View, mark.Source)
                .Concat(CatalogMemory.Remembered(closed.View, mark.Source)))
            {
                string? text = entry.Fields.Count > 0 ? CatalogMemory.TextOf(closed.View, entry, entry.Fields[0]) : null;
                if (entry.Fields.Count == 0) maker.AddGuard(entries, entry.Header.Code!, entry.Header.Facts);
                else if (text is not null) maker.AddGuard(entries, entry.Header.Code!, entry.Header.Facts, text, entry.Fields[0].Name);
            }
        }
    }

    /// <summary>Seals the living rows that are not there yet.</summary>
    /// <param name="progress">Told how many are.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task SealRowsAsync(Action<long> progress, CancellationToken cancellationToken)
    {
        CountSealed();
        EntryBatch entries = new();
        int rows = 0;
        foreach (LivingRow row in new LivingRows(closed.View, config).From(Rows, cancellationToken))
        {
            Unknown += MakerOf(row.Source).AddRestated(entries, closed.View, row, SnapshotOf(row.Source));
            Count(row.Source, row.Table.Id);
            if (++rows < BatchRowMax && entries.FramedLength < BatchLengthMax && entries.Blobs.Count == 0) continue;
            await opened.SealAsync(entries, cancellationToken);
            progress(Rows);
            (entries, rows) = (new EntryBatch(), 0);
        }
        if (entries.Count > 0) await opened.SealAsync(entries, cancellationToken);
    }

    /// <summary>Says that the tables are restated, and from where on each source is read: only then may it be captured.</summary>
    public async Task SealMarksAsync(CancellationToken cancellationToken)
    {
        foreach (SourceMark mark in closed.Writer.Marks().Where(mark => opened.Writer.MarkOf(mark.Source) is null))
        {
            EntryBatch entries = new() { Mark = mark };
            foreach (ProtectedTable table in config.Sources.GetValueOrDefault(mark.Source)?.Protection.Tables ?? [])
            {
                string rows = _rows.GetValueOrDefault(new RelationId(mark.Source, table.Id)).ToString(CultureInfo.InvariantCulture);
                Dictionary<string, string> facts = new() { ["rows"] = rows, ["restated-from"] = closed.Writer.Origin };
                MakerOf(mark.Source)
                    .AddGuard(entries, GuardCode.BaselineComplete, facts, relation: new Relation(table.Id, table.Schema, table.Name, null));
            }
            await opened.SealAsync(entries, cancellationToken);
        }
    }

    /// <summary>Rows that an earlier attempt restated; a row's parts stand side by side.</summary>
    private void CountSealed()
    {
        (RelationId Table, RowKey Key)? last = null;
        foreach ((long index, ReadOnlyMemory<byte> _) in opened.View.Reader.ReadEntries(0, opened.View.Reader.ReadCheckpoint().Size))
        {
            if (opened.View.Header(index) is not { Kind: EntryKind.Baseline, Source: { } source, Relation: { } relation, Key: { } key })
                continue;
            RelationId table = new(source, relation.Id);
            if (last is { } before && before.Table == table && KeyText.Of(before.Key) == KeyText.Of(key)) continue;
            Count(source, relation.Id);
            last = (table, key);
        }
    }

    private void Count(string source, uint table)
    {
        RelationId id = new(source, table);
        _rows[id] = _rows.GetValueOrDefault(id) + 1;
    }

    private Snapshot SnapshotOf(string source) => new(NoTransactions, closed.Writer.MarkOf(source)!.Confirmable);

    private EntryMaker MakerOf(string source)
    {
        if (!_makers.TryGetValue(source, out EntryMaker? maker)) _makers[source] = maker = opened.NewMaker(source);
        return maker;
    }
}
