using System.Buffers.Binary;
using System.Runtime.InteropServices;
using Indelible.Format;
using Indelible.Ledger.Rocks;

namespace Indelible.Index;

/// <summary>The time of every entry, in blocks of 256 and, for skipping, the span of every 65,536.
/// Times are commit times; sealing times where there are none.</summary>
/// <remarks>They are not sorted: sources overlap. Keys: 'T' or 'U', then the block number, big-endian.
/// 'T' holds earliest, latest, then each entry's distance from the one before, zigzag varints, the first from zero.
/// 'U' holds earliest and latest.</remarks>
internal static class TimeBlocks
{
    /// <summary>Entries in a block.</summary>
    public const int BlockSize = 256;

    /// <summary>Entries in a wide block.</summary>
    public const int WideSize = 65_536;

    /// <summary>Length of a key.</summary>
    public const int KeySize = 1 + sizeof(long);

    private const int SpanSize = 2 * sizeof(long);

    /// <summary>Earliest and latest time of some entries.</summary>
    public readonly record struct Span(long Earliest, long Latest)
    {
        /// <summary>Of no entries.</summary>
        public static readonly Span Empty = new(long.MaxValue, long.MinValue);

        public Span With(long time) => new(Math.Min(Earliest, time), Math.Max(Latest, time));

        /// <summary>True if a time from <paramref name="since"/> to before <paramref name="until"/> may be inside.</summary>
        public bool Meets(long since, long until) => Latest >= since && Earliest < until;
    }

    public static byte[] Key(char kind, long block)
    {
        byte[] key = new byte[KeySize];
        key[0] = (byte)kind;
        BinaryPrimitives.WriteInt64BigEndian(key.AsSpan(1), block);
        return key;
    }

    public static byte[] EncodeSpan(Span span)
    {
        byte[] value = new byte[SpanSize];
        BinaryPrimitives.WriteInt64BigEndian(value, span.Earliest);
        BinaryPrimitives.WriteInt64BigEndian(value.AsSpan(sizeof(long)), span.Latest);
        return value;
    }

    public static Span DecodeSpan(ReadOnlySpan<byte> value)
    {
        if (value.Length < SpanSize) throw new IndexDamagedException("a time block is too short");
        return new Span(BinaryPrimitives.ReadInt64BigEndian(value), BinaryPrimitives.ReadInt64BigEndian(value[sizeof(long)..]));
    }

    public static byte[] EncodeBlock(ReadOnlySpan<long> times)
    {
        Span span = Span.Empty;
        foreach (long time in times) span = span.With(time);
        byte[] value = new byte[SpanSize + (times.Length * Varint.LengthMax)];
        EncodeSpan(span).CopyTo(value, 0);
        int length = SpanSize;
        long previous = 0;
        foreach (long time in times)
        {
            long distance = unchecked(time - previous);
            length += Varint.Write(value.AsSpan(length), unchecked((ulong)((distance << 1) ^ (distance >> 63))));
            previous = time;
        }
        return value[..length];
    }

    public static List<long> DecodeBlock(ReadOnlySpan<byte> value)
    {
        if (value.Length < SpanSize) throw new IndexDamagedException("a time block is too short");
        List<long> times = [];
        long previous = 0;
        for (ReadOnlySpan<byte> rest = value[SpanSize..]; rest.Length > 0;)
        {
            ulong zigzag = Varint.Read(ref rest);
            previous = unchecked(previous + ((long)(zigzag >> 1) ^ -(long)(zigzag & 1)));
            times.Add(previous);
        }
        return times.Count <= BlockSize ? times : throw new IndexDamagedException("a time block is too long");
    }
}

/// <summary>Collects the times of entries in order. Holds the blocks at the right edge in memory; owned by the index's writer.</summary>
internal sealed class TimeWriter
{
    private readonly List<(byte[] Key, byte[] Block)> _blocks = [];
    private readonly List<(byte[] Key, byte[] Span)> _wides = [];
    private readonly List<long> _tail;
    private TimeBlocks.Span _wide;
    private long _size;

