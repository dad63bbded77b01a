using System.Numerics;
using Indelible.Capture;
using Indelible.Format.Sealing;
using Indelible.Index;
using Indelible.Ledger;

namespace Indelible.Server.Comparing;

/// <summary>64 bits over the fingerprints of a row's protected values, the same for what the database shows and what the
/// ledger holds. Immutable.</summary>
/// <remarks>Fingerprints are keyed, each under a key of its column: whoever lacks the keys can make no two rows meet but
/// by chance, 1 in 2⁶⁴.</remarks>
internal sealed class RowDigest
{
    private const int Turn = 23;
    private const ulong Odd = 0x9E3779B97F4A7C15;

    private readonly (short Number, int Place, byte[] Key)[] _columns;
    private readonly int _keyWidth;
    private readonly TableMarks _marks;

    /// <param name="keyring">Has the columns' keys.</param>
    /// <param name="source">Short name of the source.</param>
    /// <param name="table">The table.</param>
    /// <param name="lost">Columns that the database no longer has: left out.</param>
    /// <param name="marks">Which images say something.</param>
    public RowDigest(Keyring keyring, string source, ProtectedTable table, IReadOnlyList<string> lost, TableMarks marks)
    {
        _columns = [.. table.Columns.Select((column, place) => (column, place)).Where(one => !lost.Contains(one.column.Name))
            .Select(one => (one.column.Number, one.place, keyring.FingerprintKey(source, table.Id, one.column.Number)))];
        (_keyWidth, _marks) = (table.Key.Count, marks);
    }

    /// <summary>Columns that are looked at.</summary>
    public int ColumnCount => _columns.Length;

    /// <summary>Of a live row.</summary>
    public ulong Of(in CopyRows row)
    {
        ulong digest = 0;
        foreach ((_, int place, byte[] key) in _columns)
        {
            int field = _keyWidth + place;
            digest = Mix(digest, row.IsNull(field) ? Fingerprint.Null : Fingerprint.Of(key, row[field]));
        }
        return digest;
    }

    /// <summary>Of a live row's values.</summary>
    public ulong Of(IReadOnlyList<CapturedValue> values)
    {
        ulong digest = 0;
        foreach ((_, int place, byte[] key) in _columns)
        {
            digest = Mix(digest, values[place].IsNull ? Fingerprint.Null : Fingerprint.Of(key, values[place].Text.Span));
        }
        return digest;
    }

    /// <summary>Of what the ledger holds; false if it does not know all of it.</summary>
    public bool TryOf(EncodedImage image, out ulong digest)
    {
        digest = 0;
        if (!_marks.IsComparable(image.At, image.Ordinal)) return false;
        foreach ((short number, int place, _) in _columns)
        {
            Fingerprint value = image.Of(number, place);
            if (!value.IsKnown) return false;
            digest = Mix(digest, value);
        }
        return true;
    }

    private static ulong Mix(ulong digest, Fingerprint value) => unchecked((BitOperations.RotateLeft(digest, Turn) ^ value.Bits) * Odd);
}
