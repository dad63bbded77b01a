using System.Buffers.Binary;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;
using Microsoft.Extensions.Logging;

namespace Indelible.Server.Continuity;

/// <summary>Holds every change against what the ledger last said of its row: the before-image must be the last after-image,
/// an update or delete must find a living row, an insert none. Works on fingerprints: nothing is decrypted.</summary>
/// <remarks>One for each session. <see cref="Check"/> belongs to the loop that reads, <see cref="Apply"/> to the last.</remarks>
internal sealed class ContinuityCheck
{
    /// <summary>Breaks told one by one in a batch; the rest are counted in the last.</summary>
    public const int BreaksMax = 100;
    /// <summary>Entries after which a source's size is noted even if nothing of it changed.</summary>
    private const long AppliedDistanceMax = 4096;

    /// <summary>Rows whose ends are noted one by one.</summary>
    private const int EndedMax = 1 << 16;

    private readonly string _source;
    private readonly Keyring _keyring;
    private readonly RowImages _images;
    private readonly ILogger _logger;
    private readonly PendingRows _rows;
    private readonly Dictionary<uint, TableMarks> _marks;
    private readonly IReadOnlyList<ProtectedTable> _tables;
    private readonly List<ContinuityBreak> _breaks = [];
    private readonly HashSet<RowTag> _ended = [];
    private bool _allEnded;
    private RowChanges _changes;
    private long _batch;
    private long _appliedTo;
    private readonly long _resets;
    private volatile bool _isSuspended;

    public ContinuityCheck(string source, Protection protection, Keyring keyring, RowImages images, ILogger logger)
    {
        (_source, _keyring, _images, _logger) = (source, keyring, images, logger);
        _rows = new PendingRows(images);
        _resets = images.Resets;
        _marks = protection.Tables.ToDictionary(table => table.Id, table => images.MarksOf(RowTag.Of(source, table.Id)));
        _tables = protection.Tables;
        _changes = new RowChanges(source);
        _appliedTo = images.AppliedTo(source);
    }

    /// <summary>True once the index, which could not be written for a while, can be again:
    /// a new session reads from the ledger what was missed, and checks on.</summary>
    public bool IsToBeginAnew { get; private set; }

    /// <summary>Checks nothing from now on: what rows held cannot be kept.</summary>
    public void Suspend(IndexDiskException reason)
    {
        _isSuspended = true;
        ServerLog.ContinuitySuspended(_logger, _source, reason.Message);
    }

    /// <summary>Names a row by its key: what <see cref="RowImages"/> keeps its image under.</summary>
    public static RowTag TagOf(Keyring keyring, string source, uint table, IReadOnlyList<string> key)
    {
        Span<byte> token = stackalloc byte[Keyring.RowKeyTokenSize];
        keyring.RowKeyToken(source, table, key, token);
        return new RowTag(RowTag.Of(source, table), BinaryPrimitives.ReadUInt128BigEndian(token));
    }

    /// <summary>Checks a batch, in order, and remembers what its rows hold now.</summary>
    public CheckedBatch Check(CapturedBatch batch)
    {
        _batch++;
        if (IsBlind) return new CheckedBatch([], new RowChanges(_source), _batch);
        _breaks.Clear();
        _changes = new RowChanges(_source);
        for (int i = 0; i < batch.Changes.Count; i++)
        {
            switch (batch.Changes[i])
            {
                case CapturedChange.Row row when row.Key.Count > 0: CheckRow(i, row); break;
                case CapturedChange.Truncation truncation: EndAll(truncation); break;
                case CapturedChange.Ddl ddl when Rewrites.Is(ddl.Tag, ddl.Facts): Forget(ddl); break;
            }
        }
        return new CheckedBatch(IsBlind ? [] : [.. _breaks], _changes, _batch);
    }

    /// <summary>What rows held is not known: it could not be written, or what was not written yet is gone.</summary>
    public bool IsBlind => _isSuspended || _images.Resets != _resets;

    /// <summary>Makes what a batch changed the state to check against after a restart. Call once it is sealed.</summary>
    /// <param name="batch">The batch.</param>
    /// <param name="treeSize">Size of the ledger with the batch's last entry.</param>
    public void Apply(CheckedBatch batch, long treeSize)
    {
        Tell(batch);
        IsToBeginAnew |= _images.Resets != _resets;
        if (IsToBeginAnew) return;
        if (!_isSuspended && batch.Rows.IsEmpty && treeSize - _appliedTo < AppliedDistanceMax) return;
        RowChanges rows = _isSuspended ? new RowChanges(_source) : batch.Rows;
        rows.AppliedTo = _isSuspended ? _appliedTo : treeSize;
        try
        {
            IsToBeginAnew = !_images.Apply(rows, _resets) || _isSuspended;
            if (IsToBeginAnew) return;
        }
        catch (IndexDiskException e)
        {
            if (!_isSuspended) Suspend(e);
            return;
        }
        _appliedTo = rows.AppliedTo;
        _rows.Drop(batch.Number);
    }

    private void Tell(CheckedBatch batch)
    {
        if (batch.Breaks.Count == 0) return;
        CapturedChange.Row first = batch.Breaks[0].Change;
        string table = $"{first.Table.Schema}.{first.Table.Name}", at = first.Position.CommitLsn.ToString();
        ServerLog.ContinuityBroken(_logger, _source, batch.BreakCount, table, at, batch.Breaks[0].What);
    }

    /// <summary>Takes over what rows were found to hold: images, or null for rows that are gone.
    /// To be sealed where it is called, among the batches that were checked.</summary>
    public CheckedBatch Take(IEnumerable<KeyValuePair<RowTag, RowImage?>> rows)
    {
        _batch++;
        _changes = new RowChanges(_source);
        foreach ((RowTag tag, RowImage? image) in rows) Set(tag, image);
        return new CheckedBatch([], _changes, _batch);
    }

