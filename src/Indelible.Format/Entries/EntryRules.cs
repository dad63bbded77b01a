namespace Indelible.Format.Entries;

/// <summary>Which members an entry of a kind must and may carry. docs/format.md#kinds.</summary>
internal static class EntryRules
{
    /// <summary>The one version there is.</summary>
    public const int Version = 1;

    private const int Always = 0b1_1111;    // version, origin, kind, nonce, sealedAt

    /// <summary>The first rule the header breaks; empty if none.</summary>
    public static string CheckMembers(EntryHeader header)
    {
        if (header.Kind > EntryKind.Event) return $"expected a kind, found {header.Kind}";
        (int required, int optional) = Members(header.Kind, header.Operation);
        int present = Present(header);
        if ((required & ~present) is int missing and not 0) return $"expected {Name(missing)} in a {Describe(header)} entry, found none";
        if ((present & ~(required | optional)) is int extra and not 0)
            return $"expected no {Name(extra)} in a {Describe(header)} entry, found one";
        return "";
    }

    /// <summary>Says what is wrong with a nonce; empty if nothing.</summary>
    public static string CheckNonce(ReadOnlySpan<byte> nonce)
    {
        if (nonce.Length != 16) return $"expected a nonce of 16 bytes, found {nonce.Length}";
        return nonce.ContainsAnyExcept((byte)0) ? "" : "expected a random nonce, found zeros";
    }

    /// <summary>Says what is wrong with a field of this scope in this entry; empty if nothing.</summary>
    public static string CheckPlace(EntryHeader header, FieldScope scope)
    {
        bool takesColumns = header.Kind is EntryKind.Change or EntryKind.Baseline && header.Operation != Operation.Truncate;
        bool takesTexts = header.Kind is not (EntryKind.Baseline or EntryKind.Coverage or EntryKind.State);
        if (scope == FieldScope.Column && !takesColumns) return $"expected no columns in a {Describe(header)} entry, found one";
        if (scope == FieldScope.Text && !takesTexts) return $"expected no texts in a {Describe(header)} entry, found one";
        return "";
    }

    /// <summary>Says what is wrong with a field in this entry; empty if nothing.</summary>
    public static string CheckField(EntryHeader header, Field field)
    {
        string rule = CheckPlace(header, field.Scope);
        if (rule.Length == 0) rule = CheckSubject(header.SubjectBefore, field.Before.Kind, Side.Before);
        if (rule.Length == 0) rule = CheckSubject(header.SubjectAfter, field.After.Kind, Side.After);
        if (rule.Length > 0) return rule;
        if (field.Scope == FieldScope.Text
            && !(field.Before.Kind == ValueKind.Missing && field.Before.Reason == MissingReason.NotApplicable))
                return "expected no before in a text, found one";
        bool isCommitted = IsEncrypted(field.Before.Kind) || IsEncrypted(field.After.Kind);
        if (isCommitted == field.Commitment.IsEmpty)
            return isCommitted ? "expected a commitment to encrypted values, found none" : "expected no commitment, found one";
        return "";
    }

    /// <summary>True for a value that a side key opens.</summary>
    public static bool IsEncrypted(ValueKind kind) => kind is ValueKind.Sealed or ValueKind.Blob;

    private static string CheckSubject(KeyId? subject, ValueKind kind, Side side) =>
        kind is ValueKind.Sealed or ValueKind.Digest or ValueKind.Blob && subject is null
            ? $"expected a subject key for the {side} side, found none in the header"
            : "";