    /// <summary>Goes on where the index stands.</summary>
    public TimeWriter(RocksDb database, long size)
    {
        _size = size;
        byte[]? tail = size % TimeBlocks.BlockSize == 0
            ? null
            : database.Get(IndexOptions.Postings, TimeBlocks.Key('T', size / TimeBlocks.BlockSize));
        _tail = tail is null ? [] : TimeBlocks.DecodeBlock(tail);
        if (_tail.Count != size % TimeBlocks.BlockSize)
            throw new IndexDamagedException($"the last time block holds {_tail.Count} entries, expected {size % TimeBlocks.BlockSize}");
        byte[]? wide = size % TimeBlocks.WideSize == 0
            ? null
            : database.Get(IndexOptions.Postings, TimeBlocks.Key('U', size / TimeBlocks.WideSize));
        _wide = wide is null ? TimeBlocks.Span.Empty : TimeBlocks.DecodeSpan(wide);
    }

    public void Add(MicroTime time)
    {
        _tail.Add(time.Micros);
        _wide = _wide.With(time.Micros);
        _size++;
        if (_size % TimeBlocks.BlockSize == 0) EndTail(_size - 1);
        if (_size % TimeBlocks.WideSize == 0) EndWide(_size - 1);
    }

    /// <summary>Puts out, in the order of their keys, the blocks that ended since the last time, and those at the right edge
    /// as they stand.</summary>
    public void WriteTo(RecordSink put)
    {
        foreach ((byte[] key, byte[] block) in _blocks) put(key, block);
        if (_tail.Count > 0) put(TimeBlocks.Key('T', _size / TimeBlocks.BlockSize), TimeBlocks.EncodeBlock(Tail));
        foreach ((byte[] key, byte[] span) in _wides) put(key, span);
        if (_size % TimeBlocks.WideSize != 0) put(TimeBlocks.Key('U', _size / TimeBlocks.WideSize), TimeBlocks.EncodeSpan(_wide));
        _blocks.Clear();
        _wides.Clear();
    }

    private ReadOnlySpan<long> Tail => CollectionsMarshal.AsSpan(_tail);

    private void EndTail(long index)
    {
        _blocks.Add((TimeBlocks.Key('T', index / TimeBlocks.BlockSize), TimeBlocks.EncodeBlock(Tail)));
        _tail.Clear();
    }

    private void EndWide(long index)
    {
        _wides.Add((TimeBlocks.Key('U', index / TimeBlocks.WideSize), TimeBlocks.EncodeSpan(_wide)));
        _wide = TimeBlocks.Span.Empty;
    }
}

/// <summary>Asks for entries of a window of time; skips blocks outside it. One query; one thread.</summary>
internal sealed class TimeFilter(RocksDb database, MicroTime? since, MicroTime? until)
{
    private readonly long _since = since?.Micros ?? long.MinValue;
    private readonly long _until = until?.Micros ?? long.MaxValue;
    private long _block = -1, _wide = -1;
    private List<long> _times = [];
    private TimeBlocks.Span _span, _wideSpan;

    /// <summary>True if the entry is in the window. If not, <paramref name="skipTo"/> is the nearest index in the direction of
    /// travel that may be.</summary>
    public bool Accepts(long index, bool ascending, out long skipTo)
    {
        skipTo = ascending ? index + 1 : index - 1;
        if (since is null && until is null) return true;
        Load(index);
        if (!_wideSpan.Meets(_since, _until)) return Skip(index, TimeBlocks.WideSize, ascending, out skipTo);
        if (!_span.Meets(_since, _until)) return Skip(index, TimeBlocks.BlockSize, ascending, out skipTo);
        if (index % TimeBlocks.BlockSize >= _times.Count) throw new IndexDamagedException($"time block {_block} ends before entry {index}");
        long time = _times[(int)(index % TimeBlocks.BlockSize)];
        return time >= _since && time < _until;
    }

    private static bool Skip(long index, long size, bool ascending, out long skipTo)
    {
        long begin = index / size * size;
        skipTo = ascending ? begin + size : begin - 1;
        return false;
    }

    private void Load(long index)
    {
        if (index / TimeBlocks.WideSize != _wide)
        {
            _wide = index / TimeBlocks.WideSize;
            _wideSpan = TimeBlocks.DecodeSpan(Get('U', _wide));
        }
        if (index / TimeBlocks.BlockSize == _block) return;
        _block = index / TimeBlocks.BlockSize;
        byte[] value = Get('T', _block);
        _span = TimeBlocks.DecodeSpan(value);
        _times = TimeBlocks.DecodeBlock(value);
    }

    private byte[] Get(char kind, long block) =>
        database.Get(IndexOptions.Postings, TimeBlocks.Key(kind, block))
            ?? throw new IndexDamagedException($"time block {kind}{block} is missing");
}
