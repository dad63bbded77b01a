using System.Buffers.Binary;
using System.Text;
using Indelible.Capture.Attribution;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Reading;
using Indelible.Capture.Relations;
using Indelible.Format.Entries;
using Xunit;

namespace Indelible.Capture.Tests.PgOutput;

/// <summary>Whatever bytes arrive, the parser reads them or names the rule they break; it never reads beyond them.</summary>
public sealed class HostileStreamTests
{
    private const int Seed = 20261124;

    private static readonly Protection People = new()
    {
        Tables = [
            new ProtectedTable { Id = 1, Oid = 16400, Schema = "public", Name = "people", Key = ["id"],
                Columns = [new ProtectedColumn { Number = 2, Name = "ssn" }] }],
    };

    private static readonly Catalog Empty =
        new(new Dictionary<uint, RelationShape>(), new Dictionary<uint, IReadOnlyList<short>>());

    private static readonly byte[] Relation = [(byte)'R', .. U32(16400), .. Zero("public"), .. Zero("people"), (byte)'f', 0, 2, 1,
        .. Zero("id"), .. U32(23), .. U32(uint.MaxValue), 1, .. Zero("ssn"), .. U32(25), .. U32(uint.MaxValue)];

    /// <summary>One transaction with a message of every kind.</summary>
    private static readonly byte[][] Transaction =
    [
        [(byte)'B', .. U64(0x2000), .. U64(7), .. U32(742)],
        [(byte)'O', .. U64(1), .. Zero("elsewhere")],
        [(byte)'M', 1, .. U64(0x1000), .. Zero("indelible"), .. U32(4), .. "xid="u8],
        [(byte)'M', 1, .. U64(0x1000), .. Zero("indelible.ddl"), .. U32(2), .. "{}"u8],
        [(byte)'Y', .. U32(9000), .. Zero("public"), .. Zero("mood")],
        Relation,
        [(byte)'I', .. U32(16400), (byte)'N', .. Row("1", "a")],
        [(byte)'U', .. U32(16400), (byte)'O', .. Row("1", "a"), (byte)'N', .. Row("1", null)],
        [(byte)'U', .. U32(16400), (byte)'K', .. Row("1", null), (byte)'N', 0, 2, .. Text("2"), (byte)'u'],
        [(byte)'D', .. U32(16400), (byte)'O', .. Row("2", null)],
        [(byte)'T', .. U32(1), 1, .. U32(16400)],
        [(byte)'C', 0, .. U64(0x2000), .. U64(0x2100), .. U64(7)],
    ];

    [Fact]
    public void The_whole_transaction_is_understood_as_it_is()
    {
        TransactionAssembler assembler = NewAssembler();
        foreach (byte[] message in Transaction) assembler.Feed(message);
        Assert.Equal(["Insert", "Update", "Update", "Delete"],
            assembler.TakeBatch().Changes.OfType<CapturedChange.Row>().Select(row => row.Operation.ToString()));
    }

    [Fact]
    public void A_message_cut_anywhere_or_followed_by_anything_is_refused()
    {
        for (int i = 0; i < Transaction.Length; i++)
        {
            for (int length = 0; length < Transaction[i].Length; length++) Refused(i, Transaction[i][..length]);
            Refused(i, [.. Transaction[i], 0]);
        }
    }

    [Fact]
    public void A_message_with_a_byte_or_a_length_changed_is_read_or_refused_and_nothing_else()
    {
        Random random = new(Seed);
        for (int round = 0; round < 20_000; round++)
        {
            int at = random.Next(Transaction.Length);
            byte[] message = [.. Transaction[at]];
            if (random.Next(2) == 0) message[random.Next(message.Length)] = (byte)random.Next(256);
            else if (message.Length > 5)
            {
                BinaryPrimitives.WriteInt32BigEndian(message.AsSpan(random.Next(message.Length - 4)),
                    random.Next(3) switch { 0 => -1, 1 => int.MaxValue, _ => random.Next() });
            }
            Feed(at, message);
        }
    }

    [Fact]
    public void Noise_is_refused()
    {
        Random random = new(Seed);
        byte[] noise = new byte[64];
        for (int round = 0; round < 20_000; round++)
        {
            random.NextBytes(noise);
            if (round % 2 == 0) noise[0] = Transaction[random.Next(Transaction.Length)][0];
            Feed(Transaction.Length - 1, noise);
        }
    }

    [Fact]
    public void Messages_out_of_order_are_refused()
    {
        Assert.Throws<PgOutputException>(() => NewAssembler().Feed(Transaction[6]));        // a row of a relation not described
        Assert.Throws<PgOutputException>(() => NewAssembler().Feed(Transaction[^1]));       // a commit of nothing
        TransactionAssembler twice = NewAssembler();
        twice.Feed(Transaction[0]);
        Assert.Throws<PgOutputException>(() => twice.Feed(Transaction[0]));                 // a beginning inside a transaction
        TransactionAssembler outside = NewAssembler();
        outside.Feed(Relation);
        Assert.Throws<PgOutputException>(() => outside.Feed(Transaction[6]));               // a row outside a transaction
        TransactionAssembler other = NewAssembler();
        other.Feed(Transaction[0]);
        Assert.Throws<PgOutputException>(() => other.Feed([(byte)'C', 0, .. U64(0x3000), .. U64(0x3100), .. U64(7)]));
    }

