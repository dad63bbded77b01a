using System.Buffers;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Ledger;

namespace Indelible.Index.Tests;

/// <summary>Entries drawn from small sets, so that every filter has hits and misses.</summary>
internal static class Some
{
    public const string Origin = "test.example/index";

    public static readonly string[] Tables = ["patients", "Übergabe", "visits"];
    public static readonly string[] Schemas = ["public", "old"];
    public static readonly string?[] Leaves = ["\"public\".\"eu\"", "\"public\".\"us\"", null];
    public static readonly string[] Sources = ["crm", "lab"];
    public static readonly string[] Columns = ["ssn", "phone", "dose"];
    public static readonly string[] People = ["anna", "ben", "chen"];

    public static Entry Entry(Random random, long i) => random.Next(20) switch
    {
        0 => Guard(random, i),
        1 => Change(random, i) with { Header = Truncation(random, i), Fields = [] },
        _ => Change(random, i),
    };

    public static byte[] Token(int value) => [.. Enumerable.Repeat((byte)value, 16)];

    public static byte[] Encode(Entry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        EntryCodec.Encode(entry, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    /// <summary>Entries with their terms, as the pipeline hands them over.</summary>
    public static EntryBatch Batch(IEnumerable<(Entry Entry, IReadOnlyList<byte[]> Tokens)> items)
    {
        EntryTerms terms = new();
        EntryBatch batch = new();
        foreach ((Entry entry, IReadOnlyList<byte[]> tokens) in items)
        {
            terms.Collect(entry, tokens);
            batch.Add(Encode(entry), terms.Collected, EntryTerms.TimeOf(entry.Header));
        }
        return batch;
    }

    private static Entry Change(Random random, long i)
    {
        bool insert = random.Next(3) == 0;
        FieldValue value = FieldValue.Sealed(new byte[48]);
        string[] columns = [.. Columns.Where(_ => random.Next(2) == 0)];
        return new Entry
        {
            Header = Base(random, i) with
            {
                Operation = insert ? Operation.Insert : Operation.Update,
                Key = Key(random),
                PreviousKey = !insert && random.Next(5) == 0 ? Key(random) : null,
                SubjectBefore = insert ? null : new KeyId(1),
                SubjectAfter = new KeyId(1),
            },
            Fields =
            [
                .. (columns.Length == 0 ? ["ssn"] : columns).Select(column => new Field
                {
                    Scope = FieldScope.Column,
                    Name = column,
                    Before = insert ? FieldValue.Missing(MissingReason.NoRow) : value,
                    After = value,
                    Commitment = new byte[32],
                }),
            ],
        };
    }

    private static EntryHeader Truncation(Random random, long i) => Base(random, i) with { Operation = Operation.Truncate };

    private static EntryHeader Base(Random random, long i) => new()
    {
        Origin = Origin,
        Kind = EntryKind.Change,
        Nonce = Encoding.ASCII.GetBytes("0123456789abcdef"),
        SealedAt = new MicroTime(1_700_000_000_000_000 + (i * 1000)),
        Source = Sources[random.Next(Sources.Length)],
        Position = new Position(new Lsn((ulong)(1000 + i)), 0),
        TransactionId = (uint)random.Next(50),
        CommittedAt = new MicroTime(1_700_000_000_000_000 + (i * 1000) - random.Next(20_000)),
        Relation = new Relation((uint)random.Next(1, 4), Schemas[random.Next(Schemas.Length)], Tables[random.Next(Tables.Length)],
            Leaves[random.Next(Leaves.Length)]),
        Operator = new Operator { Grade = (Grade)random.Next(3), Id = random.Next(2) == 0 ? People[random.Next(People.Length)] : null,
            SessionUser = People[random.Next(People.Length)] },
    };

    private static Entry Guard(Random random, long i) => new()
    {
        Header = new EntryHeader
        {
            Origin = Origin,
            Kind = EntryKind.Guard,
            Nonce = Encoding.ASCII.GetBytes("0123456789abcdef"),
            SealedAt = new MicroTime(1_700_000_000_000_000 + (i * 1000)),
            Source = Sources[random.Next(Sources.Length)],
            Code = "gap",
        },
        Fields = [],
    };

    private static RowKey Key(Random random) =>
        new() { Columns = [new KeyColumn("id", random.Next(6).ToString(System.Globalization.CultureInfo.InvariantCulture))] };
}
