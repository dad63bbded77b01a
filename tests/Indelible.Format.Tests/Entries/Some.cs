using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Sealing;

namespace Indelible.Format.Tests.Entries;

/// <summary>Believable things to test with. The same every time.</summary>
internal static class Some
{
    public static readonly byte[] Nonce = [.. Enumerable.Range(1, 16).Select(i => (byte)i)];
    public static readonly byte[] SubjectKey = SHA256.HashData("subject"u8);
    public static readonly byte[] OtherSubjectKey = SHA256.HashData("another subject"u8);
    public static readonly KeyId Subject = KeyId.Read(SHA256.HashData("id"u8).AsSpan(0, 16));
    public static readonly KeyId OtherSubject = KeyId.Read(SHA256.HashData("another id"u8).AsSpan(0, 16));
    public static readonly MicroTime Time = new(1_795_465_487_000_001);

    public static EntryHeader ChangeHeader(Operation operation = Operation.Update) => new()
    {
        Origin = "clinic.example/audit",
        Kind = EntryKind.Change,
        Nonce = Nonce,
        SealedAt = Time,
        Source = "crm",
        Position = new Position(Lsn.Parse("16/B374D848"), 7),
        TransactionId = 4242,
        CommittedAt = new MicroTime(Time.Micros - 12_345),
        Relation = new Relation(3, "public", "patient", "public.\"patient 2026\""),
        Operation = operation,
        Key = operation == Operation.Truncate ? null : Key(("id", "17"), ("site", "Zürich")),
        PreviousKey = operation == Operation.Update ? Key(("id", "16"), ("site", "Zürich")) : null,
        SubjectBefore = Subject,
        SubjectAfter = Subject,
        Operator = Person,
        RowCount = operation == Operation.Truncate ? 1_000_000 : null,
    };

    public static Operator Person => new()
    {
        Grade = Grade.Asserted,
        Id = "maria.keller@clinic.example",
        SessionUser = "clinic_app",
        Role = "nurse",
        Application = "ward round",
        Address = "10.1.2.3",
        BackendPid = 31337,
        BackendStart = new MicroTime(Time.Micros - 99_000_000),
        LoginRole = "clinic_app",
        ReplicationOrigin = "north",
        OperatorCount = 2,
    };

    public static RowKey Key(params (string Name, string Value)[] columns) =>
        new() { Columns = [.. columns.Select(c => new KeyColumn(c.Name, c.Value))] };

    /// <summary>An entry of each kind, each with every member its kind may have.</summary>
    public static IEnumerable<byte[]> Entries()
    {
        yield return Change(Operation.Update);
        yield return Change(Operation.Insert);
        yield return Change(Operation.Delete);
        yield return Change(Operation.Truncate);
        yield return Change(Operation.Found);
        yield return Seal(Bare(EntryKind.Baseline) with
        {
            Source = "crm", Relation = new Relation(1, "public", "patient"), Key = new RowKey { Token = SHA256.HashData("token"u8) },
            Snapshot = new Snapshot("10:20:10,14", new Lsn(77)), SubjectAfter = Subject,
        }, w => Add(w, "name", ClearValue.Missing(MissingReason.NoRow), Text("Jonas Weiß")));
        yield return Seal(Bare(EntryKind.Coverage) with
        {
            Source = "crm",
            Coverage =
                new Coverage(new Lsn(100), new Lsn(200), 7_400_000_000_000_000_001, 2, "indelible_crm", SHA256.HashData("protection"u8)),
        });
        yield return Seal(Bare(EntryKind.Guard) with
        {
            Source = "crm", Code = "gap", Position = new Position(new Lsn(300), 0, 1, 2), SubjectAfter = Subject, Operator = Person,
            Facts = new Dictionary<string, string> { ["to"] = "0/12C", ["from"] = "0/64", ["reason"] = "slot recreated" },
        }, w => w.AddField(FieldScope.Text, "differences", ColumnPolicy.Sealed, ClearValue.Missing(MissingReason.NotApplicable),
        Text("one row"), default, SubjectKey));
        yield return Seal(Bare(EntryKind.Access) with { Code = "reveal", Operator = Person });
        yield return Seal(
            Bare(EntryKind.Admin) with { Code = "key-created",
                Facts = new Dictionary<string, string> { ["key"] = "clinic.example/audit+deadbeef+AQ" } });
        yield return Seal(Bare(EntryKind.State) with { State = new StateRoot(70_000, Hash.Read(SHA256.HashData("state"u8))) });
        yield return Seal(Bare(EntryKind.Event) with
        {
            Source = "portal", Code = "record-viewed", Operator = Person, CommittedAt = Time,
            Relation = new Relation(3, "public", "patient"),
            Key = Key(("id", "17")), SubjectAfter = Subject, Facts = new Dictionary<string, string> { ["screen"] = "summary" },
        }, w => w.AddField(FieldScope.Text, "body", ColumnPolicy.Sealed, ClearValue.Missing(MissingReason.NotApplicable),
        Text("opened by phone number"), default, SubjectKey));
    }

    public static byte[] Change(Operation operation)
    {
        EntryHeader header = ChangeHeader(operation);
        if (operation == Operation.Found)
            header = header with { TransactionId = null, CommittedAt = null, Snapshot = new Snapshot("9:9:", new Lsn(5)) };
        ClearValue none = ClearValue.Missing(MissingReason.NoRow);
        return Seal(header, w =>
        {
            if (operation != Operation.Truncate)
            {
                Add(w, "name", operation == Operation.Insert ? none : Text("Anna Muster"),
                    operation == Operation.Delete ? none : Text("Anna Meier"));
                Add(w, "ssn", ClearValue.Null, operation == Operation.Delete ? none : Text("756.1234.5678.97"), ColumnPolicy.Digest);
                Add(w, "ward", Text("B2"), ClearValue.Null, ColumnPolicy.Plain);
            }
            w.AddField(FieldScope.Text, "reason", ColumnPolicy.Sealed, ClearValue.Missing(MissingReason.NotApplicable), Text("married"),
                default, SubjectKey);
        });
    }

    public static void Add(
        EntryWriter writer, string name, in ClearValue before, in ClearValue after, ColumnPolicy policy = ColumnPolicy.Sealed) =>
        writer.AddField(FieldScope.Column, name, policy, before, after, SubjectKey, SubjectKey);

    public static ClearValue Text(string text) => ClearValue.Of(Encoding.UTF8.GetBytes(text));

    public static byte[] Seal(EntryHeader header, Action<EntryWriter>? fields = null)
    {
        var writer = new EntryWriter();
        writer.Begin(header);
        fields?.Invoke(writer);
        return writer.End().ToArray();
    }

    public static Entry Decode(byte[] bytes)
    {
        EntryFault fault = EntryCodec.Decode(bytes, out Entry entry);
        Assert.Equal(EntryFault.None, fault);
        return entry;
    }

    public static byte[] Encode(Entry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        EntryCodec.Encode(entry, buffer);
        return buffer.WrittenSpan.ToArray();
    }

    private static EntryHeader Bare(EntryKind kind) =>
        new() { Origin = "clinic.example/audit", Kind = kind, Nonce = Nonce, SealedAt = Time };
}
