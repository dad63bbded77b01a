using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Capture.Reading;

/// <summary>Collects changes for one batch and owns the bytes of their values until the batch is handed over.
/// Owned by the capture loop.</summary>
internal sealed class BatchBuilder
{
    /// <summary>Changes in a batch at most.</summary>
    public const int ChangesMax = 4_096;
    /// <summary>Bytes in a batch at most, one change's excess apart.</summary>
    public const int BytesMax = 4 * 1024 * 1024;

    /// <summary>What a change costs beside its fields, roughly, in bytes.</summary>
    private const int ChangeOverhead = 256;
    /// <summary>What a field costs beside its values: a wide table's rows are mostly that.</summary>
    private const int FieldOverhead = 64;
    /// <summary>Bytes of keys, operator and other texts that are in <see cref="ChangeOverhead"/>; longer ones are counted.</summary>
    private const int TextsFree = 1_024;
    /// <summary>Small enough to stay out of the large-object heap.</summary>
    private const int BlockLength = 64 * 1024;
    /// <summary>Longer values get an array of their own.</summary>
    private const int InBlockMax = BlockLength / 4;

    private List<CapturedChange> _changes = [];
    private byte[] _block = [];
    private int _used;
    private long _bytes;
    private Operator? _who;

    public int Count => _changes.Count;

    public bool IsFull => _changes.Count >= ChangesMax || _bytes >= BytesMax;

    public void Add(CapturedChange change)
    {
        _bytes += ChangeOverhead + (change is CapturedChange.Row row ? row.Fields.Count * FieldOverhead : 0);
        long texts = sizeof(char) * TextsOf(change);
        if (texts > TextsFree) _bytes += texts;
        _changes.Add(change);
    }

    /// <summary>Characters that a change holds beside its values. Neighbours share their operator and reason.</summary>
    private long TextsOf(CapturedChange change)
    {
        long length = 0;
        if (!ReferenceEquals(change.Operator, _who))
        {
            _who = change.Operator;
            length = LengthOf(change.Reason, _who.Id, _who.SessionUser, _who.Role, _who.Application, _who.Address, _who.LoginRole,
                _who.ReplicationOrigin);
        }
        return length + change switch
        {
            CapturedChange.Row row => LengthOf(row.Key) + LengthOf(row.PreviousKey) + LengthOf(row.SubjectBefore, row.SubjectAfter),
            CapturedChange.Ddl ddl => ddl.Statement.Length + LengthOf([.. ddl.Facts.Values]),
            _ => 0,
        };
    }

    private static long LengthOf(params ReadOnlySpan<string?> texts)
    {
        long length = 0;
        foreach (string? text in texts) length += text?.Length ?? 0;
        return length;
    }

    private static long LengthOf(IReadOnlyList<string>? key)
    {
        long length = 0;
        for (int i = 0; i < key?.Count; i++) length += key[i].Length;
        return length;
    }

    /// <summary>A copy of a value that lives as long as the batch.</summary>
    public ReadOnlyMemory<byte> Keep(ReadOnlySpan<byte> value)
    {
        if (value.IsEmpty) return default;
        _bytes += value.Length;
        if (value.Length > InBlockMax) return value.ToArray();
        if (value.Length > _block.Length - _used)
        {
            _block = new byte[BlockLength];
            _used = 0;
        }
        Memory<byte> kept = _block.AsMemory(_used, value.Length);
        value.CopyTo(kept.Span);
        _used += value.Length;
        return kept;
    }

    /// <summary>The batch; the builder begins anew.</summary>
    public CapturedBatch Build(Position last, Lsn confirmableBefore, Lsn confirmable)
    {
        CapturedBatch batch =
            new() { Changes = _changes, Last = last, ConfirmableBefore = confirmableBefore, Confirmable = confirmable, Length = _bytes };
        // The rest of the block goes on serving: blocks are shared by neighbours and freed by the collector.
        _changes = new List<CapturedChange>(Math.Min(_changes.Count, ChangesMax));
        _bytes = 0;
        _who = null;
        return batch;
    }
}