    /// <summary>Members that an entry of a kind must carry and those it may, one bit each at the place of its key;
    /// for a change, of its operation.</summary>
    public static (int Required, int Optional) Members(EntryKind kind, Operation? operation) => kind switch
    {
        EntryKind.Change => ChangeMembers(operation),
        EntryKind.Baseline => (Always | Bits(HeaderKey.Source, HeaderKey.Relation, HeaderKey.Key, HeaderKey.Snapshot),
            Bits(HeaderKey.Position, HeaderKey.Subjects)),
        EntryKind.Coverage => (Always | Bits(HeaderKey.Source, HeaderKey.Coverage), 0),
        EntryKind.Guard => (Always | Bits(HeaderKey.Code),
            Bits(HeaderKey.Source, HeaderKey.Position, HeaderKey.TransactionId, HeaderKey.CommittedAt, HeaderKey.Relation, HeaderKey.Key,
                HeaderKey.Subjects, HeaderKey.Operator, HeaderKey.Snapshot, HeaderKey.Facts)),
        EntryKind.Access => (Always | Bits(HeaderKey.Operator, HeaderKey.Code),
            Bits(HeaderKey.Source, HeaderKey.Relation, HeaderKey.Key, HeaderKey.Subjects, HeaderKey.Facts)),
        EntryKind.State => (Always | Bits(HeaderKey.State), 0),
        EntryKind.Event => (Always | Bits(HeaderKey.Operator, HeaderKey.Code),
            Bits(HeaderKey.Source, HeaderKey.CommittedAt, HeaderKey.Relation, HeaderKey.Key, HeaderKey.Subjects, HeaderKey.Facts)),
        _ => (Always | Bits(HeaderKey.Code),
            Bits(HeaderKey.Source, HeaderKey.Relation, HeaderKey.Key, HeaderKey.Subjects, HeaderKey.Facts)),
    };

    private static (int Required, int Optional) ChangeMembers(Operation? operation)
    {
        int common = Always | Bits(HeaderKey.Source, HeaderKey.Relation, HeaderKey.Operation, HeaderKey.Operator);
        int logged = common | Bits(HeaderKey.Position, HeaderKey.TransactionId, HeaderKey.CommittedAt);
        return operation switch
        {
            Operation.Truncate => (logged, Bits(HeaderKey.RowCount, HeaderKey.Subjects)),
            Operation.Update => (logged | Bits(HeaderKey.Key), Bits(HeaderKey.PreviousKey, HeaderKey.Subjects)),
            Operation.Found => (common | Bits(HeaderKey.Key, HeaderKey.Snapshot), Bits(HeaderKey.Position, HeaderKey.Subjects)),
            _ => (logged | Bits(HeaderKey.Key), Bits(HeaderKey.Subjects)),
        };
    }

    /// <summary>One bit per member that is there, at the place of its key.</summary>
    public static int Present(EntryHeader header)
    {
        int present = Always;
        if (header.Source is not null) present |= Bits(HeaderKey.Source);
        if (header.Position is not null) present |= Bits(HeaderKey.Position);
        if (header.TransactionId is not null) present |= Bits(HeaderKey.TransactionId);
        if (header.CommittedAt is not null) present |= Bits(HeaderKey.CommittedAt);
        if (header.Relation is not null) present |= Bits(HeaderKey.Relation);
        if (header.Operation is not null) present |= Bits(HeaderKey.Operation);
        if (header.Key is not null) present |= Bits(HeaderKey.Key);
        if (header.PreviousKey is not null) present |= Bits(HeaderKey.PreviousKey);
        if (header.SubjectBefore is not null || header.SubjectAfter is not null) present |= Bits(HeaderKey.Subjects);
        if (header.Operator is not null) present |= Bits(HeaderKey.Operator);
        if (header.RowCount is not null) present |= Bits(HeaderKey.RowCount);
        if (header.Coverage is not null) present |= Bits(HeaderKey.Coverage);
        if (header.Snapshot is not null) present |= Bits(HeaderKey.Snapshot);
        if (header.Code is not null) present |= Bits(HeaderKey.Code);
        if (header.Facts is { Count: > 0 }) present |= Bits(HeaderKey.Facts);
        if (header.State is not null) present |= Bits(HeaderKey.State);
        return present;
    }

    private static string Describe(EntryHeader header) =>
        header.Kind == EntryKind.Change && header.Operation is { } operation ? $"change ({operation})" : header.Kind.ToString();

    private static HeaderKey Name(int bits) => (HeaderKey)int.TrailingZeroCount(bits);

    private static int Bits(params ReadOnlySpan<HeaderKey> keys)
    {
        int bits = 0;
        foreach (HeaderKey key in keys) bits |= 1 << (int)key;
        return bits;
    }
}
