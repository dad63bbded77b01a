namespace Indelible.Format.Entries;

/// <summary>A header while it is being read: every member may still be absent.</summary>
internal sealed class HeaderDraft
{
    public ulong? Version { get; set; }
    public string? Origin { get; set; }
    public EntryKind? Kind { get; set; }
    public ReadOnlyMemory<byte> Nonce { get; set; }
    public MicroTime? SealedAt { get; set; }
    public string? Source { get; set; }
    public Position? Position { get; set; }
    public uint? TransactionId { get; set; }
    public MicroTime? CommittedAt { get; set; }
    public Relation? Relation { get; set; }
    public Operation? Operation { get; set; }
    public RowKey? Key { get; set; }
    public RowKey? PreviousKey { get; set; }
    public KeyId? SubjectBefore { get; set; }
    public KeyId? SubjectAfter { get; set; }
    public Operator? Operator { get; set; }
    public ulong? RowCount { get; set; }
    public Coverage? Coverage { get; set; }
    public Snapshot? Snapshot { get; set; }
    public string? Code { get; set; }
    public Dictionary<string, string>? Facts { get; set; }
    public StateRoot? State { get; set; }

    /// <summary>Names the first member that every entry has and this one lacks; empty if none.</summary>
    public string CheckAlways()
    {
        if (Version is null) return "expected a version, found none";
        if (Origin is null) return "expected an origin, found none";
        if (Kind is null) return "expected a kind, found none";
        if (Nonce.IsEmpty) return "expected a nonce, found none";
        return SealedAt is null ? "expected a sealed time, found none" : "";
    }

    /// <summary>Call after <see cref="CheckAlways"/> found nothing.</summary>
    public EntryHeader ToHeader() => new()
    {
        Origin = Origin!,
        Kind = Kind!.Value,
        Nonce = Nonce,
        SealedAt = SealedAt!.Value,
        Source = Source,
        Position = Position,
        TransactionId = TransactionId,
        CommittedAt = CommittedAt,
        Relation = Relation,
        Operation = Operation,
        Key = Key,
        PreviousKey = PreviousKey,
        SubjectBefore = SubjectBefore,
        SubjectAfter = SubjectAfter,
        Operator = Operator,
        RowCount = RowCount,
        Coverage = Coverage,
        Snapshot = Snapshot,
        Code = Code,
        Facts = Facts,
        State = State,
    };
}
