using System.Buffers;
using System.Buffers.Binary;
using System.Security.Cryptography;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Verification;

namespace Indelible.Format.Tests.Verification;

/// <summary>A ledger in memory, made by the plain rules of c2sp.org/tlog-tiles, so that files can be changed one by one.</summary>
internal sealed class TestLedger
{
    public const string Origin = "example.org/ledger";

    public static NoteSigner Signer { get; } = NoteSigner.FromSeed(Origin, [.. Enumerable.Repeat((byte)7, 32)]);
    public static NoteSigner Witness { get; } = NoteSigner.CosignerFromSeed("witness.example", [.. Enumerable.Repeat((byte)9, 32)]);

    public Dictionary<string, byte[]> Files { get; } = [];
    public List<byte[]> Entries { get; } = [];
    public List<byte[]> Blobs { get; } = [];

    public TestLedger Add(Entry entry)
    {
        var buffer = new ArrayBufferWriter<byte>();
        EntryCodec.Encode(entry, buffer);
        return Add(buffer.WrittenSpan.ToArray());
    }

    public TestLedger Add(byte[] entry)
    {
        Entries.Add(entry);
        return this;
    }

    /// <summary>A ledger of this many entries: changes of one source with a coverage entry every tenth.</summary>
    public static TestLedger Of(int size)
    {
        var ledger = new TestLedger();
        for (int i = 0; i < size; i++)
            ledger.Add(i % 10 == 9 ? SomeEntry.Coverage(i, (ulong)(i - 9) * 16, (ulong)(i + 1) * 16) : SomeEntry.Change(i));
        return ledger.Publish();
    }

    public Checkpoint Head => HeadAt(Entries.Count);

    public Checkpoint HeadAt(int size) => new() { Origin = Origin, Size = size, Root = Tree.Root(LeafHashes().AsSpan(0, size)) };

    public Hash[] LeafHashes() => [.. Entries.Select(entry => Tree.Leaf(entry))];

    /// <summary>Writes every file that a checkpoint over all entries covers.</summary>
    public TestLedger Publish()
    {
        Files.Clear();
        for (int i = 0; i < Entries.Count; i += TileCoordinate.FullWidth)
        {
            Files[TileCoordinate.Holding(TileCoordinate.EntriesLevel, i, Entries.Count).Path] =
                Bundle(Entries.Skip(i).Take(TileCoordinate.FullWidth));
        }
        var levels = new List<List<Hash>>();
        var range = new TreeRange((int level, long _, in Hash hash) =>
        {
            if (level == levels.Count) levels.Add([]);
            levels[level].Add(hash);
        });
        foreach (Hash leaf in LeafHashes()) range.Append(leaf);
        for (int level = 0; level < levels.Count; level++)
            for (int i = 0; i < levels[level].Count; i += TileCoordinate.FullWidth)
            {
                Files[TileCoordinate.Holding(level, i, Entries.Count).Path] =
                    [.. levels[level].Skip(i).Take(TileCoordinate.FullWidth).SelectMany(Bytes)];
            }
        foreach (byte[] blob in Blobs)
        {
            string name = Convert.ToHexStringLower(SHA256.HashData(blob));
            Files[$"blobs/{name[..2]}/{name}"] = blob;
        }
        Files["checkpoint"] = Head.Sign(Signer).ToBytes();
        return this;
    }

    /// <summary>Verifies it twice, one bundle after the other and several at once: the reports must be the same to the letter.</summary>
    public VerificationReport Verify(
        Policy? policy = null, byte[]? older = null, bool isAnonymous = false, bool skipBlobs = false, bool beginsAtOlder = false)
    {
        VerificationReport Once(Func<Fetch>? another) =>
            new LedgerVerifier(new Lender(Files).Fetch,
                skipBlobs ? null : path => Files.TryGetValue(path, out byte[]? file) ? new MemoryStream(file) : null)
            {
                Policy = isAnonymous ? null : policy ?? Policy.ForKey(Signer.VerifierKey),
                OlderCheckpoint = older,
                BeginsAtOlder = beginsAtOlder,
                AnotherFetch = another,
                Threads = 3,
            }.Verify(TestContext.Current.CancellationToken);
        VerificationReport report = Once(null);
        Assert.Equal(ReportText.ToJson(report), ReportText.ToJson(Once(() => new Lender(Files).Fetch)));
        return report;
    }

