using System.Text;
using Indelible.Capture;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Sealing;
using Indelible.Ledger;

namespace Indelible.Server.Tests;

/// <summary>A keyring of its own and a maker over it; small ways to say what was captured, and to open what was made.</summary>
internal sealed class EntryMakerFixture : IDisposable
{
    public const string Origin = "maker.example/test";
    public const string Source = "crm";

    private readonly string _root = Directory.CreateTempSubdirectory("indelible-maker-").FullName;
    private uint _ordinal;

    public EntryMakerFixture()
    {
        using MasterKey masterKey = MasterKey.Generate();
        Keyring = Keyring.Create(Path.Combine(_root, "keyring"), Origin, masterKey);
        Maker = new EntryMaker(Keyring, Source, Clock, table => table.Id == 1 ? 42UL : null);
    }

    public Keyring Keyring { get; }

    public TimeProvider Clock { get; } = new StoppedClock();

    public EntryMaker Maker { get; }

    public ProtectedTable Patients { get; } = new()
    {
        Id = 1,
        Schema = "public",
        Name = "patients",
        Key = ["id"],
        Columns = [Column(2, "name"), Column(3, "diagnosis"), Column(4, "email", ColumnPolicy.Digest),
            Column(5, "ward", ColumnPolicy.Plain)],
    };

    public static ProtectedColumn Column(short number, string name, ColumnPolicy policy = ColumnPolicy.Sealed) =>
        new() { Number = number, Name = name, Type = "text", Policy = policy };

    public static CapturedValue Text(string text) => CapturedValue.Of(Encoding.UTF8.GetBytes(text));

    public static readonly CapturedValue NoRow = CapturedValue.Missing(MissingReason.NoRow);

    public CapturedChange.Row Insert(ProtectedTable table, string key, params string[] values) => Row(table, Operation.Insert, [key]) with
    {
        Fields = [.. table.Columns.Zip(values, (column, value) => new CapturedField(column, NoRow, Text(value)))],
    };

    public CapturedChange.Row Update(ProtectedTable table, string key, int column, string before, string after) =>
        Row(table, Operation.Update, [key]) with
    {
        Fields = [new CapturedField(table.Columns[column], Text(before), Text(after))],
    };

    public CapturedChange.Row Delete(ProtectedTable table, string key, params string[] values) => Row(table, Operation.Delete, [key]) with
    {
        Fields = [.. table.Columns.Zip(values, (column, value) => new CapturedField(column, Text(value), NoRow))],
    };

    public CapturedChange.Row Row(ProtectedTable table, Operation operation, IReadOnlyList<string> key) => new()
    {
        Position = NextPosition(),
        TransactionId = 700,
        CommittedAt = new MicroTime(1_700_000_000_000_000),
        Operator = Alice,
        Table = table,
        Operation = operation,
        Key = key,
        Fields = [],
    };

    public static Operator Alice { get; } = new() { Grade = Grade.Asserted, Id = "alice", SessionUser = "app", OperatorCount = 1 };

    public Position NextPosition() => new(new Lsn(0x1000), _ordinal++);

    /// <summary>Makes entries of the changes, commits the keyring, and decodes them.</summary>
    public List<Entry> Make(params CapturedChange[] changes) => Decode(MakeBatches(changes));

    public IReadOnlyList<EntryBatch> MakeBatches(params CapturedChange[] changes)
    {
        IReadOnlyList<EntryBatch> made = Maker.Make(
            new CapturedBatch { Changes = changes, Last = changes[^1].Position, ConfirmableBefore = new Lsn(0xf00),
                Confirmable = new Lsn(0x1100), Length = 0 }, []);
        Keyring.Commit();
        return made;
    }

    public List<Entry> Decode(IEnumerable<EntryBatch> batches)
    {
        List<Entry> entries = [];
        foreach (EntryBatch batch in batches)
        {
            for (int i = 0; i < batch.Count; i++)
            {
                EntryFault fault = EntryCodec.Decode(batch[i], out Entry entry);
                if (fault != EntryFault.None) throw new InvalidOperationException($"{fault}");
                entries.Add(entry);
            }
        }
        return entries;
    }

    public static Field FieldOf(Entry entry, string name) => entry.Fields.Single(field => field.Name == name);

    /// <summary>The value in clear, opened with the keyring; "NULL" for NULL.</summary>
    public string Open(Entry entry, string name, Side side, IEnumerable<Blob>? blobs = null)
    {
        Field field = FieldOf(entry, name);
        FieldValue value = side == Side.Before ? field.Before : field.After;
        ReadOnlyMemory<byte> blob = value.Kind == ValueKind.Blob
            ? blobs!.Single(blob => blob.Sha256.Span.SequenceEqual(value.Bytes.Span)).Ciphertext
            : default;
        OpenedValue opened = SealedValue.Open(entry, field, side, KeyOf(entry, side), OtherKeyOf(entry, side), blob);
        if (opened.Fault != OpenFault.None) return $"{opened.Fault}";
        return opened.Value.IsNull ? "NULL" : Encoding.UTF8.GetString(opened.Value.Bytes.Span);
    }

    public byte[] KeyOf(Entry entry, Side side)
    {
        KeyId id = (side == Side.Before ? entry.Header.SubjectBefore : entry.Header.SubjectAfter)!.Value;
        if (!Keyring.TryGetKey(id, out SubjectKey key)) throw new InvalidOperationException($"key {id} is not durable");
        return key.Bytes.ToArray();
    }

    public void Dispose()
    {
        Keyring.Dispose();
        Directory.Delete(_root, recursive: true);
    }

    private byte[] OtherKeyOf(Entry entry, Side side)
    {
        Side other = side == Side.Before ? Side.After : Side.Before;
        return (other == Side.Before ? entry.Header.SubjectBefore : entry.Header.SubjectAfter) is null ? [] : KeyOf(entry, other);
    }
}

/// <summary>A clock that always shows the same instant.</summary>
internal sealed class StoppedClock : TimeProvider
{
    public override DateTimeOffset GetUtcNow() => new(2026, 11, 23, 19, 4, 47, TimeSpan.Zero);
}
