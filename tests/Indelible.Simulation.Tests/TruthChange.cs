using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Simulation.Tests;

/// <summary>A change that the simulated database made, as its entry must say it.</summary>
internal sealed record TruthChange
{
    public required Position Position { get; init; }
    public required uint TransactionId { get; init; }
    public required MicroTime CommittedAt { get; init; }
    public required Operation Operation { get; init; }
    public required SimTable Table { get; init; }
    public required string? Leaf { get; init; }
    public required Grade Grade { get; init; }
    public required string? OperatorId { get; init; }
    public required string? Reason { get; init; }
    public string[] Key { get; init; } = [];
    public string[]? PreviousKey { get; init; }
    public IReadOnlyList<TruthField> Fields { get; init; } = [];
}

/// <summary>A protected column of a change.</summary>
internal readonly record struct TruthField(string Column, TruthValue Before, TruthValue After);

/// <summary>A value: text, NULL, or missing for a reason.</summary>
internal readonly record struct TruthValue(string? Text, MissingReason? Missing = null);

/// <summary>A committed transaction as it goes over the wire.</summary>
/// <param name="Commit">Where its commit record begins.</param>
/// <param name="End">Where that ends: what is confirmed.</param>
/// <param name="Messages">In order, each with the relation that must be described before it; 0 if none.</param>
internal sealed record SimTransaction(Lsn Commit, Lsn End, IReadOnlyList<(uint Oid, byte[] Bytes)> Messages);
