using Indelible.Format.Cbor;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;

namespace Indelible.Format;

/// <summary>What the extra line of an evidence file carries: the entry, and keys that open some of its sides. Deterministic CBOR.
/// docs/format.md#evidence.</summary>
/// <remarks>Nothing here is authenticated by itself: the entry is proved by its hash, the keys by the entry's commitments.</remarks>
public sealed record EvidenceExtra
{
    /// <summary>The most sides one file may disclose.</summary>
    public const int DisclosedMax = 2 * EntryLimits.FieldsMax;

    private const int EntryKey = 0;
    private const int DisclosedKey = 1;
    // Scope, name, side, key, hash of the other key: heads included.
    private const int DisclosedLengthMax = 1 + 1 + 3 + EntryLimits.FieldNameLengthMax + 1 + (2 * (2 + Merkle.Hash.Size));
    private const int OverheadMax = 32;

    /// <summary>The entry, as it is in the ledger.</summary>
    public required ReadOnlyMemory<byte> Entry { get; init; }

    /// <summary>The sides disclosed; empty for none.</summary>
    public IReadOnlyList<DisclosedSide> Disclosed { get; init; } = [];

    /// <summary>The one encoding.</summary>
    public byte[] ToBytes()
    {
        var writer = new CborWriter(new byte[OverheadMax + Entry.Length + (Disclosed.Count * DisclosedLengthMax)]);
        writer.Map(Disclosed.Count == 0 ? 1 : 2);
        writer.Unsigned(EntryKey);
        writer.Bytes(Entry.Span);
        if (Disclosed.Count > 0)
        {
            writer.Unsigned(DisclosedKey);
            writer.Array(Disclosed.Count);
            foreach (DisclosedSide side in Disclosed) side.Write(ref writer);
        }
        return writer.Written.ToArray();
    }

    /// <summary>Reads the one encoding; <paramref name="extra"/> is null exactly if a fault is returned.
    /// Does not decode the entry.</summary>
    public static EntryFault Parse(ReadOnlySpan<byte> bytes, out EvidenceExtra? extra)
    {
        extra = null;
        var reader = new CborReader(bytes);
        bool isRead = TryRead(ref reader, out byte[] entry, out List<DisclosedSide> disclosed, out string rule);
        if (!isRead) return new EntryFault(rule.Length > 0 ? rule : reader.Rule, reader.Position);
        if (!reader.AtEnd) return new EntryFault("expected the end, found more bytes", reader.Position);
        extra = new EvidenceExtra { Entry = entry, Disclosed = disclosed };
        return EntryFault.None;
    }

    private static bool TryRead(ref CborReader reader, out byte[] entry, out List<DisclosedSide> disclosed, out string rule)
    {
        (entry, disclosed, rule) = ([], [], "");
        if (!reader.TryReadMap(out int members)) return false;
        if (members is not (1 or 2)) return Refuse($"expected an entry and perhaps disclosed sides, found {members} members", out rule);
        if (!TryReadKey(ref reader, EntryKey, out rule) || !reader.TryReadBytes(out ReadOnlySpan<byte> bytes)) return false;
        if (bytes.Length > EntryLimits.EntryLengthMax)
            return Refuse($"expected an entry of at most {EntryLimits.EntryLengthMax} bytes, found {bytes.Length}", out rule);
        entry = bytes.ToArray();
        if (members == 1) return true;
        if (!TryReadKey(ref reader, DisclosedKey, out rule) || !reader.TryReadArray(out int count)) return false;
        if (count is 0 or > DisclosedMax) return Refuse($"expected 1 to {DisclosedMax} disclosed sides, found {count}", out rule);
        for (int i = 0; i < count; i++)
        {
            rule = DisclosedSide.Read(ref reader, out DisclosedSide? side);
            if (rule.Length > 0) return false;
            disclosed.Add(side!);
        }
        return true;
    }

    private static bool TryReadKey(ref CborReader reader, int expected, out string rule)
    {
        rule = "";
        if (!reader.TryReadUnsigned(out ulong key)) return false;
        return key == (ulong)expected || Refuse($"expected key {expected}, found {key}", out rule);
    }

    private static bool Refuse(string broken, out string rule)
    {
        rule = broken;
        return false;
    }
}
