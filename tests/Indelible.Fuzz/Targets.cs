using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using Indelible.Capture;
using Indelible.Capture.Attribution;
using Indelible.Capture.PgOutput;
using Indelible.Capture.Reading;
using Indelible.Capture.Relations;
using Indelible.Cli.Output;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;
using Indelible.Format.Notes;
using Indelible.Format.Sealing;
using Indelible.Format.Verification;
using Indelible.Index;
using Indelible.Ledger;
using Indelible.Server;

namespace Indelible.Fuzz;

/// <summary>Takes bytes that came from anybody. Returns if they were read or refused; throws if the parser did anything else.</summary>
public delegate void Target(ReadOnlySpan<byte> input);

/// <summary>Every parser of bytes that somebody else may have written.</summary>
public static class Targets
{
    /// <summary>By name, which is also that of its corpus.</summary>
    public static IReadOnlyDictionary<string, Target> All { get; } = new SortedDictionary<string, Target>(StringComparer.Ordinal)
    {
        ["note"] = Note,
        ["vkey"] = Vkey,
        ["proof"] = ProofPath,
        ["evidence"] = EvidenceFile,
        ["misbehaviour"] = MisbehaviourFile,
        ["entry"] = OneEntry,
        ["bundle"] = Bundle,
        ["policy"] = PolicyFile,
        ["ledger"] = Ledger,
        ["pgoutput"] = PgOutput,
        ["config"] = Config,
        ["query"] = QueryText,
    };

    private static readonly Policy Key = Policy.ForKey(Seeds.Signer.VerifierKey);

    private static void Note(ReadOnlySpan<byte> input)
    {
        if (SignedNote.Parse(input, out SignedNote? note).IsNone)
            Require(note!.ToBytes().AsSpan().SequenceEqual(input), "a note has one form");
        if (Checkpoint.Parse(input, out note, out Checkpoint? checkpoint).IsNone) Key.Check(note!, checkpoint!, out _);
    }

    private static void Vkey(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        if (VerifierKey.Parse(text, out VerifierKey? key).IsNone) Require(key!.ToString() == text, "a verifier key has one form");
    }

    /// <summary>Index, sizes and hashes as they come; a proof that holds was found by breaking SHA-256, or by a bug.</summary>
    private static void ProofPath(ReadOnlySpan<byte> input)
    {
        if (input.Length < 24 + (3 * Hash.Size)) return;
        long index = BinaryPrimitives.ReadInt64BigEndian(input), size = BinaryPrimitives.ReadInt64BigEndian(input[8..]),
            older = BinaryPrimitives.ReadInt64BigEndian(input[16..]);
        Hash leaf = Hash.Read(input.Slice(24, Hash.Size)), root = Hash.Read(input.Slice(24 + Hash.Size, Hash.Size)),
            olderRoot = Hash.Read(input.Slice(24 + (2 * Hash.Size), Hash.Size));
        ReadOnlySpan<byte> rest = input[(24 + (3 * Hash.Size))..];
        Hash[] path = Hash.View(rest[..(rest.Length / Hash.Size * Hash.Size)]).ToArray();
        Proof.CheckInclusion(leaf, index, size, path, root);
        Proof.CheckConsistency(older, size, path, olderRoot, root);
    }

    private static void EvidenceFile(ReadOnlySpan<byte> input)
    {
        VerificationReport report = EvidenceVerifier.Verify(input, Key);
        Require(ReportText.ToText(report).Length > 0 && ReportText.ToJson(report).Length > 0, "a report is printed");
        if (Evidence.Parse(input, out Evidence? evidence).IsNone)
            Require(evidence!.ToBytes().AsSpan().SequenceEqual(input), "evidence has one form");
    }

    private static void MisbehaviourFile(ReadOnlySpan<byte> input)
    {
        if (Misbehaviour.Parse(input, out Misbehaviour? misbehaviour).IsNone)
            Require(misbehaviour!.ToBytes().AsSpan().SequenceEqual(input), "evidence of misbehaviour has one form");
    }

    private static void OneEntry(ReadOnlySpan<byte> input)
    {
        if (EntryCodec.Decode(input.ToArray(), out Entry entry) != EntryFault.None) return;
        ArrayBufferWriter<byte> bytes = new();
        EntryCodec.Encode(entry, bytes);
        Require(bytes.WrittenSpan.SequenceEqual(input), "an entry has one form");
        EntryTerms terms = new();
        terms.Collect(entry, null);
        Require(Cli.Output.EntryText.Whole(0, entry).Any() && EntryJson.Of(0, entry).ToJsonString().Length > 0, "an entry is printed");
        foreach (Field field in entry.Fields)
        {
            foreach (Side side in (ReadOnlySpan<Side>)[Side.Before, Side.After])
                SealedValue.Open(entry, field, side, new byte[32], new byte[32], new byte[64]);
        }
    }

