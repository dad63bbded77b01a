using Indelible.Format.Cbor;

namespace Indelible.Format.Entries;

/// <summary>Header → bytes. docs/format.md#header. Throws <see cref="ArgumentException"/> for what
/// <see cref="EntryCodec.Decode"/> would refuse.</summary>
internal static class HeaderWriter
{
    public static void Write(ref CborWriter writer, EntryHeader header)
    {
        Require(EntryRules.CheckMembers(header));
        Require(EntryRules.CheckNonce(header.Nonce.Span));
        int start = writer.Length;
        writer.Map(int.PopCount(EntryRules.Present(header)));
        Key(ref writer, HeaderKey.Version);
        writer.Unsigned(EntryRules.Version);
        Key(ref writer, HeaderKey.Origin);
        Text(ref writer, header.Origin);
        Key(ref writer, HeaderKey.Kind);
        writer.Unsigned((byte)header.Kind);
        Key(ref writer, HeaderKey.Nonce);
        writer.Bytes(header.Nonce.Span);
        Key(ref writer, HeaderKey.SealedAt);
        Time(ref writer, header.SealedAt);
        WritePlace(ref writer, header);
        WriteRow(ref writer, header);
        WriteRest(ref writer, header);
        int length = writer.Length - start;
        if (length > EntryLimits.HeaderLengthMax)
            throw new ArgumentException($"expected a header of at most {EntryLimits.HeaderLengthMax} bytes, found {length}");
    }

    private static void WritePlace(ref CborWriter writer, EntryHeader header)
    {
        if (header.Source is { } source)
        {
            Key(ref writer, HeaderKey.Source);
            Text(ref writer, source);
        }
        if (header.Position is { } position)
        {
            Key(ref writer, HeaderKey.Position);
            WritePosition(ref writer, position);
        }
        if (header.TransactionId is { } transaction)
        {
            Key(ref writer, HeaderKey.TransactionId);
            writer.Unsigned(transaction);
        }
        if (header.CommittedAt is { } committed)
        {
            Key(ref writer, HeaderKey.CommittedAt);
            Time(ref writer, committed);
        }
    }

    private static void WriteRow(ref CborWriter writer, EntryHeader header)
    {
        if (header.Relation is { } relation)
        {
            Key(ref writer, HeaderKey.Relation);
            WriteRelation(ref writer, relation);
        }
        if (header.Operation is { } operation)
        {
            Key(ref writer, HeaderKey.Operation);
            writer.Unsigned((byte)operation);
        }
        if (header.Key is { } key)
        {
            Key(ref writer, HeaderKey.Key);
            WriteRowKey(ref writer, key);
        }
        if (header.PreviousKey is { } previous)
        {
            Key(ref writer, HeaderKey.PreviousKey);
            WriteRowKey(ref writer, previous);
        }
        if (header.SubjectBefore is not null || header.SubjectAfter is not null)
        {
            Key(ref writer, HeaderKey.Subjects);
            writer.Array(2);
            WriteSubject(ref writer, header.SubjectBefore);
            WriteSubject(ref writer, header.SubjectAfter);
        }
    }

    private static void WriteRest(ref CborWriter writer, EntryHeader header)
    {
        if (header.Operator is { } person)
        {
            Key(ref writer, HeaderKey.Operator);
            OperatorWriter.Write(ref writer, person);
        }
        if (header.RowCount is { } rows)
        {
            Key(ref writer, HeaderKey.RowCount);
            writer.Unsigned(rows);
        }
        if (header.Coverage is { } coverage)
        {
            Key(ref writer, HeaderKey.Coverage);
            WriteCoverage(ref writer, coverage);
        }
        if (header.Snapshot is { } snapshot)
        {
            Key(ref writer, HeaderKey.Snapshot);
            writer.Array(2);
            Text(ref writer, snapshot.Text);
            writer.Unsigned(snapshot.ReadAfter.Bytes);
        }
        if (header.Code is { } code)
        {
            Key(ref writer, HeaderKey.Code);
            Text(ref writer, code);
        }
        if (header.Facts is { Count: > 0 } facts)
        {
            Key(ref writer, HeaderKey.Facts);
            WriteFacts(ref writer, facts);
        }
        if (header.State is { } state)
        {
            Key(ref writer, HeaderKey.State);
            WriteState(ref writer, state);
        }
    }

    private static void WritePosition(ref CborWriter writer, Position position)
    {
        if (position.Part >= position.PartCount)
            throw new ArgumentException($"expected a part below the part count, found {position.Part} of {position.PartCount}");
        writer.Array(4);
        writer.Unsigned(position.CommitLsn.Bytes);
        writer.Unsigned(position.Ordinal);
        writer.Unsigned(position.Part);
        writer.Unsigned(position.PartCount);
    }

