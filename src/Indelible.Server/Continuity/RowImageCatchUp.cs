using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Continuity;

/// <summary>Brings the row images of a source up to what is published, from the entries themselves:
/// after a baseline, a crash, or a rebuilt index.</summary>
/// <remarks>Only here are old entries decrypted. A value that cannot be opened (a digest, a key that is gone) is not known,
/// and is not checked until the row's next change.</remarks>
internal sealed class RowImageCatchUp
{
    private const int EntriesMax = 4096;

    private readonly LedgerView _view;
    private readonly string _source;
    private readonly RowImages _images;
    private readonly long _resets;
    private readonly PendingRows _rows;
    private readonly Dictionary<uint, ProtectedTable> _tables;
    private readonly Dictionary<uint, TableMarks> _marks;
    private RowChanges _changes;
    private long _batch;

    public RowImageCatchUp(LedgerView view, string source, Protection protection)
    {
        (_view, _source, _images) = (view, source, view.Index.Rows);
        _resets = _images.Resets;
        _rows = new PendingRows(_images);
        _changes = new RowChanges(source);
        _tables = protection.Tables.ToDictionary(table => table.Id);
        _marks = protection.Tables.ToDictionary(table => table.Id, table => _images.MarksOf(RowTag.Of(source, table.Id)));
    }

    /// <summary>Reads what is not reflected yet. Returns how many entries that was.</summary>
    /// <exception cref="IndelibleException">Environment: the index was made again meanwhile.</exception>
    public long Run(CancellationToken cancellationToken)
    {
        long from = _images.AppliedTo(_source), to = _view.Reader.ReadCheckpoint().Size;
        foreach ((long Index, ReadOnlyMemory<byte> Entry)[] chunk in _view.Reader.ReadEntries(from, Math.Max(from, to)).Chunk(EntriesMax))
        {
            cancellationToken.ThrowIfCancellationRequested();
            _batch++;
            foreach ((long _, ReadOnlyMemory<byte> bytes) in chunk) Add(bytes);
            _changes.AppliedTo = chunk[^1].Index + 1;
            if (!_images.Apply(_changes, _resets))
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"source {_source}: the index was made again while what its rows hold was read from the ledger; this is begun again");
            }
            _rows.Drop(_batch);
            _changes = new RowChanges(_source);
        }
        return Math.Max(0, to - from);
    }

    private void Add(ReadOnlyMemory<byte> bytes)
    {
        if (EntryCodec.Decode(bytes, out Entry entry) != EntryFault.None || entry.Header.Source != _source) return;
        EntryHeader header = entry.Header;
        if (header.Kind == EntryKind.Guard) Guard(header);
        if (header.Relation is not { } relation || !_tables.TryGetValue(relation.Id, out ProtectedTable? table)) return;
        if (header.Kind == EntryKind.Baseline) Baseline(entry, table);
        else if (header.Kind == EntryKind.Change) Change(entry, table);
    }

    private void Baseline(Entry entry, ProtectedTable table)
    {
        Lsn readAfter = entry.Header.Snapshot!.ReadAfter;
        RowTag tag = TagOf(table, entry.Header.Key!);
        Set(tag, ImageOf(entry, table, _rows.Find(tag), readAfter, 0));
        if (readAfter > _marks[table.Id].SettledAt) Mark(table, _marks[table.Id] with { SettledAt = readAfter });
    }

    private void Change(Entry entry, ProtectedTable table)
    {
        EntryHeader header = entry.Header;
        Lsn at = header.Position?.CommitLsn ?? header.Snapshot?.ReadAfter ?? Lsn.None;
        if (header.Operation == Operation.Truncate)
        {
            ulong name = RowTag.Of(_source, table.Id), leaf = RowImage.LeafOf(header.Relation!.Leaf);
            _rows.EndAll(name, leaf, _batch);
            _changes.RemoveAll(name, leaf);
            return;
        }
        RowTag tag = TagOf(table, header.Key!);
        RowTag was = header.PreviousKey is { } previous ? TagOf(table, previous) : tag;
        bool isFirstPart = header.Position is not { Part: > 0 };
        RowImage? held = isFirstPart ? _rows.Find(was) : _rows.Find(tag);
        if (isFirstPart && header.Operation == Operation.Insert) held = null;
        bool isGone = header.Operation == Operation.Delete || (header.Operation == Operation.Found && RowState.SaysGone(entry));
        if (isGone || (was != tag && isFirstPart)) Set(was, null);
        if (!isGone) Set(tag, ImageOf(entry, table, held, at, header.Position?.Ordinal ?? 0));
    }

    /// <summary>Recorded statements that rewrote values in place.</summary>
    private void Guard(EntryHeader header)
    {
        if (header is not { Code: GuardCode.Ddl, Facts: { } facts, Position: { } position }) return;
        if (!Rewrites.Is(facts.GetValueOrDefault("tag"), facts) || Rewrites.TableOf(facts, [.. _tables.Values]) is not { } table) return;
        Mark(table, _marks[table.Id] with { RewrittenAt = position.CommitLsn, RewrittenOrdinal = position.Ordinal });
    }

    private RowTag TagOf(ProtectedTable table, RowKey key) => key.Token.IsEmpty
        ? ContinuityCheck.TagOf(_view.Keyring, _source, table.Id, [.. key.Columns.Select(column => column.Value)])
        : new RowTag(RowTag.Of(_source, table.Id), System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(key.Token.Span));

    private RowImage ImageOf(Entry entry, ProtectedTable table, RowImage? held, Lsn at, uint ordinal)
    {
        ColumnImage[] columns =
            [.. table.Columns.Select(column => new ColumnImage(column.Number, held?[column.Number] ?? Fingerprint.Unknown))];
        SubjectKey? before = _view.Values.KeyOf(entry.Header.SubjectBefore), after = _view.Values.KeyOf(entry.Header.SubjectAfter);
        foreach (Field field in entry.Fields)
        {
            int place = field.Scope == FieldScope.Column ? table.Columns.FindIndex(column => column.Name == field.Name) : -1;
            if (place < 0 || !Said(field)) continue;
            short number = table.Columns[place].Number;
            Fingerprint value = FingerprintOf(_view.Values.Open(entry, field, Side.After, before, after), table, number);
            columns[place] = columns[place] with { Value = value };
        }
        return new RowImage { At = at, Ordinal = ordinal, Leaf = RowImage.LeafOf(entry.Header.Relation!.Leaf), Columns = columns };
    }

    /// <summary>False where the entry says only that the value did not change.</summary>
    private static bool Said(Field field) => field.After is not { Kind: ValueKind.Missing, Reason: MissingReason.Unchanged };

    private Fingerprint FingerprintOf(in OpenedValue opened, ProtectedTable table, short column)
    {
        if (opened.Fault != OpenFault.None || opened.Value.IsMissing) return Fingerprint.Unknown;
        return opened.Value.IsNull
            ? Fingerprint.Null
            : Fingerprint.Of(_view.Keyring.FingerprintKey(_source, table.Id, column), opened.Value.Bytes.Span);
    }

    private void Set(in RowTag tag, RowImage? image)
    {
        _rows.Set(tag, image, _batch);
        if (image is null) _changes.Remove(tag);
        else _changes.Set(tag, image);
    }

    private void Mark(ProtectedTable table, in TableMarks marks)
    {
        _marks[table.Id] = marks;
        _changes.Mark(RowTag.Of(_source, table.Id), marks);
    }
}