    [Fact]
    public void A_relation_or_a_truncation_longer_than_any_server_has_is_refused()
    {
        byte[] name = [.. new byte[1 << 20].Select(_ => (byte)'x'), 0];
        Refused(5, [(byte)'R', .. U32(16400), .. Zero("public"), .. name, (byte)'f', 0, 0]);
        Refused(10, [(byte)'T', .. U32((1 << 20) + 1), 1, .. new byte[4 * ((1 << 20) + 1)]]);
    }

    /// <summary>Each of these shares a name with the partitioned table, and is taken for a partition of it that was dropped.</summary>
    [Fact]
    public void Relations_without_end_that_the_catalog_does_not_know_end_the_stream()
    {
        Protection partitioned = new()
        {
            Tables = [
                new ProtectedTable { Id = 1, Oid = 16400, Schema = "public", Name = "people", Key = ["id"], Partitioned = true,
                    Columns = [new ProtectedColumn { Number = 2, Name = "ssn" }] }],
        };
        RelationMap relations = new(partitioned, Empty, static (_, _) => new byte[16]);
        RelationColumn[] columns = [new("ssn", 25, true), .. Enumerable.Range(0, 1_599).Select(n => new RelationColumn($"c{n}", 25, true))];
        uint oid = 20_000;
        long before = GC.GetTotalMemory(forceFullCollection: true);
        PgOutputException refused = Assert.Throws<PgOutputException>(() =>
        {
            while (oid < 30_000) relations.MapWith(new RelationMessage(oid++, "public", "leaf", 'f', columns), Empty, isOthers: false);
        });
        Assert.Contains("columns of relations that are not in the catalog", refused.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalMemory(forceFullCollection: true) - before, 0, 400 << 20);
        GC.KeepAlive(relations);
    }

    [Fact]
    public void Relations_of_others_without_end_end_the_stream()
    {
        RelationMap relations = new(People, Empty, static (_, _) => new byte[16]);
        PgOutputException refused = Assert.Throws<PgOutputException>(() =>
        {
            for (uint oid = 20_000; oid < 2_000_000; oid++)
                relations.MapWith(new RelationMessage(oid, "public", "other", 'f', []), Empty, isOthers: true);
        });
        Assert.Contains("relations", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Values are not all that takes memory.</summary>
    [Fact]
    public void A_batch_is_full_once_its_keys_are_long()
    {
        TransactionAssembler assembler = NewAssembler();
        for (int i = 0; i < 6; i++) assembler.Feed(Transaction[i]);
        string key = new('k', 1 << 20);
        int rows = 0;
        for (; !assembler.IsFull && rows < 100; rows++) assembler.Feed([(byte)'I', .. U32(16400), (byte)'N', .. Row(key, "a")]);
        Assert.InRange(rows, 1, 4);
    }

    private static void Refused(int at, byte[] message) => Assert.NotNull(Feed(at, message));

    /// <summary>Feeds what comes before, then the message. Any exception but the parser's own fails the test.</summary>
    private static PgOutputException? Feed(int at, byte[] message)
    {
        TransactionAssembler assembler = NewAssembler();
        for (int i = 0; i < at; i++) assembler.Feed(Transaction[i]);
        try
        {
            assembler.Feed(message);
            return null;
        }
        catch (PgOutputException e)
        {
            return e;
        }
    }

    private static TransactionAssembler NewAssembler()
    {
        RelationShape shape = new(16400, 16400, false, [new ShapeColumn("id", 23, 1, false), new ShapeColumn("ssn", 25, 2, false)]);
        Catalog catalog = new(new Dictionary<uint, RelationShape> { [16400] = shape }, new Dictionary<uint, IReadOnlyList<short>>());
        return new TransactionAssembler(new RelationMap(People, catalog, static (_, _) => new byte[16]),
            new OperatorTracker(new SessionTable()), new AttributionCheck(new byte[32]), null);
    }

    private static byte[] Row(string key, string? value) => [0, 2, .. Text(key), .. value is null ? [(byte)'n'] : Text(value)];

    private static byte[] Text(string text) => [(byte)'t', .. U32((uint)text.Length), .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Zero(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static byte[] U32(uint value)
    {
        byte[] bytes = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(bytes, value);
        return bytes;
    }

    private static byte[] U64(ulong value)
    {
        byte[] bytes = new byte[8];
        BinaryPrimitives.WriteUInt64BigEndian(bytes, value);
        return bytes;
    }
}
