namespace Indelible.Format.Entries;

/// <summary>Integer keys of the header map. docs/format.md#header.</summary>
internal enum HeaderKey
{
    Version = 0,
    Origin = 1,
    Kind = 2,
    Nonce = 3,
    SealedAt = 4,
    Source = 5,
    Position = 6,
    TransactionId = 7,
    CommittedAt = 8,
    Relation = 9,
    Operation = 10,
    Key = 11,
    PreviousKey = 12,
    Subjects = 13,
    Operator = 14,
    RowCount = 15,
    Coverage = 16,
    Snapshot = 17,
    Code = 18,
    Facts = 19,
    State = 20,
}

/// <summary>Integer keys of the operator map. docs/format.md#operator.</summary>
internal enum OperatorKey
{
    Grade = 0,
    Id = 1,
    SessionUser = 2,
    Role = 3,
    Application = 4,
    Address = 5,
    BackendPid = 6,
    BackendStart = 7,
    LoginRole = 8,
    ReplicationOrigin = 9,
    OperatorCount = 10,
}