    private static void Bundle(ReadOnlySpan<byte> input)
    {
        if (input.IsEmpty) return;
        Range[] entries = new Range[TileCoordinate.FullWidth];
        if (EntryBundle.TrySplit(input[1..], input[0] + 1, entries, out int count)) Require(count == input[0] + 1, "all entries are there");
    }

    private static void PolicyFile(ReadOnlySpan<byte> input) => Policy.Parse(input, out _);

    /// <summary>Files of a ledger, as a mirror that means harm serves them: checkpoint, leaf tile and bundle,
    /// each after its length of two bytes.</summary>
    private static void Ledger(ReadOnlySpan<byte> input)
    {
        byte[][] files = [.. Framed(input)];
        if (files.Length == 0) return;
        byte[]? Read(string path) => path == "checkpoint" ? files[0] : path.StartsWith("tile/entries/", StringComparison.Ordinal)
            ? files.ElementAtOrDefault(2)
            : files.ElementAtOrDefault(1);
        VerificationReport report = new LedgerVerifier(
            path => Read(path) is { } bytes ? new ReadOnlyMemory<byte>(bytes) : null,
            path => Read(path) is { } bytes ? new MemoryStream(bytes) : null).Verify(CancellationToken.None);
        Require(ReportText.ToText(report).Length > 0, "a report is printed");
    }

    /// <summary>Messages of the replication stream, each after its length of two bytes.</summary>
    private static void PgOutput(ReadOnlySpan<byte> input)
    {
        TransactionAssembler assembler = new(
            new RelationMap(Seeds.People, Seeds.Catalog, static (_, _) => new byte[16]), new OperatorTracker(new SessionTable()),
            new AttributionCheck(new byte[32]), null);
        try
        {
            foreach (byte[] message in Framed(input)) assembler.Feed(message);
        }
        catch (PgOutputException)
        {
            return; // refused
        }
    }

    private static void Config(ReadOnlySpan<byte> input)
    {
        string path = Path.Combine(Seeds.Scratch, "indelible.json");
        File.WriteAllBytes(path, input);
        Refusable(() => ConfigFile.Paths(path, ConfigFile.Load(path, required: true), null));
    }

    /// <summary>Everything people and programs type into queries, one a line.</summary>
    private static void QueryText(ReadOnlySpan<byte> input)
    {
        string text = Encoding.UTF8.GetString(input);
        foreach (string line in text.Split('\n'))
        {
            Refusable(() => KeyText.Typed(line).ValuesFor([]));
            Refusable(() => KeyText.Typed(line).ValuesFor(["id"]));
            Refusable(() => KeyText.Typed(line).ValuesFor(["region", "id"]));
            Refusable(() => ColumnRequest.Parse(line));
            Refusable(() => ColumnRequest.ParseTable(line));
            Refusable(() => LedgerIndex.ParseCursor(line));
            Refusable(() => TimeArgument.Parse("--since", line, DateTimeOffset.UnixEpoch));
            Refusable(() => SourceConnection.Parse(line));
            Words.Parse<EntryKind>(line.Length == 0 ? "x" : line);
            Lsn.TryParse(line, out _);
            if (TileCoordinate.TryParse(line, out TileCoordinate tile)) Require(tile.Path == line, "a tile has one path");
        }
    }

    private static void Refusable(Action act)
    {
        try
        {
            act();
        }
        catch (Exception e) when (e is IndelibleException { ExitCode: ExitCode.Usage } or FormatException)
        {
            return; // in words
        }
    }

    private static IEnumerable<byte[]> Framed(ReadOnlySpan<byte> input)
    {
        List<byte[]> parts = [];
        while (input.Length >= 2)
        {
            int length = Math.Min(BinaryPrimitives.ReadUInt16BigEndian(input), input.Length - 2);
            parts.Add(input.Slice(2, length).ToArray());
            input = input[(2 + length)..];
        }
        return parts;
    }

    private static void Require(bool holds, string rule)
    {
        if (!holds) throw new InvalidOperationException($"expected that {rule}");
    }
}