    /// <summary>What a verifier may rely on: the bytes are good until the next call, then they are gone.</summary>
    private sealed class Lender(Dictionary<string, byte[]> files)
    {
        private byte[]? _lent;

        public ReadOnlyMemory<byte>? Fetch(string path)
        {
            _lent?.AsSpan().Fill(0xEE);
            _lent = files.TryGetValue(path, out byte[]? file) ? [.. file] : null;
            return _lent is null ? default(ReadOnlyMemory<byte>?) : _lent;
        }
    }

    public Evidence Prove(int index, EvidenceExtra? extra = null)
    {
        var nodes = new TileNodes(Entries.Count, tile => Files[tile.Path]);
        return new Evidence
        {
            Index = index,
            Path = Proof.BuildInclusion(index, Entries.Count, nodes.Read),
            Checkpoint = Files["checkpoint"],
            Extra = (extra ?? new EvidenceExtra { Entry = Entries[index] }).ToBytes(),
        };
    }

    private static byte[] Bundle(IEnumerable<byte[]> entries)
    {
        var bundle = new MemoryStream();
        Span<byte> length = stackalloc byte[2];
        foreach (byte[] entry in entries)
        {
            BinaryPrimitives.WriteUInt16BigEndian(length, (ushort)entry.Length);
            bundle.Write(length);
            bundle.Write(entry);
        }
        return bundle.ToArray();
    }

    private static byte[] Bytes(Hash hash) => hash.Bytes.ToArray();
}

/// <summary>Entries to test with.</summary>
internal static class SomeEntry
{
    public static Entry Change(
        int number, Position? position = null, string origin = TestLedger.Origin, string source = "crm", params Field[] fields) => new()
    {
        Header = new EntryHeader
        {
            Origin = origin,
            Kind = EntryKind.Change,
            Nonce = Nonce(number),
            SealedAt = new MicroTime(1_700_000_000_000_000 + number),
            Source = source,
            Position = position ?? new Position(new Lsn((ulong)(number + 1) * 16), 0),
            TransactionId = (uint)number + 700,
            CommittedAt = new MicroTime(1_700_000_000_000_000 + number),
            Relation = new Relation(1, "clinic", "patient"),
            Operation = Operation.Update,
            Key = new RowKey { Columns = [new KeyColumn("id", number.ToString(System.Globalization.CultureInfo.InvariantCulture))] },
            Operator = new Operator { Grade = Grade.Session, SessionUser = "app" },
        },
        Fields = fields.Length > 0 ? fields : [Plain("phone", "before", $"after {number}")],
    };

    public static Entry Coverage(int number, ulong from, ulong to, string source = "crm") => new()
    {
        Header = new EntryHeader
        {
            Origin = TestLedger.Origin,
            Kind = EntryKind.Coverage,
            Nonce = Nonce(number),
            SealedAt = new MicroTime(1_700_000_000_000_000 + number),
            Source = source,
            Coverage = new Coverage(new Lsn(from), new Lsn(to), 1, 1, "indelible_crm", new byte[32]),
        },
        Fields = [],
    };

    public static Entry Gap(int number, string source = "crm", Relation? relation = null) => new()
    {
        Header = new EntryHeader
        {
            Origin = TestLedger.Origin,
            Kind = EntryKind.Guard,
            Nonce = Nonce(number),
            SealedAt = new MicroTime(1_700_000_000_000_000 + number),
            Source = source,
            Code = "gap",
            Relation = relation,
            Facts = new Dictionary<string, string> { ["cause"] = "slot recreated" },
        },
        Fields = [],
    };

    public static Field Plain(string name, string before, string after) => new()
    {
        Scope = FieldScope.Column,
        Name = name,
        Before = FieldValue.Plain(System.Text.Encoding.UTF8.GetBytes(before)),
        After = FieldValue.Plain(System.Text.Encoding.UTF8.GetBytes(after)),
    };

    private static byte[] Nonce(int number)
    {
        byte[] nonce = new byte[16];
        nonce[0] = 1;
        BinaryPrimitives.WriteInt32BigEndian(nonce.AsSpan(4), number);
        return nonce;
    }
}
