using CsCheck;
using Indelible.Format.Entries;

namespace Indelible.Format.Tests.Entries;

public sealed class EntryRoundTripTests
{
    private static readonly Gen<string> Text = Gen.String[Gen.Char['\u0000', '\ud7ff'], 1, 40];
    private static readonly Gen<byte[]> Hash = Gen.Byte.Array[32];

    private static readonly Gen<FieldValue> Value = Gen.OneOf(
        Gen.Int[0, 4].Select(reason => FieldValue.Missing((MissingReason)reason)),
        Gen.Byte.Array[0, 300].Select(bytes => FieldValue.Plain(bytes)),
        Gen.Const(FieldValue.PlainNull()),
        Gen.Int[32, 63].Select(size => FieldValue.Sealed(new byte[(size & ~3) + 16])),
        Hash.Select(hash => FieldValue.Digest(hash)),
        Hash.Select(hash => FieldValue.Blob(hash, 20_480 + 16)));

    private static readonly Gen<EntryHeader> Header =
        Gen.Select(Text, Text, Gen.Long[MicroTime.Min.Micros, MicroTime.Max.Micros], Gen.ULong, Gen.UInt, Text, Text, Gen.Int[0, 3]).Select(
        (origin, source, time, lsn, number, schema, name, grade) =>
            Some.ChangeHeader(number % 2 == 0 ? Operation.Update : Operation.Delete) with
        {
            Origin = origin,
            Source = source,
            SealedAt = new MicroTime(time),
            Position = new Position(new Lsn(lsn), number, number / 2, (number / 2) + 1),
            TransactionId = number,
            Relation = new Relation((number / 2) + 1, schema, name),
            Key = Some.Key((name, schema), (schema, "")),
            Operator = new Operator { Grade = (Grade)grade, Id = name, BackendPid = unchecked((int)number), OperatorCount = number / 3 },
        });

    [Fact]
    public void Any_entry_survives_encoding_and_decoding() =>
        Gen.Select(Header, Text, Value, Value, Hash).Sample((header, name, before, after, commitment) =>
    {
        bool isCommitted = EntryRules.IsEncrypted(before.Kind) || EntryRules.IsEncrypted(after.Kind);
        var field = new Field { Scope = FieldScope.Column, Name = name, Before = before, After = after,
            Commitment = isCommitted ? commitment : default };
        byte[] bytes = Some.Encode(new Entry { Header = header, Fields = [field] });
        Entry back = Some.Decode(bytes);
        Assert.Equal(bytes, Some.Encode(back));
        Assert.Equal((header.Origin, header.Source, header.SealedAt, header.Position),
            (back.Header.Origin, back.Header.Source, back.Header.SealedAt, back.Header.Position));
        Assert.Equal(header.Relation, back.Header.Relation);
        Assert.Equal(header.Operator, back.Header.Operator);
        Assert.Equal(header.Key!.Columns, back.Header.Key!.Columns);
        Assert.Equal((name, before.Kind, after.Kind), (back.Fields[0].Name, back.Fields[0].Before.Kind, back.Fields[0].After.Kind));
        Assert.Equal(after.Bytes.ToArray(), back.Fields[0].After.Bytes.ToArray());
    });
}
