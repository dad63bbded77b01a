using System.Buffers;
using System.Runtime.CompilerServices;

namespace Indelible.Capture;

/// <summary>Takes the text form of COPY apart, a row at a time, in place: nothing is allocated,
/// and the bytes read are changed where they held escapes.</summary>
/// <remarks>Source: https://www.postgresql.org/docs/current/sql-copy.html, "Text Format";
/// UTF-8, so no byte of a longer character looks like one of these.</remarks>
public ref struct CopyRows
{
    private const byte Tab = (byte)'\t', NewLine = (byte)'\n', Backslash = (byte)'\\';
    private static readonly SearchValues<byte> Special = SearchValues.Create([Tab, NewLine, Backslash]);

    private readonly Span<byte> _block;
    private readonly Span<(int Start, int Length)> _fields;
    private int _at;

    /// <summary>Rows of a block that begins and ends with whole rows.</summary>
    /// <param name="block">The block; it is written to.</param>
    /// <param name="fields">Room for the columns of a row.</param>
    public CopyRows(Span<byte> block, Span<(int Start, int Length)> fields)
    {
        _block = block;
        _fields = fields;
    }

    /// <summary>Goes to the next row; false at the end.</summary>
    /// <exception cref="FormatException">A row does not have the columns asked for, or is not whole.</exception>
    public bool Next()
    {
        if (_at == _block.Length) return false;
        for (int field = 0; field < _fields.Length; field++)
        {
            bool isLast = field == _fields.Length - 1;
            if (Take(ref _fields[field]) != (isLast ? NewLine : Tab))
                throw Wrong($"expected {_fields.Length} columns, found {(isLast ? "more" : $"{field + 1}")}");
        }
        return true;
    }

    /// <summary>True if a column of the row is NULL.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public readonly bool IsNull(int field) => _fields[field].Length < 0;

    /// <summary>A column's text; empty for NULL. Good until the block is used again.</summary>
    public readonly ReadOnlySpan<byte> this[int field]
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        get => _block.Slice(_fields[field].Start, Math.Max(0, _fields[field].Length));
    }

    /// <summary>Takes a field and gives what ended it.</summary>
    private byte Take(ref (int Start, int Length) field)
    {
        int start = _at;
        int next = _block[start..].IndexOfAny(Special);
        if (next < 0) throw Wrong("expected a row to end, found the end of the block");
        int end = start + next;
        if (_block[end] == Backslash) return TakeEscaped(ref field, end);
        field = (start, next);
        _at = end + 1;
        return _block[end];
    }

    /// <summary>The same from the first backslash on; what follows an escape moves down over it.</summary>
    private byte TakeEscaped(ref (int Start, int Length) field, int from)
    {
        int start = _at, write = from;
        for (int read = from; read < _block.Length; read++)
        {
            byte one = _block[read];
            if (one is Tab or NewLine)
            {
                field = (start, write - start);
                _at = read + 1;
                return one;
            }
            if (one != Backslash)
            {
                _block[write++] = one;
                continue;
            }
            if (++read == _block.Length) break;
            if (_block[read] == 'N' && read == start + 1) return TakeNull(ref field, read + 1);
            _block[write++] = Meaning(_block[read]);
        }
        throw Wrong("expected a row to end, found the end of the block");
    }

    private byte TakeNull(ref (int Start, int Length) field, int end)
    {
        if (end >= _block.Length || _block[end] is not (Tab or NewLine))
            throw Wrong("expected NULL to stand alone, found something behind it");
        field = (end, -1);    // NULL
        _at = end + 1;
        return _block[end];
    }

    private static byte Meaning(byte escape) => escape switch
    {
        (byte)'b' => (byte)'\b',
        (byte)'f' => (byte)'\f',
        (byte)'n' => NewLine,
        (byte)'r' => (byte)'\r',
        (byte)'t' => Tab,
        (byte)'v' => (byte)'\v',
        _ => escape,    // the server escapes nothing else but the backslash
    };

    private static FormatException Wrong(string what) => new($"COPY: {what}");
}
