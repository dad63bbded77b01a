using System.Buffers.Binary;
using System.Text;
using Indelible.Capture;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Says, after a gap, what one table holds otherwise than the ledger says, and which rows it no longer holds. Who did it, and when, is unknown.</summary>
/// <remarks>Compares with what is published when a row is looked at. Memory: 16 bytes a row.</remarks>
internal sealed class FoundRows(LedgerHost host, EntryMaker maker, string source, ProtectedTable table)
{
    private const int PageLimit = 1000;
    private const int BatchEntries = 1000;

    private readonly HashSet<UInt128> _live = [];
    private readonly LiveValues _liveValues = new(host.View);

    /// <summary>Adds an entry of what differs in a row as it stands; none if nothing does.</summary>
    public void Compare(EntryBatch entries, LiveRow row, Snapshot snapshot)
    {
        _live.Add(TagOf(row.Key));
        RowState state = StateOf(RowQuery.Of(host.View, source, table, row.Key).Query);
        List<CapturedField> fields = [];
        for (int i = 0; i < table.Columns.Count; i++)
        {
            StateField? known = state.Fields.FirstOrDefault(field => field.Name == table.Columns[i].Name);
            if (row.Values[i].IsMissing || (known is not null && _liveValues.Compare(known, row.Values[i]) is null)) continue;
            CapturedValue before = state.Exists == true ? Opened(known) : CapturedValue.Missing(MissingReason.NoRow);
            fields.Add(new CapturedField(table.Columns[i], before, row.Values[i]));
        }
        if (fields.Count > 0) maker.AddFound(entries, table, row.Leaf, row.Key, fields, row.Subject, row.Subject, snapshot);
    }

    /// <summary>Seals an entry for each row that stands in the ledger and was not among those compared.</summary>
    public async Task SealGoneAsync(Snapshot snapshot, CancellationToken cancellationToken)
    {
        EntryBatch entries = new();
        HashSet<UInt128> seen = [];
        Query query = new() { Relation = new RelationId(source, table.Id), OldestFirst = true, Limit = PageLimit };
        for (string? after = null; ;)
        {
            Page page = host.View.Index.Find(query with { After = after });
            foreach (long index in page.Entries)
            {
                if (host.View.Header(index) is not { Kind: EntryKind.Change or EntryKind.Baseline, Key: { } key }) continue;
                UInt128 tag = TagOf(key);
                if (!_live.Contains(tag) && seen.Add(tag)) AddGone(entries, key, snapshot);
            }
            if (entries.Count >= BatchEntries || (page.Next is null && entries.Count > 0))
            {
                await host.SealAsync(entries, cancellationToken);
                entries = new EntryBatch();
            }
            if ((after = page.Next) is null) return;
        }
    }

    private void AddGone(EntryBatch entries, RowKey key, Snapshot snapshot)
    {
        Query query = new() { Relation = new RelationId(source, table.Id) };
        RowState state = StateOf(key.Token.IsEmpty
            ? query with { Key = [.. key.Columns.Select(column => column.Value)] }
            : query with { KeyToken = key.Token.ToArray() });
        if (state.Exists != true || ClearKey(key, state) is not { } clear) return;
        List<CapturedField> fields = [];
        foreach (ProtectedColumn column in table.Columns)
        {
            StateField? known = state.Fields.FirstOrDefault(field => field.Name == column.Name);
            if (known is not null) fields.Add(new CapturedField(column, Opened(known), CapturedValue.Missing(MissingReason.NoRow)));
        }
        maker.AddFound(entries, table, null, clear, fields, null, null, snapshot);
    }

    /// <summary>The key's values; those of a token are among the row's sealed fields. Null if they do not open.</summary>
    private IReadOnlyList<string>? ClearKey(RowKey key, RowState state)
    {
        if (key.Token.IsEmpty) return [.. key.Columns.Select(column => column.Value)];
        List<string> parts = [];
        foreach (string name in table.Key)
        {
            CapturedValue part = Opened(state.Fields.FirstOrDefault(field => field.Name == name));
            if (part.IsMissing || part.IsNull) return null;
            parts.Add(Encoding.UTF8.GetString(part.Text.Span));
        }
        return parts;
    }

    /// <summary>A value of the ledger in clear; missing where it is not known, kept as a digest, or its key is gone.</summary>
    private CapturedValue Opened(StateField? field)
    {
        if (field is null || field.Value.Kind == ValueKind.Digest) return CapturedValue.Missing(MissingReason.NotCaptured);
        OpenedValue opened = host.View.Values.Open(field.Entry, field.Field, field.Side);
        if (opened.Fault != OpenFault.None || opened.Value.IsMissing) return CapturedValue.Missing(MissingReason.NotCaptured);
        return opened.Value.IsNull ? CapturedValue.Null : CapturedValue.Of(opened.Value.Bytes);
    }

    private RowState StateOf(Query row) => RowState.Of(host.View, row, static (_, _) => true);

    private UInt128 TagOf(RowKey key) => key.Token.IsEmpty
        ? TagOf([.. key.Columns.Select(column => column.Value)])
        : BinaryPrimitives.ReadUInt128BigEndian(key.Token.Span);

    private UInt128 TagOf(IReadOnlyList<string> key)
    {
        Span<byte> token = stackalloc byte[Keyring.RowKeyTokenSize];
        host.Keyring.RowKeyToken(source, table.Id, key, token);
        return BinaryPrimitives.ReadUInt128BigEndian(token);
    }
}
