using Indelible.Format;

namespace Indelible.Capture.PgOutput;

/// <summary>Begin of a transaction.</summary>
internal readonly record struct BeginMessage(Lsn CommitLsn, MicroTime CommittedAt, uint TransactionId);

/// <summary>Its commit. <paramref name="End"/> is what is confirmed.</summary>
internal readonly record struct CommitMessage(Lsn CommitLsn, Lsn End, MicroTime CommittedAt);

/// <summary>Shape of a relation, by names only.</summary>
internal sealed record RelationMessage(uint Oid, string Schema, string Name, char Identity, IReadOnlyList<RelationColumn> Columns);

/// <summary>One column of a relation.</summary>
/// <param name="InIdentity">Part of the replica identity (every column under FULL).</param>
internal readonly record struct RelationColumn(string Name, uint Type, bool InIdentity);

/// <summary>Which row versions a row message carries before the new one.</summary>
internal enum OldTuple
{
    None,
    Key,
    Full,
}

/// <summary>A logical message. <paramref name="Content"/> is a part of the message parsed.</summary>
internal readonly ref struct EmittedMessage(bool transactional, ReadOnlySpan<byte> prefix, ReadOnlySpan<byte> content)
{
    public bool Transactional { get; } = transactional;
    public ReadOnlySpan<byte> Prefix { get; } = prefix;
    public ReadOnlySpan<byte> Content { get; } = content;
}
