using System.Runtime.InteropServices;
using Indelible.Ledger;
using Microsoft.Win32.SafeHandles;

namespace Indelible.Server.Comparing;

/// <summary>Live rows on disk until they are compared, parted by the first byte of their hashes,
/// so that each part fits in memory beside the images of that part.</summary>
/// <remarks>One file of blocks, each of one part: its number, how many rows, the rows. Nothing is flushed: what is lost is read again.
/// Memory: 8 MiB, and a byte a block.</remarks>
internal sealed class Partitions : IDisposable
{
    /// <summary>Parts.</summary>
    public const int Count = 1 << Bits;
    /// <summary>Bits of a hash that say the part.</summary>
    public const int Bits = 8;

    private const int BlockLength = 32 * 1024;
    private const int HeadLength = 2 * sizeof(int);
    private const int BlockRows = (BlockLength - HeadLength) / LiveMark.Size;

    private readonly SafeFileHandle _file;
    private readonly LiveMark[][] _waiting = new LiveMark[Count][];
    private readonly int[] _waitingCount = new int[Count];
    private readonly List<byte> _parts = [];
    private readonly long[] _rows = new long[Count];
    private readonly byte[] _block = new byte[BlockLength];

    /// <param name="path">The file.</param>
    /// <param name="blocks">Blocks of it that are whole; what is behind them is thrown away.</param>
    public Partitions(string path, int blocks)
    {
        _file = DurableFile.OpenScratch(path, anew: blocks == 0);
        for (int block = 0; block < blocks; block++) Admit(block);
    }

    /// <summary>Blocks written.</summary>
    public int Blocks => _parts.Count;

    /// <summary>Rows written of a part.</summary>
    public long RowsOf(int part) => _rows[part];

    /// <summary>Adds a row. One thread.</summary>
    public void Add(in LiveMark row)
    {
        int part = (int)(row.High >> (64 - Bits));
        LiveMark[] waiting = _waiting[part] ??= new LiveMark[BlockRows];
        waiting[_waitingCount[part]] = row;
        if (++_waitingCount[part] == BlockRows) Write(part);
    }

    /// <summary>Writes what waits, so that <see cref="Blocks"/> says all.</summary>
    public void Write()
    {
        for (int part = 0; part < Count; part++)
        {
            if (_waitingCount[part] > 0) Write(part);
        }
    }

    /// <summary>Gives all rows of a part to <paramref name="take"/>, a block at a time. Several threads at once.</summary>
    public void Read(int part, Action<ReadOnlySpan<LiveMark>> take)
    {
        byte[] block = new byte[BlockLength];
        for (int i = 0; i < _parts.Count; i++)
        {
            if (_parts[i] == part) take(ReadBlock(i, block));
        }
    }

    /// <summary>Closes the file and leaves it, to be gone on with.</summary>
    public void Dispose() => _file.Dispose();

    private void Write(int part)
    {
        Span<int> head = MemoryMarshal.Cast<byte, int>(_block.AsSpan());
        (head[0], head[1]) = (part, _waitingCount[part]);
        MemoryMarshal.AsBytes(_waiting[part].AsSpan(0, _waitingCount[part])).CopyTo(_block.AsSpan(HeadLength));
        RandomAccess.Write(_file, _block, (long)_parts.Count * BlockLength);
        _parts.Add((byte)part);
        _rows[part] += _waitingCount[part];
        _waitingCount[part] = 0;
    }

    private void Admit(int block)
    {
        Span<byte> head = _block.AsSpan(0, HeadLength);
        // a part without rows: they are found missing, and looked up
        if (RandomAccess.Read(_file, head, (long)block * BlockLength) != HeadLength) head.Clear();
        ReadOnlySpan<int> words = MemoryMarshal.Cast<byte, int>(head);
        int part = words[0] is >= 0 and < Count ? words[0] : 0;
        _parts.Add((byte)part);
        _rows[part] += Math.Clamp(words[1], 0, BlockRows);
    }

    private ReadOnlySpan<LiveMark> ReadBlock(int index, byte[] block)
    {
        int read = RandomAccess.Read(_file, block, (long)index * BlockLength);
        int count = read < HeadLength ? 0 : Math.Clamp(MemoryMarshal.Cast<byte, int>(block)[1], 0, (read - HeadLength) / LiveMark.Size);
        return MemoryMarshal.Cast<byte, LiveMark>(block.AsSpan(HeadLength, count * LiveMark.Size));
    }
}