    /// <summary>Notes which rows end from now on, until called again.</summary>
    public void NoteEnds()
    {
        _ended.Clear();
        _allEnded = false;
    }

    /// <summary>True if nothing that was checked says anything of a row after a position, so that what was worked out at that position
    /// holds still.</summary>
    /// <param name="tag">The row.</param>
    /// <param name="exists">Whether it stood at that position. Then <see cref="NoteEnds"/> was called before it was looked at.</param>
    /// <param name="position">The position.</param>
    public bool IsUntouched(in RowTag tag, bool exists, Lsn position)
    {
        if (_allEnded || _ended.Contains(tag)) return false;
        return _rows.Find(tag) is { } held ? exists && held.At <= position : !exists;
    }

    private void CheckRow(int index, CapturedChange.Row row)
    {
        RowTag tag = TagOf(_keyring, _source, row.Table.Id, row.Key);
        if (row.Operation == Operation.Insert)
        {
            if (_rows.Find(tag) is { } living) Break(index, row, "an insert of a row that is there already", "", living.At);
            Set(tag, ImageAfter(row, null));
            return;
        }
        RowTag was = row.PreviousKey is null ? tag : TagOf(_keyring, _source, row.Table.Id, row.PreviousKey);
        RowImage? held = _rows.Find(was);
        IReadOnlyList<ProtectedColumn> differing = CompareBefore(index, row, held);
        if (row.Operation == Operation.Delete || was != tag) Set(was, null);
        if (row.Operation != Operation.Delete) Set(tag, Forgetting(differing, row, ImageAfter(row, held)));
    }

    /// <summary>Gives the columns that do not fit.</summary>
    private IReadOnlyList<ProtectedColumn> CompareBefore(int index, CapturedChange.Row row, RowImage? held)
    {
        if (held is null)
        {
            Break(index, row, "a change of a row that the ledger does not hold", "", Lsn.None);
            return [];
        }
        if (row.Before.Count == 0 || !_marks[row.Table.Id].IsComparable(held)) return [];
        List<ProtectedColumn>? differing = null;
        for (int i = 0; i < row.Before.Count; i++)
        {
            ProtectedColumn column = row.Table.Columns[i];
            if (!held[column.Number].MayBe(row.Before[i])) (differing ??= []).Add(column);
        }
        if (differing is null) return [];
        string names = string.Join(", ", differing.Select(column => column.Name));
        Break(index, row, "the value before is not the last one sealed", names, held.At);
        return differing;
    }

    /// <summary>What does not fit and is not in the change's entry stands in no entry:
    /// a crosscheck is to look at the entries for it.</summary>
    private static RowImage Forgetting(IReadOnlyList<ProtectedColumn> differing, CapturedChange.Row row, RowImage image)
    {
        if (differing.Count == 0) return image;
        bool IsLost(short number) => differing.Any(column => column.Number == number)
            && row.Fields.All(field => field.Column.Number != number);
        return image with { Columns =
            [.. image.Columns.Select(column => IsLost(column.Column) ? column with { Value = Fingerprint.Unknown } : column)] };
    }

    /// <summary>What is committed before the baseline's end may show in it already;
    /// and what the ledger holds then follows from replaying.</summary>
    private void Break(int index, CapturedChange.Row row, string what, string columns, Lsn held)
    {
        if (row.Position.CommitLsn <= _marks[row.Table.Id].SettledAt) return;
        if (_breaks.Count < BreaksMax) _breaks.Add(new ContinuityBreak(index, row, what, columns, held));
        else _breaks[^1] = _breaks[^1] with { More = _breaks[^1].More + 1 };
    }

    private void EndAll(CapturedChange.Truncation truncation)
    {
        ulong table = RowTag.Of(_source, truncation.Table.Id), leaf = RowImage.LeafOf(truncation.Leaf);
        _rows.EndAll(table, leaf, _batch);
        _changes.RemoveAll(table, leaf);
        _allEnded = true;
    }

    private void Set(in RowTag tag, RowImage? image)
    {
        if (image is null) NoteEnd(tag);
        _rows.Set(tag, image, _batch);
        if (image is null) _changes.Remove(tag);
        else _changes.Set(tag, image);
    }

    private void NoteEnd(in RowTag tag)
    {
        if (_allEnded) return;
        _ended.Add(tag);
        if (_ended.Count < EndedMax) return;
        _ended.Clear();
        _allEnded = true;
    }

    private static RowImage ImageAfter(CapturedChange.Row row, RowImage? held)
    {
        ColumnImage[] columns = new ColumnImage[row.After.Count];
        for (int i = 0; i < columns.Length; i++)
        {
            short number = row.Table.Columns[i].Number;
            Fingerprint after = row.After[i];
            columns[i] = new ColumnImage(number, after.IsKnown || held is null ? after : held[number]);
        }
        return new RowImage
        {
            At = row.Position.CommitLsn, Ordinal = row.Position.Ordinal, Leaf = RowImage.LeafOf(row.Leaf), Columns = columns,
        };
    }

    /// <summary>A statement that is recorded, and tells no row's new values: the images from before it say nothing any more.</summary>
    private void Forget(CapturedChange.Ddl ddl)
    {
        if (Rewrites.TableOf(ddl.Facts, _tables) is not { } table) return;
        TableMarks marks = _marks[table.Id] with { RewrittenAt = ddl.Position.CommitLsn, RewrittenOrdinal = ddl.Position.Ordinal };
        _marks[table.Id] = marks;
        _changes.Mark(RowTag.Of(_source, table.Id), marks);
    }
}
