using System.Buffers;
using System.Text;
using Indelible.Format;
using Npgsql;

namespace Indelible.Capture;

/// <content>Reads many rows at once, as COPY streams them, for whoever compares all of them.</content>
public sealed partial class LiveTable
{
    /// <summary>Bytes of a block, unless a single row is longer.</summary>
    private const int BlockLength = 256 * 1024;
    /// <summary>Longest row that a server can print: its buffers hold 1 GiB less a byte (MaxAllocSize, utils/memutils.h).</summary>
    private const int RowLengthMax = (1 << 30) - 1;

    /// <summary>The protected columns that the table no longer has; COPY gives NULL for them.</summary>
    public IReadOnlyList<string> LostColumns => [.. _select.Lost];

    /// <summary>Columns of a row as COPY prints it: the key's, then the protected ones.</summary>
    public int CopyColumns => _select.Width;

    /// <summary>Reads a stretch of keys in a snapshot of its own and hands its rows on as they come, in key order.</summary>
    /// <param name="range">What the blocks are marked with.</param>
    /// <param name="after">Key to begin behind; null: from the first row.</param>
    /// <param name="through">Last key wanted; null: to the end.</param>
    /// <param name="rowMax">Most rows; 0: all.</param>
    /// <param name="take">Receives the blocks, in arrays of <see cref="ArrayPool{T}.Shared"/>;
    /// whoever takes one gives it back there.</param>
    /// <param name="cancellationToken">Stops.</param>
    public async Task<LiveRange> ReadRangeAsync(
        int range, IReadOnlyList<string>? after, IReadOnlyList<string>? through, int rowMax,
        Func<LiveBlock, ValueTask> take, CancellationToken cancellationToken)
    {
        LiveSnapshot snapshot = await LiveSnapshot.BeginAsync(_connection, [_select], lockWait: null, cancellationToken);
        LiveRange read = await ReadRangeAsync(snapshot, range, after, through, rowMax, take, cancellationToken);
        await snapshot.EndAsync(cancellationToken);
        return read;
    }

    /// <summary>The same, in a snapshot that has others to read, too.</summary>
    internal async Task<LiveRange> ReadRangeAsync(
        LiveSnapshot snapshot, int range, IReadOnlyList<string>? after, IReadOnlyList<string>? through, int rowMax,
        Func<LiveBlock, ValueTask> take, CancellationToken cancellationToken)
    {
        // Operators are looked up and values printed under one path here.
        // Where it is not the pinned one, a value may print otherwise than in the log;
        // rows that seem to differ are read again by their keys, and then print as they should.
        await snapshot.WalkAsync(_keyPath, cancellationToken);
        (long rows, byte[]? last) = await CopyAsync(_select.Copy(after, through, rowMax), range, take, cancellationToken);
        bool isFull = rowMax > 0 && rows == rowMax;
        return new LiveRange
        {
            ReadBefore = snapshot.ReadBefore, ReadAfter = snapshot.ReadAfter,
            After = after, Through = isFull ? KeyOf(last!) : through, Rows = rows,
        };
    }

    /// <summary>Keys of some rows, from pages taken at random; all of them if the table is small.</summary>
    public async Task<IReadOnlyList<IReadOnlyList<string>>> SampleKeysAsync(int count, CancellationToken cancellationToken)
    {
        List<IReadOnlyList<string>> keys = [];
        await using NpgsqlCommand sample = Text(_select.Sample(count, RowEstimate));
        await using NpgsqlDataReader reader = await sample.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken)) keys.Add([.. Enumerable.Range(0, _select.KeyWidth).Select(reader.GetString)]);
        return keys;
    }

    /// <summary>Counts the rows and keeps the last.</summary>
    private async Task<(long Rows, byte[]? Last)> CopyAsync(
        string copy, int range, Func<LiveBlock, ValueTask> take, CancellationToken cancellationToken)
    {
        using TextReader text = await _connection.BeginTextExportAsync(copy, cancellationToken);
        Stream stream = ((StreamReader)text).BaseStream;    // the bytes as they come: nothing is decoded
        byte[] block = ArrayPool<byte>.Shared.Rent(BlockLength);
        byte[]? last = null;
        long rows = 0;
        for (int length = 0; ;)
        {
            int read = await stream.ReadAsync(block.AsMemory(length), cancellationToken);
            length += read;
            if (read > 0 && length < block.Length) continue;
            int whole = block.AsSpan(0, length).LastIndexOf((byte)'\n') + 1;    // one inside a value is escaped
            if (length - whole > RowLengthMax)
            {
                throw new IndelibleException(ExitCode.Environment,
                    $"expected a row of at most {RowLengthMax} bytes of {_select.Name}, as the server can print, found more. "
                        + "Is it the server itself that answers there?");
            }
            byte[] next = ArrayPool<byte>.Shared.Rent((int)Math.Clamp(2L * (length - whole), BlockLength, RowLengthMax + 1L));
            block.AsSpan(whole, length - whole).CopyTo(next);
            if (whole > 0)
            {
                rows += block.AsSpan(0, whole).Count((byte)'\n');
                last = block[(block.AsSpan(0, whole - 1).LastIndexOf((byte)'\n') + 1)..whole];
                await take(new LiveBlock(block.AsMemory(0, whole), range));
            }
            (block, length) = (next, length - whole);
            if (read == 0) return (rows, last);
        }
    }

    private string[] KeyOf(byte[] row)
    {
        CopyRows rows = new(row, new (int, int)[_select.Width]);
        rows.Next();
        string[] key = new string[_select.KeyWidth];
        for (int i = 0; i < key.Length; i++) key[i] = Encoding.UTF8.GetString(rows[i]);
        return key;
    }
}
