using Indelible.Capture;
using Indelible.Format.Sealing;
using Indelible.Index;

namespace Indelible.Server.Continuity;

/// <summary>Notes what rows hold while their baseline is sealed. What cannot be noted is read from the entries when the source is captured:
/// see <see cref="RowImageCatchUp"/>, which comes to the same.</summary>
internal sealed class BaselineRows
{
    private readonly LedgerHost _host;
    private readonly string _source;
    private readonly RowImages _images;
    private readonly long _resets;
    private bool _isNoting = true;

    private BaselineRows(LedgerHost host, string source)
    {
        (_host, _source, _images) = (host, source, host.View.Index.Rows);
        _resets = _images.Resets;
    }

    /// <summary>Begins where everything sealed of the source is noted.</summary>
    public static async Task<BaselineRows> BeginAsync(
        LedgerHost host, string source, Protection protection, CancellationToken cancellationToken)
    {
        BaselineRows rows;
        try
        {
            await host.PublishAsync(cancellationToken);
            rows = new BaselineRows(host, source);
            new RowImageCatchUp(host.View, source, protection).Run(cancellationToken);
        }
        catch (IndexDiskException)
        {
            return new BaselineRows(host, source) { _isNoting = false };
        }
        return rows;
    }

    /// <summary>Notes rows that were just sealed.</summary>
    /// <param name="chunks">The rows, with their tables, in the order in which they were sealed.</param>
    /// <param name="treeSize">Size of the ledger with the last of them.</param>
    public void Note(IReadOnlyList<(ProtectedTable Table, LiveChunk Chunk)> chunks, long treeSize)
    {
        if (!_isNoting) return;
        RowChanges changes = new(_source) { AppliedTo = treeSize };
        foreach (IGrouping<ProtectedTable, (ProtectedTable, LiveChunk Chunk)> ofTable in chunks.GroupBy(chunk => chunk.Table))
            Add(changes, ofTable.Key, [.. ofTable.Select(chunk => chunk.Chunk)]);
        try
        {
            _isNoting = _images.Apply(changes, _resets);
        }
        catch (IndexDiskException)
        {
            _isNoting = false;
        }
    }

    private void Add(RowChanges changes, ProtectedTable table, IReadOnlyList<LiveChunk> chunks)
    {
        byte[][] keys = [.. table.Columns.Select(column => _host.Keyring.FingerprintKey(_source, table.Id, column.Number))];
        foreach (LiveChunk chunk in chunks)
        {
            foreach (LiveRow row in chunk.Rows)
                changes.Set(ContinuityCheck.TagOf(_host.Keyring, _source, table.Id, row.Key), ImageOf(table, row, keys, chunk));
        }
        ulong name = RowTag.Of(_source, table.Id);
        TableMarks marks = _images.MarksOf(name);
        if (chunks[^1].ReadAfter > marks.SettledAt) changes.Mark(name, marks with { SettledAt = chunks[^1].ReadAfter });
    }

    private static RowImage ImageOf(ProtectedTable table, LiveRow row, byte[][] keys, LiveChunk chunk)
    {
        ColumnImage[] columns = new ColumnImage[keys.Length];
        for (int i = 0; i < columns.Length; i++)
            columns[i] = new ColumnImage(table.Columns[i].Number, FingerprintOf(row.Values[i], keys[i]));
        return new RowImage { At = chunk.ReadAfter, Ordinal = 0, Leaf = RowImage.LeafOf(row.Leaf), Columns = columns };
    }

    private static Fingerprint FingerprintOf(in CapturedValue value, byte[] key) =>
        value.IsMissing ? Fingerprint.Unknown : value.IsNull ? Fingerprint.Null : Fingerprint.Of(key, value.Text.Span);
}
