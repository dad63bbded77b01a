using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;
using System.Text;
using Indelible.Capture;
using Indelible.Capture.Relations;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;

namespace Indelible.Fuzz;

/// <summary>Sound inputs, one or a few for each target: fuzzing begins with them.</summary>
public static class Seeds
{
    private const string Origin = "example.org/fuzz";

    /// <summary>The key that every seed is signed with.</summary>
    public static NoteSigner Signer { get; } = NoteSigner.FromSeed(Origin, [.. Enumerable.Repeat((byte)3, NoteSigner.SeedSize)]);

    /// <summary>A directory for files that a target reads.</summary>
    public static string Scratch { get; } = Directory.CreateTempSubdirectory("indelible-fuzz-").FullName;

    internal static Protection People { get; } = new()
    {
        Tables = [
            new ProtectedTable { Id = 1, Oid = 16400, Schema = "public", Name = "people", Key = ["id"],
                Columns = [new ProtectedColumn { Number = 2, Name = "ssn" }] }],
    };

    internal static Catalog Catalog { get; } = new(
        new Dictionary<uint, RelationShape> { [16400] =
            new(16400, 16400, false, [new ShapeColumn("id", 23, 1, false), new ShapeColumn("ssn", 25, 2, false)]) },
        new Dictionary<uint, IReadOnlyList<short>>());

    private static readonly byte[][] Transaction =
    [
        [(byte)'B', .. U64(0x2000), .. U64(7), .. U32(742)],
        [(byte)'O', .. U64(1), .. Zero("elsewhere")],
        [(byte)'M', 1, .. U64(0x1000), .. Zero("indelible"), .. U32(4), .. "xid="u8],
        [(byte)'M', 1, .. U64(0x1000), .. Zero("indelible.ddl"), .. U32(2), .. "{}"u8],
        [(byte)'Y', .. U32(9000), .. Zero("public"), .. Zero("mood")],
        [(byte)'R', .. U32(16400), .. Zero("public"), .. Zero("people"), (byte)'f', 0, 2, 1, .. Zero("id"), .. U32(23),
            .. U32(uint.MaxValue), 1, .. Zero("ssn"), .. U32(25), .. U32(uint.MaxValue)],
        [(byte)'I', .. U32(16400), (byte)'N', .. Row("1", "a")],
        [(byte)'U', .. U32(16400), (byte)'O', .. Row("1", "a"), (byte)'N', .. Row("1", null)],
        [(byte)'U', .. U32(16400), (byte)'K', .. Row("1", null), (byte)'N', 0, 2, .. Text("2"), (byte)'u'],
        [(byte)'D', .. U32(16400), (byte)'O', .. Row("2", null)],
        [(byte)'T', .. U32(1), 1, .. U32(16400)],
        [(byte)'C', 0, .. U64(0x2000), .. U64(0x2100), .. U64(7)],
    ];

    private static readonly string[] Queries =
    [
        "17", "id=17", "eu, 4", "region=eu, id=4", "\"Smith, \"\"John\"\"\"", "public.people.ssn=digest", "\"a.b\".\"c d\"",
        "2026-11-23T19:04:47Z", "90s", "3d", "811",
        "Host=db;Database=crm;Username=owner", "postgresql://owner:x@db:5432/crm?sslmode=require", "16/B374D848",
        "tile/entries/x001/234.p/7", "tile/0/000", "update",
    ];

    /// <summary>Writes them below a directory, one of its own for each target.</summary>
    public static void Write(string directory)
    {
        byte[][] entries = [.. Entries()];
        Checkpoint head =
            new() { Origin = Origin, Size = entries.Length, Root = Tree.Root([.. entries.Select(entry => Tree.Leaf(entry))]) };
        byte[] signed = head.Sign(Signer).ToBytes(), bundle = [.. entries.SelectMany(entry => (byte[])[.. U16(entry.Length), .. entry])];
        Hash[] leaves = [.. entries.Select(entry => Tree.Leaf(entry))];
        byte[] tile = [.. leaves.SelectMany(leaf => leaf.Bytes.ToArray())];
        Hash Read(int height, long index) => Tree.Root(leaves.AsSpan((int)(index << height), 1 << height));
        Save(directory, "note", signed);
        Save(directory, "vkey", Encoding.UTF8.GetBytes(Signer.VerifierKey.ToString()));
        Save(directory, "proof", [.. U64(1), .. U64((ulong)entries.Length), .. U64(1), .. leaves[1].Bytes, .. head.Root.Bytes,
            .. leaves[0].Bytes,
            .. Proof.BuildInclusion(1, entries.Length, Read).SelectMany(hash => hash.Bytes.ToArray())]);
        Save(directory, "entry", entries);
        Save(directory, "bundle", [(byte)(entries.Length - 1), .. bundle]);
        Save(directory, "policy",
            Encoding.UTF8.GetBytes(
                $"log {Signer.VerifierKey}\nwitness w "
                    + $"{NoteSigner.CosignerFromSeed("w.example", new byte[32]).VerifierKey}\ngroup g 1 w\nquorum g\n"));
        Save(directory, "ledger", [.. Framed(signed), .. Framed(tile), .. Framed(bundle)]);
        Save(directory, "pgoutput", [.. Transaction.SelectMany(Framed)]);
        Save(directory, "config",
            """
            {"origin":"example.org/fuzz","listen":"127.0.0.1:0","publishIntervalMs":250,
            "sources":{"crm":{"connection":"Host=db","protection":{"tables":[]}}},"alerts":{"targets":{}}}
            """u8.ToArray());
        Save(directory, "query", [.. Queries.Select(Encoding.UTF8.GetBytes)]);
        Save(directory, "evidence", [.. Enumerable.Range(0, entries.Length).Select(index => new Evidence
        {
            Index = index, Path = Proof.BuildInclusion(index, entries.Length, Read), Checkpoint = signed,
            Extra = new EvidenceExtra { Entry = entries[index], Disclosed = [.. Disclosed(entries[index])] }.ToBytes(),
        }.ToBytes())]);
        Save(directory, "misbehaviour",
            new Misbehaviour { Older = signed, Newer = (head with { Root = leaves[0] }).Sign(Signer).ToBytes() }.ToBytes());
    }

