using System.Buffers;
using System.Globalization;
using Indelible.Format;
using Indelible.Format.Entries;

namespace Indelible.Ledger.Tests;

/// <summary>Entries that a verifier accepts.</summary>
internal static class RealEntries
{
    public static EntryBatch Batch(int count)
    {
        var batch = new EntryBatch();
        for (int number = 1; number <= count; number++)
        {
            var bytes = new ArrayBufferWriter<byte>();
            EntryCodec.Encode(Change(number), bytes);
            batch.Add(bytes.WrittenSpan);
        }
        return batch;
    }

    private static Entry Change(int number) => new()
    {
        Header = new EntryHeader
        {
            Origin = TestLedger.Origin,
            Kind = EntryKind.Change,
            Nonce = Enumerable.Repeat((byte)((number % 255) + 1), 16).ToArray(),
            SealedAt = new MicroTime(1_700_000_000_000_000 + number),
            Source = "crm",
            Position = new Position(new Lsn((ulong)number * 16), 0),
            TransactionId = (uint)number + 700,
            CommittedAt = new MicroTime(1_700_000_000_000_000 + number),
            Relation = new Relation(1, "clinic", "patient"),
            Operation = Operation.Update,
            Key = new RowKey { Columns = [new KeyColumn("id", number.ToString(CultureInfo.InvariantCulture))] },
            Operator = new Operator { Grade = Grade.Session, SessionUser = "app" },
        },
        Fields = [new Field { Scope = FieldScope.Column, Name = "phone", Before = FieldValue.Plain("1"u8.ToArray()), After = FieldValue.Plain("2"u8.ToArray()) }],
    };
}
