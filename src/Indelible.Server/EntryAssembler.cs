using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Turns a header and clear fields into one encoded entry, or several parts where one would be too long.
/// One caller at a time.</summary>
internal sealed class EntryAssembler(Keyring keyring, TimeProvider time)
{
    /// <summary>What larger part numbers may add to a header.</summary>
    private const int PartNumbersMax = 16;

    private readonly EntryWriter _writer = new();
    private readonly EntryTerms _terms = new();
    private readonly RandomBlock _random = new();
    private readonly byte[] _nonce = new byte[16];
    private readonly List<int> _partEnds = [];

    /// <summary>Bytes of all entries made so far.</summary>
    public long TotalLength { get; private set; }

    /// <summary>Where every header's nonce is: filled in later.</summary>
    public ReadOnlyMemory<byte> Nonce => _nonce;

    /// <summary>The time of sealing for a header made now.</summary>
    public MicroTime Now => MicroTime.From(time.GetUtcNow());

    /// <summary>A header with what every entry has. Its nonce is this object's and filled in later.</summary>
    public EntryHeader NewHeader(EntryKind kind, string? source) => new()
    {
        Origin = keyring.Origin,
        Kind = kind,
        Nonce = _nonce,
        SealedAt = Now,
        Source = source,
    };

    /// <summary>Adds the entry to the batch, its blobs and what the index finds it by with it.</summary>
    public void Add(EntryBatch batch, EntryHeader header, List<DraftField> fields, in SubjectKey before, in SubjectKey after)
    {
        Begin(header);
        int headerLength = _writer.Length + PartNumbersMax;
        if (headerLength + LengthMax(fields) <= EntryLimits.EntryLengthMax)
        {
            AddFields(fields, 0, fields.Count, before, after);
            End(batch, header, fields, 0, fields.Count);
            return;
        }
        AddParts(batch, header, fields, before, after, headerLength);
    }

    private void AddParts(
        EntryBatch batch, EntryHeader header, List<DraftField> fields, in SubjectKey before, in SubjectKey after, int headerLength)
    {
        Plan(fields, headerLength);
        int from = 0;
        for (int part = 0; part < _partEnds.Count; part++)
        {
            Begin(header with { Position = header.Position is { } position
                ? position with { Part = (uint)part, PartCount = (uint)_partEnds.Count }
                : null });
            AddFields(fields, from, _partEnds[part], before, after);
            End(batch, header, fields, from, _partEnds[part]);
            from = _partEnds[part];
        }
    }

    /// <summary>Fills each part as far as it goes; the format's limits leave room for any one field.</summary>
    private void Plan(List<DraftField> fields, int headerLength)
    {
        _partEnds.Clear();
        long length = headerLength;
        for (int i = 0; i < fields.Count; i++)
        {
            int added = LengthMax(fields[i]);
            if (length + added > EntryLimits.EntryLengthMax)
            {
                _partEnds.Add(i);
                length = headerLength;
            }
            length += added;
        }
        _partEnds.Add(fields.Count);
    }

    private void Begin(EntryHeader header)
    {
        _random.Take(_nonce.Length).CopyTo(_nonce);
        _writer.Begin(header);
    }

    private void AddFields(List<DraftField> fields, int from, int to, in SubjectKey before, in SubjectKey after)
    {
        for (int i = from; i < to; i++)
        {
            DraftField field = fields[i];
            _writer.AddField(field.Scope, field.Name, field.Policy, field.Before, field.After, before.Bytes, after.Bytes);
        }
    }

    private void End(EntryBatch batch, EntryHeader header, List<DraftField> fields, int from, int to)
    {
        ReadOnlyMemory<byte> entry = _writer.End();
        foreach (SealedBlob blob in _writer.Blobs) batch.AddBlob(new Blob(blob.Sha256, blob.Ciphertext));
        CollectTerms(header, fields, from, to);
        batch.Add(entry.Span, _terms.Collected, EntryTerms.TimeOf(header));
        TotalLength += entry.Length;
    }

    /// <summary>What the index will find the entry by: taken here, where the values are in clear.</summary>
    private void CollectTerms(EntryHeader header, List<DraftField> fields, int from, int to)
    {
        _terms.Begin(header);
        for (int i = from; i < to; i++)
        {
            DraftField field = fields[i];
            if (field.Scope != FieldScope.Column) continue;
            _terms.AddColumn(field.Name);
            if (header is not { Source: { } source, Relation: { } relation }) continue;
            AddToken(source, relation.Id, field.Name, field.Before);
            AddToken(source, relation.Id, field.Name, field.After);
        }
    }

    private void AddToken(string source, uint relation, string column, in ClearValue value)
    {
        if (value.IsMissing || value.IsNull) return;
        Span<byte> token = stackalloc byte[Keyring.BlindTokenSize];
        keyring.BlindToken(source, relation, column, value.Bytes.Span, token);
        _terms.AddValue(token);
    }

    private static long LengthMax(List<DraftField> fields)
    {
        long length = 0;
        foreach (DraftField field in fields) length += LengthMax(field);
        return length;
    }

    private static int LengthMax(in DraftField field) => EntryWriter.FieldLengthMax(field.Name, field.Policy, field.Before, field.After);
}
