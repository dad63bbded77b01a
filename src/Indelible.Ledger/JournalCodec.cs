using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Indelible.Format;
using Indelible.Format.Entries;
using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>Bytes of the journal: previous record's MAC (32) ‖ length (4, of the body) ‖ type (1) ‖ body ‖ HMAC-SHA256(key,
/// all before) (32). Big-endian.</summary>
/// <remarks>Each record can be authenticated by itself, whatever became of the one before.
/// State body: version (1) ‖ segment (8) ‖ origin ‖ tree size (8) ‖ root ‖ frontier hashes ‖ marks.
/// Group body: first index (8) ‖ tree size (8) ‖ root ‖ marks ‖ blob count (4) ‖ blobs (32 + 8) ‖ entry count (4) ‖ entries as in a bundle.
/// Marks: count (2) ‖ source ‖ last (8 + 4 + 4 + 4) ‖ confirmable (8). Texts: length (1) ‖ UTF-8. The journal is private to one ledger
/// and is not part of the published format.</remarks>
internal static class JournalCodec
{
    public const int HeadLength = Hash.Size + 5, MacLength = Hash.Size, Overhead = HeadLength + MacLength;
    public const int BodyLengthMax = 512 << 20;
    public const byte StateType = 1, GroupType = 2;
    private const byte Version = 1;

    public static void Encode(JournalRecord.State state, RecordBuffer to, ReadOnlySpan<byte> key)
    {
        to.Begin(state.PreviousMac, StateType);
        to.Byte(Version);
        to.Number(state.Segment);
        to.Text(state.Origin);
        to.Number(state.Head.Size);
        to.Bytes(state.Head.Root.Bytes);
        foreach (Hash hash in state.Frontier) to.Bytes(hash.Bytes);
        WriteMarks(to, state.Marks);
        to.End(key);
    }

    public static void EncodeGroup(
        long firstIndex, GuardedHead head, IReadOnlyList<SourceMark> marks, IReadOnlyList<EntryBatch> batches, RecordBuffer to,
        ReadOnlySpan<byte> key, Hash previousMac)
    {
        to.Begin(previousMac, GroupType);
        to.Number(firstIndex);
        to.Number(head.Size);
        to.Bytes(head.Root.Bytes);
        WriteMarks(to, marks);
        to.Word((uint)batches.Sum(batch => batch.Blobs.Count));
        foreach (Blob blob in batches.SelectMany(batch => batch.Blobs))
        {
            to.Bytes(blob.Sha256.Span);
            to.Number(blob.Ciphertext.Length);
        }
        to.Word((uint)batches.Sum(batch => batch.Count));
        foreach (EntryBatch batch in batches)
        {
            for (int i = 0; i < batch.Count; i++) to.Bytes(batch.FramedAt(i).Span);
        }
        to.End(key);
    }

    /// <summary>The record at the start of <paramref name="bytes"/>; null if there is none that is whole and authentic.</summary>
    /// <param name="bytes">The rest of a segment.</param>
    /// <param name="key">Authenticates records.</param>
    /// <param name="path">The segment, for the words of a refusal.</param>
    /// <param name="recordLength">In bytes; zero if there is none.</param>
    /// <param name="mac">The record's own.</param>
    /// <exception cref="IndelibleException">A journal of another version.</exception>
    public static JournalRecord? TryDecode(
        ReadOnlySpan<byte> bytes, ReadOnlySpan<byte> key, string path, out int recordLength, out Hash mac)
    {
        (recordLength, mac) = (0, default);
        if (bytes.Length < Overhead) return null;
        uint bodyLength = BinaryPrimitives.ReadUInt32BigEndian(bytes[Hash.Size..]);
        if (bodyLength > BodyLengthMax || bodyLength > bytes.Length - Overhead) return null;
        ReadOnlySpan<byte> covered = bytes[..(HeadLength + (int)bodyLength)];
        ReadOnlySpan<byte> found = bytes.Slice(covered.Length, MacLength);
        if (!CryptographicOperations.FixedTimeEquals(HMACSHA256.HashData(key, covered), found)) return null;
        var reader = new RecordReader(covered[HeadLength..]);
        JournalRecord? record = covered[HeadLength - 1] switch { StateType => ReadState(ref reader, path, Hash.Read(bytes[..Hash.Size])),
            GroupType => ReadGroup(ref reader, Hash.Read(bytes[..Hash.Size])), _ => null };
        if (record is null || !reader.IsAtEnd) return null;
        mac = Hash.Read(found);
        recordLength = covered.Length + MacLength;
        return record;
    }

    private static void WriteMarks(RecordBuffer to, IReadOnlyList<SourceMark> marks)
    {
        to.Short((ushort)marks.Count);
        foreach (SourceMark mark in marks)
        {
            to.Text(mark.Source);
            to.Unsigned(mark.Last.CommitLsn.Bytes);
            to.Word(mark.Last.Ordinal);
            to.Word(mark.Last.Part);
            to.Word(mark.Last.PartCount);
            to.Unsigned(mark.Confirmable.Bytes);
        }
    }

    private static List<SourceMark> ReadMarks(ref RecordReader from)
    {
        var marks = new List<SourceMark>();
        for (int count = from.Short(); count > 0 && !from.IsShort; count--)
        {
            string source = from.Text();
            var last = new Position(new Lsn(from.Unsigned()), from.Word(), from.Word(), from.Word());
            marks.Add(new SourceMark(source, last, new Lsn(from.Unsigned())));
        }
        return marks;
    }

    private static JournalRecord.State? ReadState(ref RecordReader from, string path, Hash previousMac)
    {
        byte version = from.Byte();
        if (version != Version)     // under our MAC: written so, not damaged
        {
            throw new IndelibleException(ExitCode.Environment,
                $"expected a journal of version {Version}, found version {version} in {path}; "
                    + "use the program that wrote it, or a newer one");
        }
        long segment = from.Number();
        string origin = from.Text();
        var head = new GuardedHead(from.Number(), from.Hash());
        if (from.IsShort || head.Size is < 0 or > Tree.SizeMax) return null;
        var frontier = new Hash[System.Numerics.BitOperations.PopCount((ulong)head.Size)];
        for (int i = 0; i < frontier.Length; i++) frontier[i] = from.Hash();
        return new JournalRecord.State
        {
            Segment = segment, PreviousMac = previousMac, Origin = origin, Head = head, Frontier = frontier, Marks = ReadMarks(ref from),
        };
    }

    private static JournalRecord.Group? ReadGroup(ref RecordReader from, Hash previousMac)
    {
        long firstIndex = from.Number();
        var head = new GuardedHead(from.Number(), from.Hash());
        List<SourceMark> marks = ReadMarks(ref from);
        var blobs = new List<(Hash, long)>();
        for (uint count = from.Word(); count > 0 && !from.IsShort; count--) blobs.Add((from.Hash(), from.Number()));
        uint entryCount = from.Word();
        if (from.IsShort || firstIndex < 0 || head.Size > Tree.SizeMax || head.Size - firstIndex != entryCount) return null;
        var entries = new EntryBatch();
        for (uint i = 0; i < entryCount; i++)
        {
            ReadOnlySpan<byte> entry = from.Bytes(from.Short());
            if (from.IsShort || entry.Length == 0) return null;
            entries.Add(entry);
        }
        return new JournalRecord.Group
        {
            PreviousMac = previousMac, FirstIndex = firstIndex, Head = head, Marks = marks, Blobs = blobs, Entries = entries,
        };
    }
}