    private static IEnumerable<DisclosedSide> Disclosed(byte[] bytes)
    {
        EntryCodec.Decode(bytes, out Entry entry);
        return entry.Fields.Where(field => field.After.Kind == ValueKind.Sealed)
            .Select(field => SealedValue.Disclose(entry, field, Side.After, new byte[32], new byte[32])).OfType<DisclosedSide>();
    }

    /// <summary>A change with values kept in every way, a coverage, a guard, an access, a baseline.</summary>
    private static IEnumerable<byte[]> Entries()
    {
        EntryHeader Header(EntryKind kind) =>
            new() { Origin = Origin, Kind = kind, Nonce = Enumerable.Repeat((byte)1, 16).ToArray(),
                SealedAt = new MicroTime(1_700_000_000_000_000) };
        Operator who = new() { Grade = Grade.Asserted, Id = "anna", SessionUser = "app", BackendPid = 7, Address = "127.0.0.1" };
        RowKey key = new() { Columns = [new KeyColumn("id", "17")] };
        EntryHeader row = Header(EntryKind.Change) with
        {
            Source = "crm", Position = new Position(new Lsn(4096), 2), TransactionId = 742,
            CommittedAt = new MicroTime(1_700_000_000_000_000), Relation = new Relation(1, "public", "people", "\"public\".\"eu\""),
            Operation = Operation.Update, Key = key, PreviousKey = new RowKey { Columns = [new KeyColumn("id", "18")] },
            SubjectBefore = new KeyId(1), SubjectAfter = new KeyId(2), Operator = who,
        };
        EntryWriter writer = new();
        writer.Begin(row);
        writer.AddField(
            FieldScope.Column, "plain", ColumnPolicy.Plain, ClearValue.Null, ClearValue.Of("a"u8.ToArray()), new byte[32], new byte[32]);
        writer.AddField(
            FieldScope.Column, "ssn", ColumnPolicy.Sealed, ClearValue.Null, ClearValue.Of("b"u8.ToArray()), new byte[32], new byte[32]);
        writer.AddField(FieldScope.Column, "digest", ColumnPolicy.Digest, ClearValue.Missing(MissingReason.NoRow),
            ClearValue.Of("c"u8.ToArray()), new byte[32], new byte[32]);
        yield return writer.End().ToArray();
        yield return Encoded(
            Header(EntryKind.Coverage) with { Source = "crm",
                Coverage = new Coverage(new Lsn(0), new Lsn(4096), 7, 1, "indelible_crm", new byte[32]) });
        yield return Encoded(
            Header(EntryKind.Guard) with { Code = "gap", Source = "crm",
                Facts = new Dictionary<string, string> { ["from"] = "0/0", ["to"] = "0/1000" } });
        yield return Encoded(Header(EntryKind.Access) with { Code = "reveal", Operator = who });
        yield return Encoded(
            Header(EntryKind.Baseline) with { Source = "crm", Relation = new Relation(1, "public", "people"), Key = key,
                Snapshot = new Snapshot("5:7:6", new Lsn(4096)) });
    }

    private static byte[] Encoded(EntryHeader header)
    {
        ArrayBufferWriter<byte> bytes = new();
        EntryCodec.Encode(new Entry { Header = header, Fields = [] }, bytes);
        return bytes.WrittenSpan.ToArray();
    }

    private static void Save(string directory, string target, params byte[][] inputs)
    {
        string own = Directory.CreateDirectory(Path.Combine(directory, target)).FullName;
        for (int i = 0; i < inputs.Length; i++)
            File.WriteAllBytes(Path.Combine(own, string.Create(CultureInfo.InvariantCulture, $"seed{i}")), inputs[i]);
    }

    private static byte[] Framed(byte[] bytes) => [.. U16(bytes.Length), .. bytes];

    private static byte[] Row(string key, string? value) => [0, 2, .. Text(key), .. value is null ? [(byte)'n'] : Text(value)];

    private static byte[] Text(string text) => [(byte)'t', .. U32((uint)text.Length), .. Encoding.UTF8.GetBytes(text)];

    private static byte[] Zero(string text) => [.. Encoding.UTF8.GetBytes(text), 0];

    private static byte[] U16(int value) => [(byte)(value >> 8), (byte)(value & 0xFF)];

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
