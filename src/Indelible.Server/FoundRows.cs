using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server.Continuity;

namespace Indelible.Server;

/// <summary>Seals, after a gap, what one table holds otherwise than the ledger says, and which rows it no longer holds.
/// Who did it, and when, is unknown.</summary>
/// <remarks>What a row holds is compared with what the ledger said of it at exactly the same snapshot,
/// so a change that the log delivers is never found as well. It is sealed only while nothing newer of the row is:
/// else the row is looked at again. One loop owns it.</remarks>
internal sealed class FoundRows(
    LedgerHost host, string source, ProtectedTable table, Lsn takenOver, Pipeline pipeline, ContinuityCheck continuity)
{
    private readonly EntryMaker _maker = host.NewMaker(source);
    private readonly LiveValues _liveValues = new(host.View);
    private readonly byte[][] _keys = [.. table.Columns.Select(column => host.Keyring.FingerprintKey(source, table.Id, column.Number))];
    private readonly List<Found> _noted = [];

    private sealed record Found(IReadOnlyList<string> Key, LiveRow? Row, bool Existed, List<CapturedField> Fields);

    /// <summary>Where the log of a server begins that took over; none if none did.</summary>
    public Lsn TakenOver => takenOver;
    /// <summary>Rows sealed.</summary>
    public long Count { get; private set; }

    /// <summary>To be called before rows are read.</summary>
    public Task BeginAsync(CancellationToken cancellationToken) => pipeline.BetweenBatchesAsync(continuity.NoteEnds, cancellationToken);

    /// <summary>Notes a row that was compared; nothing if it holds what the ledger says.</summary>
    /// <param name="key">Its key.</param>
    /// <param name="row">The row; null if the table does not hold it.</param>
    /// <param name="state">What the ledger said of it at the same snapshot.</param>
    public void Note(IReadOnlyList<string> key, LiveRow? row, RowState state)
    {
        List<CapturedField> fields = row is null ? Gone(state) : Differing(row, state);
        if (fields.Count > 0) _noted.Add(new Found(key, row, state.Exists == true, fields));
    }

    /// <summary>Seals what was noted.</summary>
    /// <param name="chunk">What the rows were read in.</param>
    /// <param name="cancellationToken">Stops.</param>
    /// <returns>Keys of rows of which something newer was sealed meanwhile.</returns>
    public async Task<IReadOnlyList<IReadOnlyList<string>>> SealAsync(LiveChunk chunk, CancellationToken cancellationToken)
    {
        if (_noted.Count == 0) return [];
        List<IReadOnlyList<string>> again = [];
        Snapshot snapshot = new(chunk.SnapshotText, chunk.ReadAfter);
        await pipeline.SealRowsAsync(() => Entries(snapshot, again), cancellationToken);
        Count += _noted.Count - again.Count;
        _noted.Clear();
        return again;
    }

    private (EntryBatch, CheckedBatch)? Entries(Snapshot snapshot, List<IReadOnlyList<string>> again)
    {
        EntryBatch entries = new();
        Dictionary<RowTag, RowImage?> images = [];
        foreach (Found found in _noted)
        {
            RowTag tag = ContinuityCheck.TagOf(host.Keyring, source, table.Id, found.Key);
            if (!continuity.IsUntouched(tag, found.Existed, snapshot.ReadAfter))
            {
                again.Add(found.Key);
                continue;
            }
            _maker.AddFound(entries, table, found.Row?.Leaf, found.Key, found.Fields, found.Row?.Subject, found.Row?.Subject, snapshot);
            images[tag] = found.Row is { } row ? ImageOf(row, snapshot) : null;
        }
        return entries.Count == 0 ? null : (entries, continuity.Take(images));
    }

    /// <summary>What is only known to have changed cannot be compared, nor what has no key here.</summary>
    private List<CapturedField> Differing(LiveRow row, RowState state)
    {
        List<CapturedField> fields = [];
        for (int i = 0; i < table.Columns.Count; i++)
        {
            StateField? known = state[table.Columns[i].Name];
            if (row.Values[i].IsMissing) continue;
            if (known is not null
                && (!LiveValues.IsKnown(known) || !_liveValues.HasKey(known) || _liveValues.Compare(known, row.Values[i]) is null))
                    continue;
            CapturedValue before = state.Exists == true ? Opened(known) : CapturedValue.Missing(MissingReason.NoRow);
            fields.Add(new CapturedField(table.Columns[i], before, row.Values[i]));
        }
        return fields;
    }

    private List<CapturedField> Gone(RowState state)
    {
        if (state.Exists != true) return [];
        IEnumerable<ProtectedColumn> known = table.Columns.Where(column => state[column.Name] is not null);
        return [.. known.Select(
            column => new CapturedField(column, Opened(state[column.Name]), CapturedValue.Missing(MissingReason.NoRow)))];
    }

    /// <summary>A value of the ledger in clear; missing where it is not known, kept as a digest, or its key is gone.</summary>
    private CapturedValue Opened(StateField? field)
    {
        if (field is null || field.Value.Kind == ValueKind.Digest) return CapturedValue.Missing(MissingReason.NotCaptured);
        OpenedValue opened = host.View.Values.Open(field.Entry, field.Field, field.Side);
        if (opened.Fault != OpenFault.None || opened.Value.IsMissing) return CapturedValue.Missing(MissingReason.NotCaptured);
        return opened.Value.IsNull ? CapturedValue.Null : CapturedValue.Of(opened.Value.Bytes);
    }

    private RowImage ImageOf(LiveRow row, Snapshot snapshot) => new()
    {
        At = snapshot.ReadAfter,
        Ordinal = 0,
        Leaf = RowImage.LeafOf(row.Leaf),
        Columns = [.. table.Columns.Select((column, i) => new ColumnImage(column.Number, FingerprintOf(_keys[i], row.Values[i])))],
    };

    private static Fingerprint FingerprintOf(byte[] key, CapturedValue value) => value switch
    {
        { IsMissing: true } => Fingerprint.Unknown,
        { IsNull: true } => Fingerprint.Null,
        _ => Fingerprint.Of(key, value.Text.Span),
    };
}
