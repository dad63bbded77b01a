using System.Buffers.Binary;
using System.Globalization;
using Indelible.Format.Merkle;

namespace Indelible.Ledger;

/// <summary>Reads a journal from its first segment to its last record, and says where a write was torn. Changes nothing.</summary>
/// <remarks>A record is written only after the one before it was flushed. So bytes that are no record were never acknowledged if no record
/// follows them: they are a torn tail. If one follows, they once were a record, and the journal is corrupt.
/// Later segments name the MAC they continue from,
/// so that a tail dropped by an earlier recovery is told from one that was damaged since.</remarks>
internal sealed class JournalReplay(string directory, string origin, ReadOnlyMemory<byte> key)
{
    private bool _hasBegun;

    /// <summary>The segments, oldest first.</summary>
    public IReadOnlyList<string> Paths { get; } = Journal.Segments(directory);

    /// <summary>MAC of the last record read.</summary>
    public Hash Mac { get; private set; }

    /// <summary>Number of the last segment there is; 0 if there is none.</summary>
    public long LastSegment { get; private set; }

    /// <summary>What was dropped at the very end.</summary>
    public TornTail? Torn { get; private set; }

    /// <summary>All records in order, with their place.</summary>
    public IEnumerable<(JournalRecord Record, string Path, long Offset)> Read()
    {
        foreach (string path in Paths)
        {
            long number = NumberOf(path);
            if (LastSegment != 0 && number != LastSegment + 1)
                throw new LedgerCorruptException(path, 0, $"expected journal segment {LastSegment + 1}, found {number}");
            LastSegment = number;
            byte[] bytes = DurableFile.ReadAll(path, int.MaxValue);
            int offset = 0;
            Torn = null;
            while (offset < bytes.Length)
            {
                JournalRecord? record = JournalCodec.TryDecode(bytes.AsSpan(offset), key.Span, path, out int length, out Hash mac);
                if (record is null)
                {
                    RequireTorn(path, bytes, offset);
                    break;
                }
                RequireFits(record, path, offset, number);
                (Mac, _hasBegun) = (mac, true);
                yield return (record, path, offset);
                offset += length;
            }
            if (offset == 0) Torn ??= new TornTail(path, 0, 0);
        }
        if (Paths.Count > 0 && !_hasBegun) throw new LedgerCorruptException(Paths[0], 0, KeyOrDamage);
    }

    private const string KeyOrDamage =
        "expected an authentic first record; the journal is damaged or belongs to another keyring. "
        + "If it is beyond saving, move the journal directory away: "
        + "the next start derives what it can from the ledger and says what that means";

    private static long NumberOf(string path) =>
        long.TryParse(
            Path.GetFileNameWithoutExtension(path), NumberStyles.None, CultureInfo.InvariantCulture, out long number) && number > 0
            ? number
            : throw new LedgerCorruptException(path, 0, "expected the number of a segment as its name");

    private void RequireFits(JournalRecord record, string path, int offset, long number)
    {
        if (record is not JournalRecord.State state)
        {
            if (offset == 0) throw new LedgerCorruptException(path, 0, "expected a state record at the start of a segment");
            if (record.PreviousMac != Mac)
                throw new LedgerCorruptException(path, offset, "expected a record that continues the one before");
            return;
        }
        if (offset != 0) throw new LedgerCorruptException(path, offset, "expected a state record only at the start of a segment");
        if (state.Segment != number)
            throw new LedgerCorruptException(path, 0, $"expected the state of segment {number}, found that of {state.Segment}");
        if (state.Origin != origin)
            throw new LedgerCorruptException(path, 0, $"expected a journal of '{origin}', found one of '{state.Origin}'");
        if (_hasBegun && state.PreviousMac != Mac)
        {
            throw new LedgerCorruptException(
                path, 0, "expected a segment that continues the one before; the end of that one was changed after it was sealed");
        }
    }

    private void RequireTorn(string path, byte[] bytes, int offset)
    {
        for (int at = offset + 1; at <= bytes.Length - JournalCodec.Overhead; at++)
        {
            if (!CanBeGroup(bytes.AsSpan(at))) continue;
            if (JournalCodec.TryDecode(bytes.AsSpan(at), key.Span, path, out _, out _) is not null)
            {
                throw new LedgerCorruptException(
                    path, offset, $"expected an authentic record before the one at byte {at}; it was changed after it was sealed");
            }
        }
        Torn = new TornTail(path, offset, bytes.Length - offset);
    }

    private static bool CanBeGroup(ReadOnlySpan<byte> bytes) =>
        BinaryPrimitives.ReadUInt32BigEndian(bytes[Hash.Size..]) <= bytes.Length - JournalCodec.Overhead
        && bytes[JournalCodec.HeadLength - 1] == JournalCodec.GroupType
        && BinaryPrimitives.ReadInt64BigEndian(bytes[JournalCodec.HeadLength..]) is var first and >= 0
        && BinaryPrimitives.ReadInt64BigEndian(bytes[(JournalCodec.HeadLength + 8)..]) is var size and <= Tree.SizeMax
        && size >= first;
}
