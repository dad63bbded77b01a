namespace Indelible.Capture;

/// <summary>A relation: its oid and exact names.</summary>
internal sealed record RelationName(uint Oid, string Schema, string Name)
{
    /// <summary>Quoted, for SQL.</summary>
    public string Quoted => PgIdentifier.Quote(Schema, Name);

    /// <summary>For messages.</summary>
    public override string ToString() => $"{Schema}.{Name}";
}

/// <summary>The session and the server.</summary>
internal sealed record SessionFacts
{
    public required int VersionNumber { get; init; }
    public required string WalLevel { get; init; }
    public required string Encoding { get; init; }
    public required string Database { get; init; }
    public required string Role { get; init; }
    public required bool IsSuperuser { get; init; }
    public required bool MayCreateRoles { get; init; }
    public required bool MayReplicate { get; init; }
    public required bool MayBypassRowSecurity { get; init; }
    public required bool MayCreateInDatabase { get; init; }
    public required bool IsStandby { get; init; }
    public required ulong SystemId { get; init; }
    public required int SlotMax { get; init; }
    public required int SlotCount { get; init; }
    public required int SenderMax { get; init; }
    /// <summary>Whether the session may act as the owner of schema indelible; null if there is no such schema.</summary>
    public required bool? OwnsSchema { get; init; }
    public required bool IsInstalled { get; init; }
    public required int EventTriggerCount { get; init; }
    public required string DatabaseOwner { get; init; }
    /// <summary>Role that owns schema indelible; null if there is no such schema.</summary>
    public required string? SchemaOwner { get; init; }
    /// <summary>Whether that role is a superuser.</summary>
    public required bool IsSchemaSuperusers { get; init; }
}

/// <summary>A relation that was named, as the catalog has it.</summary>
internal sealed record TableFacts
{
    public required RelationName Name { get; init; }
    /// <summary>pg_class.relkind.</summary>
    public required char Kind { get; init; }
    /// <summary>pg_class.relpersistence.</summary>
    public required char Persistence { get; init; }
    public required bool HasRowSecurity { get; init; }
    public required bool IsPartition { get; init; }
    public required string? Root { get; init; }
    public required bool IsOwned { get; init; }
    public required string Owner { get; init; }
    public required bool HasChildren { get; init; }
    public required IReadOnlyList<string> Key { get; init; }
    /// <summary>True if two rows may hold one key until a statement or transaction ends.</summary>
    public required bool HasDeferrableKey { get; init; }
    public required IReadOnlyList<ColumnFacts> Columns { get; init; }
}

/// <summary>A column. Generated: empty, 's' (stored) or 'v' (virtual).</summary>
internal sealed record ColumnFacts(short Number, string Name, string Type, string Generated);

/// <summary>A member of a protected tree.</summary>
internal sealed record MemberFacts
{
    public required RelationName Name { get; init; }
    public required char Kind { get; init; }
    public required char Persistence { get; init; }
    /// <summary>pg_class.relreplident.</summary>
    public required char Identity { get; init; }
    public required string? IdentityIndex { get; init; }
    /// <summary>pg_trigger.tgenabled of our trigger; <c>?</c> if a trigger of that name is another one; null if there is none.</summary>
    public required char? TriggerEnabled { get; init; }
    /// <summary>Rows by the server's statistics; 0 if it does not know. Of a partitioned one its partitions' rows may be in it.</summary>
    public required long RowEstimate { get; init; }
}