    private static void WriteRelation(ref CborWriter writer, Relation relation)
    {
        if (relation.Id == 0) throw new ArgumentException("expected a relation id from 1, found 0");
        writer.Array(4);
        writer.Unsigned(relation.Id);
        Text(ref writer, relation.Schema);
        Text(ref writer, relation.Name);
        if (relation.Leaf is { } leaf) Text(ref writer, leaf);
        else writer.Null();
    }

    private static void WriteRowKey(ref CborWriter writer, RowKey key)
    {
        if (key.Token.Length > 0)
        {
            if (key.Token.Length != 32 || key.Columns.Count > 0)
            {
                throw new ArgumentException(
                    "expected a row key of columns or a token of 32 bytes, "
                        + $"found {key.Columns.Count} columns and {key.Token.Length} bytes");
            }
            writer.Bytes(key.Token.Span);
            return;
        }
        if (key.Columns.Count is < 1 or > EntryLimits.KeyColumnsMax)
            throw new ArgumentException($"expected 1 to {EntryLimits.KeyColumnsMax} key columns, found {key.Columns.Count}");
        writer.Array(key.Columns.Count);
        for (int i = 0; i < key.Columns.Count; i++)
        {
            KeyColumn column = key.Columns[i];
            writer.Array(2);
            Text(ref writer, column.Name);
            Text(ref writer, column.Value, EntryLimits.KeyValueLengthMax, mayBeEmpty: true);
        }
    }

    private static void WriteSubject(ref CborWriter writer, KeyId? subject)
    {
        if (subject is not { } id)
        {
            writer.Null();
            return;
        }
        Span<byte> bytes = stackalloc byte[KeyId.Size];
        id.Write(bytes);
        writer.Bytes(bytes);
    }

    private static void WriteCoverage(ref CborWriter writer, Coverage coverage)
    {
        if (coverage.To < coverage.From)
            throw new ArgumentException($"expected coverage that ends no earlier than it begins, found {coverage.From} to {coverage.To}");
        if (coverage.Timeline == 0) throw new ArgumentException("expected a timeline from 1, found 0");
        if (coverage.Protection.Length != 32)
            throw new ArgumentException($"expected a protection hash of 32 bytes, found {coverage.Protection.Length}");
        writer.Array(6);
        writer.Unsigned(coverage.From.Bytes);
        writer.Unsigned(coverage.To.Bytes);
        writer.Unsigned(coverage.SystemId);
        writer.Unsigned(coverage.Timeline);
        Text(ref writer, coverage.Slot);
        writer.Bytes(coverage.Protection.Span);
    }

    /// <summary>Names in the order of their encoding: shorter first, then bytewise (RFC 8949 §4.2.1).</summary>
    private static void WriteFacts(ref CborWriter writer, IReadOnlyDictionary<string, string> facts)
    {
        if (facts.Count > EntryLimits.FactsMax)
            throw new ArgumentException($"expected at most {EntryLimits.FactsMax} facts, found {facts.Count}");
        writer.Map(facts.Count);
        foreach ((string name, string value) in facts.OrderBy(fact => fact.Key, Utf8Order.Instance))
        {
            Text(ref writer, name);
            Text(ref writer, value, mayBeEmpty: true);
        }
    }

    private static void WriteState(ref CborWriter writer, StateRoot state)
    {
        if (state.Size is < 0 or > Merkle.Tree.SizeMax)
            throw new ArgumentException($"expected a tree size from 0 to {Merkle.Tree.SizeMax}, found {state.Size}");
        writer.Array(2);
        writer.Unsigned((ulong)state.Size);
        writer.Bytes(state.Root.Bytes);
    }

    private static void Key(ref CborWriter writer, HeaderKey key) => writer.Unsigned((ulong)key);

    /// <summary>An instant that can be written as a date.</summary>
    public static void Time(ref CborWriter writer, MicroTime time)
    {
        if (time < MicroTime.Min || time > MicroTime.Max)
        {
            throw new ArgumentException(
                $"expected a time from {MicroTime.Min} to {MicroTime.Max}, found {time.Micros} microseconds since 1970");
        }
        writer.Integer(time.Micros);
    }

    /// <summary>A text of 1 to <paramref name="lengthMax"/> bytes (0 where it may be empty).</summary>
    public static void Text(ref CborWriter writer, string text, int lengthMax = EntryLimits.TextLengthMax, bool mayBeEmpty = false)
    {
        int before = writer.Length;
        if (text.Length > lengthMax)
            throw new ArgumentException($"expected a text of at most {lengthMax} bytes, found one of {text.Length} characters");
        if (text.Length == 0 && !mayBeEmpty) throw new ArgumentException($"expected a text, found an empty one (header, byte {before})");
        int length = writer.Text(text);
        if (length > lengthMax) throw new ArgumentException($"expected a text of at most {lengthMax} bytes, found {length}");
    }

    private static void Require(string rule)
    {
        if (rule.Length > 0) throw new ArgumentException(rule);
    }
}
