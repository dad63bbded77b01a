using System.Globalization;
using Indelible.Format.Merkle;

namespace Indelible.Format.Entries;

/// <summary>The two entries that link a ledger with its successor: the last one of the older, the first one of the newer.
/// docs/format.md#chains.</summary>
public static class Succession
{
    /// <summary>Code of the last entry of a ledger that was closed.</summary>
    public const string ClosedCode = "closed";
    /// <summary>Code of the first entry of a successor.</summary>
    public const string SucceedsCode = "succeeds";
    /// <summary>What a fact is called that says how far a source is sealed; the source's name follows.</summary>
    public const string SealedTo = "sealed-to-";

    /// <summary>Facts of the entry that closes a ledger.</summary>
    /// <param name="successor">What comes after it.</param>
    public static Dictionary<string, string> Facts(Successor successor) =>
        new() { ["successor"] = successor.Origin, ["successor-key"] = successor.Key };

    /// <summary>Facts of a successor's first entry.</summary>
    /// <param name="predecessor">What it succeeds.</param>
    /// <param name="knownSize">Size of the highest head of it that anybody has.</param>
    /// <param name="knownRoot">Root of that head.</param>
    public static Dictionary<string, string> Facts(Predecessor predecessor, long knownSize, Hash knownRoot) => new()
    {
        ["predecessor"] = predecessor.Origin,
        ["predecessor-key"] = predecessor.Key,
        ["complete-size"] = predecessor.Size.ToString(CultureInfo.InvariantCulture),
        ["complete-root"] = predecessor.Root.ToString(),
        ["known-size"] = knownSize.ToString(CultureInfo.InvariantCulture),
        ["known-root"] = knownRoot.ToString(),
    };

    /// <summary>What the entry says comes after its ledger; null if it does not close one.</summary>
    public static Successor? SuccessorIn(EntryHeader header) =>
        header is { Kind: EntryKind.Admin, Code: ClosedCode, Facts: { } facts } && facts.TryGetValue("successor", out string? origin)
            && facts.TryGetValue("successor-key", out string? key)
            ? new Successor(origin, key) : null;

    /// <summary>What the entry says its ledger succeeds; null if it is no successor's first entry.</summary>
    public static Predecessor? PredecessorIn(EntryHeader header)
    {
        if (header is not { Kind: EntryKind.Admin, Code: SucceedsCode, Facts: { } facts }) return null;
        Span<byte> root = stackalloc byte[Hash.Size];
        return facts.TryGetValue("predecessor", out string? origin) && facts.TryGetValue("predecessor-key", out string? key)
            && long.TryParse(facts.GetValueOrDefault("complete-size"), NumberStyles.None, CultureInfo.InvariantCulture, out long size)
            && size <= Tree.SizeMax
            && Convert.TryFromBase64String(facts.GetValueOrDefault("complete-root") ?? "", root, out int length) && length == Hash.Size
            ? new Predecessor(origin, key, size, Hash.Read(root)) : null;
    }
}

/// <summary>The ledger that comes after a closed one.</summary>
/// <param name="Origin">Its origin.</param>
/// <param name="Key">Its verifier key, as text.</param>
public sealed record Successor(string Origin, string Key);

/// <summary>The ledger that a successor succeeds.</summary>
/// <param name="Origin">Its origin.</param>
/// <param name="Key">Its verifier key, as text.</param>
/// <param name="Size">Its entries up to this size are complete; all of them if it was closed.</param>
/// <param name="Root">Root of its tree of that size.</param>
public sealed record Predecessor(string Origin, string Key, long Size, Hash Root);
