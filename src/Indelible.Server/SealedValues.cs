using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;

namespace Indelible.Server;

/// <summary>Opens sealed values with the keyring. Whoever shows one to a person seals an access entry first.</summary>
public sealed class SealedValues(Func<Keyring> keyring, LedgerReader reader)
{
    /// <summary>Opens one side of a field; values kept in clear or missing are returned as they are, digests are never opened.</summary>
    public OpenedValue Open(Entry entry, Field field, Side side) =>
        Open(entry, field, side, KeyOf(entry.Header.SubjectBefore), KeyOf(entry.Header.SubjectAfter));

    /// <summary>A subject's key; null if there is no subject, or its key is not here.</summary>
    internal SubjectKey? KeyOf(KeyId? subject) => subject is { } id && keyring().TryGetKey(id, out SubjectKey key) ? key : null;

    /// <summary>As <see cref="Open(Entry, Field, Side)"/>, with the keys of the entry's subjects, for whoever opens several values of it:
    /// finding a key costs more than using it.</summary>
    internal OpenedValue Open(Entry entry, Field field, Side side, SubjectKey? before, SubjectKey? after)
    {
        FieldValue value = side == Side.Before ? field.Before : field.After;
        switch (value.Kind)
        {
            case ValueKind.Missing: return new OpenedValue(OpenFault.None, ClearValue.Missing(value.Reason), true);
            case ValueKind.Plain: return new OpenedValue(OpenFault.None, value.IsNull ? ClearValue.Null : ClearValue.Of(value.Bytes), true);
            case ValueKind.Digest: return new OpenedValue(OpenFault.NotSealed, default, false);
        }
        if ((side == Side.Before ? before : after) is not { } key) return new OpenedValue(OpenFault.NotSealed, default, false);
        ReadOnlyMemory<byte> blob = value.Kind == ValueKind.Blob ? reader.ReadBlob(value.Bytes.Span) : default;
        return (side == Side.Before ? after : before) is { } other && other.Id != key.Id
            ? SealedValue.Open(entry, field, side, key.Bytes, other.Bytes, blob)
            : SealedValue.Open(entry, field, side, key.Bytes, default, blob);
    }

    /// <summary>True if a value kept as a digest was this one.</summary>
    public bool DigestMatches(Entry entry, Field field, Side side, in ClearValue candidate)
    {
        KeyId? subject = side == Side.Before ? entry.Header.SubjectBefore : entry.Header.SubjectAfter;
        return subject is { } id && keyring().TryGetKey(id, out SubjectKey key)
            && SealedValue.DigestMatches(entry, field, side, key.Bytes, candidate);
    }

    /// <summary>The blind index's tokens of an entry: one for each value of a protected column, made from the opened values.</summary>
    public IReadOnlyList<byte[]>? TokensOf(Entry entry)
    {
        if (entry.Header is not { Source: { } source, Relation: { } relation, Kind: EntryKind.Change or EntryKind.Baseline }) return null;
        List<byte[]> tokens = [];
        SubjectKey? before = KeyOf(entry.Header.SubjectBefore), after = KeyOf(entry.Header.SubjectAfter);
        foreach (Field field in entry.Fields)
        {
            if (field.Scope != FieldScope.Column) continue;
            foreach (Side side in (ReadOnlySpan<Side>)[Side.Before, Side.After])
            {
                OpenedValue opened = Open(entry, field, side, before, after);
                if (opened.Fault != OpenFault.None || opened.Value.IsMissing || opened.Value.IsNull) continue;
                tokens.Add(keyring().BlindToken(source, relation.Id, field.Name, opened.Value.Bytes.Span));
            }
        }
        return tokens.Count == 0 ? null : tokens;
    }
}
