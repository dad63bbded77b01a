using System.Buffers;
using System.Globalization;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;

namespace Indelible.Ledger.Tests;

/// <summary>Entries that a verifier accepts.</summary>
internal static class RealEntries
{
    public static EntryBatch Batch(int count, int first = 1)
    {
        var batch = new EntryBatch();
        for (int number = first; number < first + count; number++)
        {
            var bytes = new ArrayBufferWriter<byte>();
            EntryCodec.Encode(Change(number), bytes);
            batch.Add(bytes.WrittenSpan);
        }
        return batch;
    }

    /// <summary>Entries of many kinds: changes with plain, sealed and large values, coverage every fiftieth, guards and accesses.</summary>
    public static EntryBatch Mixed(int first, int count)
    {
        var batch = new EntryBatch();
        var writer = new EntryWriter();
        for (int number = first; number < first + count; number++)
        {
            EntryHeader header = Change(number).Header;
            switch (number % 50)
            {
                case 0: writer.Begin(
                    Event(header, EntryKind.Coverage) with { Source = "crm",
                        Coverage = new Coverage(
                            new Lsn((ulong)(number - 50) * 16), new Lsn((ulong)number * 16), 7, 1, "indelible_crm", new byte[32]) }); break;
                case 1: writer.Begin(
                    Event(header, EntryKind.Guard) with { Code = "ddl", Source = "crm",
                        Facts = new Dictionary<string, string> { ["tag"] = "ALTER TABLE" } }); break;
                case 2: writer.Begin(Event(header, EntryKind.Access) with { Code = "reveal", Operator = header.Operator }); break;
                default:
                    writer.Begin(header with { SubjectBefore = new KeyId(1), SubjectAfter = new KeyId(2) });
                    Add(writer, "ssn", new byte[number % 50 == 3 ? 20_000 : number % 100]);
                    break;
            }
            batch.Add(writer.End().Span);
            foreach (SealedBlob blob in writer.Blobs) batch.AddBlob(new Blob(blob.Sha256, blob.Ciphertext));
        }
        return batch;
    }

    private static EntryHeader Event(EntryHeader like, EntryKind kind) =>
        new() { Origin = like.Origin, Kind = kind, Nonce = like.Nonce, SealedAt = like.SealedAt };

    private static void Add(EntryWriter writer, string name, byte[] after) =>
        writer.AddField(FieldScope.Column, name, ColumnPolicy.Sealed, ClearValue.Null, ClearValue.Of(after), new byte[32], new byte[32]);

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
        Fields = [
            new Field { Scope = FieldScope.Column, Name = "phone", Before = FieldValue.Plain("1"u8.ToArray()),
                After = FieldValue.Plain("2"u8.ToArray()) }],
    };
}
